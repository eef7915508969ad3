//! Tests of the API over real sockets, with a fake mount.

pub(super) mod fake;
mod monitoring;
mod peers;
mod requests;
