//! The torrents of an rqbit server as a [`TorrentSource`](vfs_core::TorrentSource).
//!
//! [`RqbitSource`] says in the words of `vfs-core` what `rqbit-client` hears on the wire: rqbit's
//! list with its stats becomes summaries, details and the `.torrent` file become a layout, errors
//! become the few kinds that a filesystem acts on.
//!
//! # What it never does
//! It sees no FUSE, keeps no bytes, retries nothing and decides nothing about what to fetch when:
//! that is the engine's business in `vfs-core`. Of files on this machine's disk it says which are
//! the server's; which of their bytes are there, the core knows.

mod bencode;
mod buffers;
mod error;
mod failure;
mod listed;
mod local;
mod mapping;
mod metainfo;
mod names;
mod source;
mod torrent_file;

pub use failure::failure_reason;
pub use local::{FileIdentity, LocalPaths, VerificationStore, VerifiedFileRecord};
pub use mapping::{complete, to_details, to_summary};
pub use source::{RqbitSource, RqbitStream, STREAMS_MAX_DEFAULT, TORRENT_TTL_DEFAULT};
pub use torrent_file::{TorrentFault, check_torrent_file};
