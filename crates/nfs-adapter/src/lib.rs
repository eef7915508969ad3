//! The tree of an [`Export`](vfs_core::Export) over NFS version 3 (RFC 1813), read-only.
//!
//! [`NfsServer`] answers NFS and MOUNT on one TCP port, so that clients need no port mapper. RPC
//! (RFC 5531) and XDR (RFC 4506) are decoded here, within limits; the answers are packed by
//! `nfs3_types`.
//!
//! ```text
//! accept --> connection   one task for each: records in, replies out
//!               |  RecordDecoder, RpcCall        sizes are checked before memory is allocated
//!               |--> NfsTree                     metadata: answered at once, from memory
//!               `--> FileReads --> ExportFile    reads: a task for each that waits
//! ```
//!
//! # Invariants
//! - A client sees what is below the exported path only if it knows that path: file handles carry a
//!   MAC, and no other call returns one.
//! - A file handle stays valid after a restart with the same key and exported path.
//! - The end of a connection ends its reads.
//! - Every size, number and time of a connection has a limit, see [`NfsServer`].
//!
//! # Non-goals
//! Writing, locks (NLM), UDP, the port mapper, Kerberos, and NFS version 4.

mod connection;
mod counts;
mod handle;
mod memory;
mod places;
mod reads;
mod server;
mod service;
mod settings;
mod tree;
mod wire;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use counts::NfsCounts;
pub use server::NfsServer;
pub use settings::{NfsError, NfsSettings, NfsWaits};

/// Maximum size of the data of a READ in bytes; FSINFO has it as `rtmax`.
const READ_BYTES_MAX: u32 = 1 << 20;
