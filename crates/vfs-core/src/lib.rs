//! The filesystem of tfs, without kernel, network, clock or disk.
//!
//! `vfs-core` turns the torrents of a [`TorrentSource`] into a read-only tree of files. It owns
//! identities, names, inode numbers and their lookup counts, directory listings, attributes,
//! handles, and the mapping of reads to streams. [`Vfs`] is its interface for a front end that has
//! lookup counts, as `fuse-adapter`. [`Export`] is the one for all others: front ends of networks,
//! and programs that embed this crate.
//!
//! ```text
//! front end --> Vfs --> Tree   (metadata: memory only, never blocks)
//!                  `--> Engine --> TorrentSource   (bytes: waits, but only until a deadline)
//! ```
//!
//! # Non-goals
//! The crate uses no fuser, libc, nix, hyper, serde, file, socket or wall clock. Metadata calls
//! never block for longer than a short lock. Time is an argument; only the engine uses tokio's
//! clock, so that tests can pause it.

mod arrangement;
mod attr;
mod budget;
mod control_dir;
mod engine;
mod error;
mod export;
mod export_page;
mod extents;
mod figures;
mod geometry;
mod handle;
mod id;
mod invalidation;
mod local;
mod looks;
mod name;
mod piece_shares;
mod range;
mod reader_origin;
mod search;
mod source;
mod timestamp;
mod torrent;
mod tree;
mod vfs;
mod xattr;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use arrangement::{ArrangedFile, ArrangedTorrent, Arrangement, RootContents, ViewPlace};
pub use attr::{Attr, DirEntry, Entry, FsCounts, FsStats, NodeKind, Validity};
pub use budget::{
    BudgetListener, BudgetMember, BudgetPeer, StreamBudget, StreamDemand, StreamPermits,
    StreamSlots,
};
pub use control_dir::ControlFile;
pub use engine::{
    BreakerState, Counters, FileCounters, FileParts, MissingPolicy, PreloadError, PreloadProgress,
    PreloadWait, ReadCounters, ReadPolicy, ReadWay, ReaderWait, ServerCounters,
};
pub use error::{SourceError, SourceErrorKind, VfsError};
pub use export::{Export, ExportFile, FilePool};
pub use export_page::{ExportEntry, ExportPage};
pub use extents::SeekTo;
pub use figures::{DurationCounts, FailureReason, LoggedWait, ReadSummary};
pub use geometry::Geometry;
pub use id::{FileId, FileIndex, HandleId, Ino, InodeNumbers, ServerId};
pub use invalidation::{Child, InvalidationSink};
pub use local::{LocalError, LocalFile, LocalPieces, LocalWanted, NoLocalFile};
pub use looks::LookWatcher;
pub use name::{NAME_BYTES_MAX, escape, unescape};
pub use piece_shares::PieceShares;
pub use range::ByteRange;
pub use reader_origin::ReaderOrigin;
pub use search::{GlobError, Query, QueryError, SearchHit};
pub use source::{
    DownloadProgress, Freshness, InlineUnavailable, ListAnswer, ListRequest, PeerCounts,
    SourceLimits, SourceRequests, SourceStream, TorrentSource,
};
pub use tfs_types::{Bitfield, InfoHash, ParseInfoHashError};
pub use timestamp::Timestamp;
pub use torrent::{
    FileEntry, FileKind, Layout, MetadataStatus, TorrentDetails, TorrentFile, TorrentState,
    TorrentSummary,
};
pub use tree::{Changes, KnownNode, NumberRange, RestoredTorrent, RootLayout, TorrentTime};
pub use vfs::{ClosedReader, OpenReader, Vfs, VfsConfig};
