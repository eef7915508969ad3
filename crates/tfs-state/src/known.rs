//! The state with which a mount starts.

use rqbit_source::VerifiedFileRecord;
use vfs_core::{FileId, InfoHash, NumberRange, RestoredTorrent, TorrentDetails, TorrentSummary};

use super::absences::Absences;
use super::selection::KeptSelection;

/// The last known state of a server.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct KnownTree {
    /// When the set of torrents last changed, in seconds since 1970; `None` if there was no tree.
    pub changed_at: Option<i64>,
    /// All present and removed torrents.
    pub remembered: Vec<RestoredTorrent>,
    /// The last listing of the present torrents, in the order of the root directory.
    pub listing: Vec<TorrentSummary>,
    /// Their details.
    pub details: Vec<TorrentDetails>,
    /// Details of torrents that were never shown: they were recorded before the first tree was
    /// complete.
    pub early: Vec<TorrentDetails>,
    /// The torrents missing from the server's listing.
    pub absences: Absences,
    /// The inode numbers of torrents, with `--inode32`.
    pub numbers: Vec<(InfoHash, NumberRange)>,
    /// The files that the server downloads of torrents, unless it downloads all.
    pub selections: Vec<(InfoHash, KeptSelection)>,
    /// Their verified local files.
    pub proofs: Vec<(FileId, VerifiedFileRecord)>,
}
