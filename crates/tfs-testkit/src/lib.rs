//! Shared support for the tests of tfs: generated content, fakes, isolation, real swarms.
//!
//! Only tests and `tfs-bench` depend on it: it contains nothing that the product needs. Helpers
//! return errors that name what they waited for. They never wait without a limit, never use a fixed
//! port (except `released`), and leave no files behind.

#[cfg(feature = "baseline-fs")]
pub mod baseline_fs;
pub mod content;
pub mod counts;
pub mod edge_cases;
pub mod fake;
pub mod fake_local;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod hermetic;
pub mod hostile;
pub mod isolate;
pub mod pages;
pub mod random;
#[cfg(feature = "released")]
pub mod released;
#[cfg(feature = "rqbit")]
pub mod rqbit;
pub mod skip;
#[cfg(feature = "swarm")]
pub mod swarm;
pub mod torrent_variants;
pub mod until;
