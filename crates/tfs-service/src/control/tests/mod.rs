//! Tests of the API over real sockets, with a fake mount.

mod fake;
mod monitoring;
mod peers;
mod requests;
