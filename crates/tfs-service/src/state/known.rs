//! What a mount begins with.

use rqbit_source::VerifiedFileRecord;
use vfs_core::{FileId, InfoHash, NumberRange, RestoredTorrent, TorrentDetails, TorrentSummary};

use super::absences::Absences;

/// What was known when tfs ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct KnownTree {
    /// When the set of torrents last changed, in seconds since 1970; `None` if there was no tree.
    pub(crate) changed_at: Option<i64>,
    /// All torrents that are or were there.
    pub(crate) remembered: Vec<RestoredTorrent>,
    /// What was last listed of those that are there, in the order of the root directory.
    pub(crate) listing: Vec<TorrentSummary>,
    /// Their details.
    pub(crate) details: Vec<TorrentDetails>,
    /// Details of torrents that were never shown: they were recorded before the first tree was
    /// complete.
    pub(crate) early: Vec<TorrentDetails>,
    /// Which torrents the server's listing lacked.
    pub(crate) absences: Absences,
    /// The inode numbers that torrents have, with `--inode32`.
    pub(crate) numbers: Vec<(InfoHash, NumberRange)>,
    /// Their files on this machine that were verified.
    pub(crate) proofs: Vec<(FileId, VerifiedFileRecord)>,
}
