//! Value types and small functions that several crates of the workspace share.
//!
//! [`InfoHash`] and [`Bitfield`] are what `rqbit-client` receives and `vfs-core` uses. [`Backoff`],
//! [`fnv1a`] and [`chain()`] serve every crate that retries, needs a permanent hash, or reports
//! errors; [`map_parallel`] those that build large trees. [`Tag`] is what users give to torrents,
//! [`OnDemandMode`] how those are downloaded of which only what is read is wanted.
//!
//! # Invariants
//! The crate is pure: no I/O, no clock, no async code, no other crate of the workspace. Without the
//! feature `serde` it does not see serde either.

mod backoff;
mod bitfield;
mod chain;
mod fnv;
mod info_hash;
mod on_demand;
mod parallel;
mod tag;

pub use backoff::Backoff;
pub use bitfield::Bitfield;
pub use chain::{chain, join_causes};
pub use fnv::{FNV1A_BASIS, fnv1a, fnv1a_32, fnv1a_from};
pub use info_hash::{InfoHash, ParseInfoHashError};
pub use on_demand::{OnDemandMode, ParseOnDemandModeError};
pub use parallel::map_parallel;
pub use tag::{ParseTagError, Tag};
