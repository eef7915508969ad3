//! Nodes of the folder: torrents, drafts and reasons.

use std::time::Duration;

use bytes::Bytes;
use vfs_core::InfoHash;

use crate::DropTicket;

/// A file of the folder. It may be a torrent and have a draft at the same time: a program writes
/// over the torrent's file.
#[derive(Debug, Default)]
pub(super) struct FolderNode {
    /// Index of its directory.
    pub(super) dir: usize,
    /// Its name, unless it was removed and is still open.
    pub(super) name: Option<String>,
    /// The torrent that it shows.
    pub(super) torrent: Option<ShownTorrent>,
    /// What a program has written.
    pub(super) draft: Option<Draft>,
    /// The text of a `.error` file.
    pub(super) note: Option<String>,
    /// Modification time, since 1970.
    pub(super) mtime: Duration,
    /// Number of open handles.
    pub(super) opens: u32,
}

/// A torrent that a node shows.
#[derive(Debug, Clone)]
pub(super) struct ShownTorrent {
    pub(super) info_hash: InfoHash,
    /// Its name as in the torrent.
    pub(super) name: String,
    /// The size of its metadata in bytes, once it is known.
    pub(super) size: Option<usize>,
    /// Its metadata while the file is open.
    pub(super) loaded: Option<Bytes>,
    /// When this folder added it. Listings that were requested before do not have it.
    pub(super) added_at: Option<Duration>,
}

/// Bytes that a program has written.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) bytes: Vec<u8>,
    /// Number of changes, which identifies the bytes.
    pub(super) version: u64,
    pub(super) phase: DraftPhase,
    /// When the last handle was closed.
    pub(super) closed_at: Option<Duration>,
    /// Whether it was reported as incomplete.
    pub(super) is_late: bool,
}

/// How far the addition of a draft is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum DraftPhase {
    /// Not examined, or not complete.
    #[default]
    Written,
    /// Sent with these bytes.
    Sent { ticket: DropTicket, version: u64 },
    /// Kept by the session.
    Kept { ticket: DropTicket, version: u64, reason: String },
    /// Added with these bytes.
    Added { version: u64 },
    /// Refused with these bytes. It had been kept if there is a ticket.
    Refused { version: u64, kept: Option<DropTicket>, reason: String },
}

impl Draft {
    /// Returns whether it counts as a draft: the server has not answered these bytes.
    pub(super) fn is_pending(&self) -> bool {
        !matches!(self.phase, DraftPhase::Added { version } if version == self.version)
    }

    /// Returns the ticket under which the session keeps it.
    pub(super) fn kept_ticket(&self) -> Option<DropTicket> {
        match &self.phase {
            DraftPhase::Kept { ticket, .. } | DraftPhase::Sent { ticket, .. } => Some(*ticket),
            DraftPhase::Refused { kept, .. } => *kept,
            DraftPhase::Written | DraftPhase::Added { .. } => None,
        }
    }
}

impl FolderNode {
    /// Returns the size in bytes. That of a torrent is 0 until its metadata was read once.
    pub(super) fn size(&self) -> usize {
        if let Some(draft) = &self.draft {
            return draft.bytes.len();
        }
        if let Some(note) = &self.note {
            return note.len();
        }
        self.torrent.as_ref().and_then(|torrent| torrent.size).unwrap_or(0)
    }

    /// Returns whether it has neither a torrent nor a draft nor a note.
    pub(super) fn is_empty(&self) -> bool {
        self.torrent.is_none() && self.draft.is_none() && self.note.is_none()
    }
}
