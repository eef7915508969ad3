//! The API over real sockets, in front of a mount that the test plays.

mod fake;
mod monitoring;
mod peers;
mod requests;
