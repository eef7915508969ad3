//! Torrents of which only what is read is downloaded: what a read waits for and costs.
//!
//! The servers are real rqbits with nothing selected. `cargo xtask scenario ondemand` runs all of
//! the shows, and the name of one runs it alone.

mod cost;
mod film;
mod library;
mod minidlna;
mod next;
mod opens;
mod probes;
mod server;
mod tools;
mod traced;
mod visits;
mod waits;

pub(crate) use self::film::run as film;
pub(crate) use self::next::run as next;
pub(crate) use self::opens::run as opens;
pub(crate) use self::probes::run as probes;
