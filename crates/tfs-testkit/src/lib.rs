//! What the tests of tfs share: generated content, fakes, isolation, real swarms.
//!
//! It is a dependency of tests and of `tfs-bench`: no crate that ships depends on it, and it holds
//! nothing that the product needs. Helpers answer with errors that say what they waited for; they
//! never wait without a limit, never use a fixed port (but `released`), and leave nothing behind on
//! disk.

#[cfg(feature = "ceiling")]
pub mod ceiling;
#[cfg(any(feature = "faults", feature = "permits"))]
mod connections;
pub mod content;
pub mod fake;
pub mod fake_local;
#[cfg(feature = "faults")]
pub mod faults;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod hermetic;
pub mod hostile;
pub mod isolate;
#[cfg(feature = "library")]
pub mod library;
#[cfg(feature = "malice")]
pub mod malice;
pub mod odd;
#[cfg(feature = "permits")]
pub mod permits;
pub mod random;
#[cfg(feature = "released")]
pub mod released;
pub mod skip;
#[cfg(feature = "swarm")]
pub mod swarm;
pub mod torrent_variants;
pub mod until;
