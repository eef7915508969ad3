//! The state with which a mount starts.

use rqbit_source::VerifiedFileRecord;
use vfs_core::{FileId, InfoHash, NumberRange, RestoredTorrent, TorrentDetails, TorrentSummary};

use super::absences::Absences;

/// The last known state of a server.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct KnownTree {
    /// When the set of torrents last changed, in seconds since 1970; `None` if there was no tree.
    pub(crate) changed_at: Option<i64>,
    /// All present and removed torrents.
    pub(crate) remembered: Vec<RestoredTorrent>,
    /// The last listing of the present torrents, in the order of the root directory.
    pub(crate) listing: Vec<TorrentSummary>,
    /// Their details.
    pub(crate) details: Vec<TorrentDetails>,
    /// Details of torrents that were never shown: they were recorded before the first tree was
    /// complete.
    pub(crate) early: Vec<TorrentDetails>,
    /// The torrents missing from the server's listing.
    pub(crate) absences: Absences,
    /// The inode numbers of torrents, with `--inode32`.
    pub(crate) numbers: Vec<(InfoHash, NumberRange)>,
    /// Their verified local files.
    pub(crate) proofs: Vec<(FileId, VerifiedFileRecord)>,
}
