//! Open files: create, read, write, truncate, close.

use std::time::Duration;

use super::node::{Draft, DraftPhase, FolderNode, ShownTorrent};
use super::{Addition, DropAttr, DropFolder, DropStep};
use crate::kind::NameUse;
use crate::limits::{DRAFT_BYTES_MAX, DRAFTS_MAX, FILE_BYTES_MAX};
use crate::{DropFault, DropPlace, DropRequest, DropTicket};

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropOpen {
    /// Whether it may be written.
    pub writes: bool,
    /// Whether it is cut to nothing.
    pub truncates: bool,
}

impl DropFolder {
    /// Creates a file and opens it.
    ///
    /// # Errors
    /// [`DropFault::Exists`], [`DropFault::NoSpace`] for one draft too many,
    /// [`DropFault::NotPermitted`] for a name of a reason.
    pub fn create(
        &mut self,
        parent: u64,
        name: &str,
        now: Duration,
    ) -> Result<DropAttr, DropFault> {
        let dir = self.dir(parent)?;
        if self.find(dir, name).is_some() {
            return Err(DropFault::Exists);
        }
        if NameUse::of(name) == NameUse::Note {
            return Err(DropFault::NotPermitted);
        }
        if self.draft_count() >= DRAFTS_MAX {
            return Err(DropFault::NoSpace);
        }
        let ino = self.take_ino();
        let draft = Some(Draft::default());
        self.nodes
            .insert(ino, FolderNode { dir, draft, mtime: now, opens: 1, ..FolderNode::default() });
        self.drafting.insert(ino);
        self.link(ino, dir, name, now);
        self.attr(ino)
    }

    /// Shows a file that the session has kept since an earlier run. Returns the ticket under which
    /// it is added.
    pub fn restore(
        &mut self,
        place: DropPlace,
        name: &str,
        bytes: Vec<u8>,
        now: Duration,
    ) -> DropTicket {
        let dir = self.dir_of(place);
        let mut free = name.to_owned();
        let mut count = 1;
        while self.find(dir, &free).is_some() {
            count += 1;
            free = format!("{count} {name}");
        }
        let (ino, ticket) = (self.take_ino(), self.take_ticket());
        let (version, size) = (0, bytes.len());
        let phase = DraftPhase::Kept { ticket, version, reason: "it is sent again".to_owned() };
        let draft = Some(Draft { bytes, phase, closed_at: Some(now), ..Draft::default() });
        self.nodes.insert(ino, FolderNode { dir, draft, mtime: now, ..FolderNode::default() });
        self.drafting.insert(ino);
        self.link(ino, dir, &free, now);
        let addition = Addition { ino, version, size, dir, name: free, is_rename: false };
        self.additions.insert(ticket, addition);
        ticket
    }

    /// Opens a file. The metadata of a torrent is read from the server first.
    ///
    /// # Errors
    /// [`DropFault::NotFound`], [`DropFault::IsDirectory`], and [`DropFault::NotPermitted`] for
    /// writing a reason.
    pub fn open(&mut self, ino: u64, how: DropOpen, now: Duration) -> Result<DropStep, DropFault> {
        if self.dirs.iter().any(|dir| dir.ino == ino) {
            return Err(DropFault::IsDirectory);
        }
        let node = self.nodes.get_mut(&ino).ok_or(DropFault::NotFound)?;
        if node.note.is_some() && how.writes {
            return Err(DropFault::NotPermitted);
        }
        node.opens += 1;
        if how.truncates {
            if let Err(fault) = self.truncate(ino, 0, now) {
                self.release(ino, now);
                return Err(fault);
            }
            return Ok(DropStep::Done);
        }
        Ok(self.load(ino))
    }

    /// Requests the metadata of a torrent that is shown without a draft, unless it is in memory.
    fn load(&mut self, ino: u64) -> DropStep {
        let node = self.nodes.get(&ino).filter(|node| node.draft.is_none());
        let Some((node, torrent)) = node.and_then(|node| Some((node, node.torrent.as_ref()?)))
        else {
            return DropStep::Done;
        };
        if torrent.loaded.is_some() {
            return DropStep::Done;
        }
        let (server, info_hash) = (self.place(node.dir).server, torrent.info_hash);
        let ticket = self.take_ticket();
        self.loads.insert(ticket, ino);
        self.outbox.push(DropRequest::Load { ticket, server, info_hash });
        self.wait_for(ticket)
    }

    /// Returns bytes of an open file.
    ///
    /// # Errors
    /// [`DropFault::NotFound`], and [`DropFault::Io`] for a torrent without metadata.
    pub fn read(&self, ino: u64, offset: u64, len: usize) -> Result<&[u8], DropFault> {
        let node = self.nodes.get(&ino).ok_or(DropFault::NotFound)?;
        let bytes = match (&node.draft, &node.note, &node.torrent) {
            (Some(draft), _, _) => draft.bytes.as_slice(),
            (None, Some(note), _) => note.as_bytes(),
            (None, None, Some(torrent)) => torrent.loaded.as_deref().ok_or(DropFault::Io)?,
            (None, None, None) => &[],
        };
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(len).min(bytes.len());
        Ok(bytes.get(start..end).unwrap_or_default())
    }

    /// Writes bytes at an offset, or at the end for `None`. Returns their number.
    ///
    /// # Errors
    /// [`DropFault::TooLarge`], with a reason in the folder; [`DropFault::NoSpace`].
    pub fn write(
        &mut self,
        ino: u64,
        offset: Option<u64>,
        bytes: &[u8],
        now: Duration,
    ) -> Result<usize, DropFault> {
        let size = self.nodes.get(&ino).ok_or(DropFault::NotFound)?.size();
        let start = offset.map_or(size, |offset| usize::try_from(offset).unwrap_or(usize::MAX));
        let end = start.checked_add(bytes.len()).filter(|end| *end <= FILE_BYTES_MAX);
        let Some(end) = end else { return Err(self.refuse_size(ino, now)) };
        let draft = self.draft_for(ino, end)?;
        if draft.bytes.len() < end {
            draft.bytes.resize(end, 0);
        }
        if let Some(target) = draft.bytes.get_mut(start..end) {
            target.copy_from_slice(bytes);
        }
        draft.version += 1;
        self.touch(ino, now);
        Ok(bytes.len())
    }

    /// Sets the size of a file.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn truncate(&mut self, ino: u64, size: u64, now: Duration) -> Result<(), DropFault> {
        if self.nodes.get(&ino).is_some_and(|node| node.note.is_some()) {
            return Err(DropFault::NotPermitted);
        }
        let size = usize::try_from(size).ok().filter(|size| *size <= FILE_BYTES_MAX);
        let Some(size) = size else { return Err(self.refuse_size(ino, now)) };
        if size == 0 {
            self.start_empty_draft(ino)?;
        }
        let draft = self.draft_for(ino, size)?;
        if draft.bytes.len() != size {
            draft.bytes.resize(size, 0);
            draft.version += 1;
        }
        self.touch(ino, now);
        Ok(())
    }

    /// Makes a draft for a torrent that is overwritten, for which its metadata is not needed.
    fn start_empty_draft(&mut self, ino: u64) -> Result<(), DropFault> {
        let is_full = self.draft_count() >= DRAFTS_MAX;
        let node = self.nodes.get_mut(&ino).ok_or(DropFault::NotFound)?;
        if node.draft.is_none() {
            if is_full {
                return Err(DropFault::NoSpace);
            }
            node.draft = Some(Draft { version: 1, ..Draft::default() });
            self.drafting.insert(ino);
        }
        Ok(())
    }

    /// Returns the draft of a node, which may grow to `end` bytes.
    fn draft_for(&mut self, ino: u64, end: usize) -> Result<&mut Draft, DropFault> {
        let total = self.draft_bytes();
        let is_full = self.draft_count() >= DRAFTS_MAX;
        let node = self.nodes.get_mut(&ino).ok_or(DropFault::NotFound)?;
        if node.note.is_some() {
            return Err(DropFault::NotPermitted);
        }
        let size = node.draft.as_ref().map_or(0, |draft| draft.bytes.len());
        if end > size && total.saturating_add(end - size) > DRAFT_BYTES_MAX {
            return Err(DropFault::NoSpace);
        }
        if node.draft.is_none() {
            if is_full {
                return Err(DropFault::NoSpace);
            }
            let loaded = node.torrent.as_ref().and_then(|torrent| torrent.loaded.as_deref());
            let bytes = loaded.ok_or(DropFault::Io)?.to_vec();
            node.draft = Some(Draft { bytes, ..Draft::default() });
            self.drafting.insert(ino);
        }
        node.draft.as_mut().ok_or(DropFault::Io)
    }

    fn refuse_size(&mut self, ino: u64, now: Duration) -> DropFault {
        let Some(node) = self.nodes.get_mut(&ino) else { return DropFault::NotFound };
        let reason = format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20);
        if let Some(draft) = &mut node.draft {
            let version = draft.version;
            draft.phase = DraftPhase::Refused { version, kept: None, reason: reason.clone() };
        }
        if let Some(name) = node.name.clone() {
            let dir = node.dir;
            self.write_note(dir, &name, &reason, now);
        }
        self.refused += 1;
        DropFault::TooLarge
    }

    /// Sets the modification time of a file.
    pub fn touch(&mut self, ino: u64, mtime: Duration) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.mtime = mtime;
        }
    }

    /// Closes one handle of a file. After the last, what was added or refused is no draft any more.
    pub fn release(&mut self, ino: u64, now: Duration) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        node.opens = node.opens.saturating_sub(1);
        if node.opens > 0 {
            return;
        }
        if let Some(ShownTorrent { loaded, .. }) = &mut node.torrent {
            *loaded = None;
        }
        let Some(draft) = &mut node.draft else {
            if node.name.is_none() {
                self.free(ino);
            }
            return;
        };
        draft.closed_at = Some(now);
        let is_over = match &draft.phase {
            DraftPhase::Added { version } => *version == draft.version,
            DraftPhase::Refused { kept, .. } => kept.is_none(),
            DraftPhase::Written | DraftPhase::Sent { .. } | DraftPhase::Kept { .. } => false,
        };
        // The bytes of a temporary name may be refused only for now.
        let is_final = node
            .name
            .as_deref()
            .is_none_or(|name| !matches!(NameUse::of(name), NameUse::Temporary | NameUse::Other));
        if is_over && is_final {
            self.drop_draft(ino, now);
        } else if node.name.is_none() && draft.kept_ticket().is_none() {
            self.free(ino);
        }
    }

    /// Removes a draft, and its node if that shows nothing else.
    pub(super) fn drop_draft(&mut self, ino: u64, now: Duration) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        node.draft = None;
        self.drafting.remove(&ino);
        if node.is_empty() || node.name.is_none() {
            self.remove_node(ino, now);
        }
    }
}
