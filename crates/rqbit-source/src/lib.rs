//! The torrents of an rqbit server as a [`TorrentSource`](vfs_core::TorrentSource).
//!
//! [`RqbitSource`] converts the types of `rqbit-client` to those of `vfs-core`: rqbit's list with
//! stats becomes summaries, details and the `.torrent` file become a layout, and errors become the
//! few kinds that a filesystem distinguishes.
//!
//! # Non-goals
//! The crate contains no FUSE code, caches no bytes, retries nothing, and does not decide what to
//! fetch when: that is the engine's task in `vfs-core`. It finds and verifies the server's files on
//! the local disk; the core tracks which of their bytes are present.

mod bencode;
mod buffers;
mod error;
mod failure;
mod listed;
mod local;
mod mapping;
mod metainfo;
mod names;
mod peer_search;
mod peers;
mod poll;
mod selections;
mod source;
mod torrent_file;

pub use failure::failure_reason;
pub use local::{
    FileIdentity, LocalPaths, USES_LOCAL_FILES, VerificationStore, VerifiedFileRecord,
};
pub use mapping::{complete, to_details, to_summary};
pub use peer_search::{FoundPeers, PeerSearch};
pub use source::{RqbitSource, RqbitStream, STREAMS_MAX_DEFAULT, TORRENT_TTL_DEFAULT};
pub use torrent_file::{TorrentFault, check_torrent_file, torrent_info_hash};
