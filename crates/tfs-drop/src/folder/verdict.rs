//! Verdicts: whether a file is added, at flush, fsync and rename, and what the server answered.

use std::time::Duration;

use bytes::Bytes;
use vfs_core::InfoHash;

use super::node::{DraftPhase, ShownTorrent};
use super::{DropFolder, DropStep, KeptName};
use crate::kind::NameUse;
use crate::{DropAnswer, DropFault, DropKind, DropRequest, DropSession, DropTicket, Examined};

/// An addition without a final answer.
#[derive(Debug, Clone)]
pub(super) struct Addition {
    pub(super) ino: u64,
    /// The bytes that were sent.
    pub(super) version: u64,
    pub(super) size: usize,
    /// The name under which it is added.
    pub(super) dir: usize,
    pub(super) name: String,
    /// Whether the file gets this name with the answer.
    pub(super) is_rename: bool,
}

impl DropFolder {
    /// Returns whether a file may be closed: the verdict of its bytes. Called for flush and fsync.
    ///
    /// Empty and incomplete files, and those with a temporary name, have no verdict yet.
    ///
    /// # Errors
    /// [`DropFault::NotFound`], and [`DropFault::Invalid`] for a refused file, with a reason in the
    /// folder.
    pub fn flush(
        &mut self,
        session: &dyn DropSession,
        ino: u64,
        now: Duration,
    ) -> Result<DropStep, DropFault> {
        let node = self.nodes.get(&ino).ok_or(DropFault::NotFound)?;
        let (Some(draft), Some(name)) = (&node.draft, &node.name) else {
            return Ok(DropStep::Done);
        };
        match &draft.phase {
            DraftPhase::Added { version } | DraftPhase::Kept { version, .. }
                if *version == draft.version =>
            {
                return Ok(DropStep::Done);
            }
            DraftPhase::Refused { version, .. } if *version == draft.version => {
                return Err(DropFault::Invalid);
            }
            DraftPhase::Sent { ticket, version } if *version == draft.version => {
                let ticket = *ticket;
                return Ok(self.wait_for(ticket));
            }
            DraftPhase::Written
            | DraftPhase::Sent { .. }
            | DraftPhase::Kept { .. }
            | DraftPhase::Added { .. }
            | DraftPhase::Refused { .. } => {}
        }
        let NameUse::Final(kind) = NameUse::of(name) else { return Ok(DropStep::Done) };
        if draft.bytes.is_empty() {
            return Ok(DropStep::Done);
        }
        let (dir, name) = (node.dir, name.clone());
        match session.examine(kind, &draft.bytes) {
            Examined::Incomplete(_) => Ok(DropStep::Done),
            Examined::Complete => self.submit(ino, kind, (dir, name), false),
            Examined::Refused(reason) => {
                self.refuse(ino, (dir, &name), &reason, now);
                Err(DropFault::Invalid)
            }
        }
    }

    /// Sends a draft. If bytes of an earlier state are kept, that addition is cancelled.
    pub(super) fn submit(
        &mut self,
        ino: u64,
        kind: DropKind,
        (dir, name): (usize, String),
        is_rename: bool,
    ) -> Result<DropStep, DropFault> {
        let ticket = self.take_ticket();
        let place = self.place(dir);
        let draft = self.nodes.get_mut(&ino).and_then(|node| node.draft.as_mut());
        let draft = draft.ok_or(DropFault::NotFound)?;
        let (version, bytes) = (draft.version, Bytes::copy_from_slice(&draft.bytes));
        let size = bytes.len();
        let before = draft.kept_ticket();
        draft.phase = DraftPhase::Sent { ticket, version };
        if let Some(before) = before {
            self.cancel(before);
        }
        let addition = Addition { ino, version, size, dir, name: name.clone(), is_rename };
        self.additions.insert(ticket, addition);
        self.outbox.push(DropRequest::Add { ticket, place, name, kind, bytes });
        Ok(self.wait_for(ticket))
    }

    pub(super) fn cancel(&mut self, ticket: DropTicket) {
        self.additions.remove(&ticket);
        self.settle(ticket, Ok(()));
        self.outbox.push(DropRequest::Cancel { ticket });
    }

    /// Marks a draft as refused, and shows the reason beside the name.
    pub(super) fn refuse(
        &mut self,
        ino: u64,
        (dir, name): (usize, &str),
        reason: &str,
        now: Duration,
    ) {
        if let Some(draft) = self.nodes.get_mut(&ino).and_then(|node| node.draft.as_mut()) {
            let (version, reason) = (draft.version, reason.to_owned());
            draft.phase = DraftPhase::Refused { version, kept: None, reason };
        }
        self.refused += 1;
        self.write_note(dir, name, reason, now);
    }

    /// Takes the answer to a request. Answers to tickets that are over are ignored.
    pub fn answer(&mut self, ticket: DropTicket, answer: DropAnswer, now: Duration) {
        match answer {
            DropAnswer::Added { info_hash, name } => {
                self.on_added(ticket, info_hash, name.as_deref(), now);
            }
            DropAnswer::AddedLinks { failed } => self.on_links(ticket, &failed, now),
            DropAnswer::Kept { reason } => self.on_kept(ticket, reason, now),
            DropAnswer::Refused { reason } => self.on_refused(ticket, &reason, now),
            DropAnswer::Failed { fault, reason } => self.on_failed(ticket, fault, &reason, now),
            DropAnswer::Forgotten => {
                if let Some((server, info_hash)) = self.removals.remove(&ticket) {
                    self.on_forgotten(server, info_hash, now);
                }
                self.settle(ticket, Ok(()));
            }
            DropAnswer::Loaded(bytes) => {
                if let Some(ino) = self.loads.remove(&ticket) {
                    self.on_loaded(ino, bytes);
                }
                self.settle(ticket, Ok(()));
            }
        }
    }

    fn on_added(
        &mut self,
        ticket: DropTicket,
        info_hash: InfoHash,
        torrent_name: Option<&str>,
        now: Duration,
    ) {
        let Some(addition) = self.additions.remove(&ticket) else { return };
        self.added += 1;
        let server = self.place(addition.dir).server;
        let is_open_to_all = self.nodes.get(&addition.ino).is_some_and(|node| node.name.is_some());
        self.note_forgotten(server, info_hash, None);
        if !is_open_to_all {
            // It was removed meanwhile, which is no reason to forget it.
            self.free_if_closed(addition.ino, now);
            self.show_new(addition.dir, info_hash, torrent_name, now);
            return self.settle(ticket, Ok(()));
        }
        if addition.is_rename {
            self.move_over(addition.ino, (addition.dir, &addition.name), now);
        }
        self.take_over(addition.ino, server, info_hash, now);
        if let Some(node) = self.nodes.get_mut(&addition.ino) {
            node.torrent = Some(ShownTorrent {
                info_hash,
                name: torrent_name.map_or_else(|| info_hash.to_string(), str::to_owned),
                size: Some(addition.size),
                loaded: None,
                added_at: Some(now),
            });
            if let Some(draft) = &mut node.draft {
                draft.phase = DraftPhase::Added { version: addition.version };
            }
        }
        self.clear_note(addition.dir, &addition.name, now);
        let is_paused = self.place(addition.dir).is_paused;
        let kept = KeptName { name: Some(addition.name), is_paused };
        self.keep_name(server, info_hash, kept);
        self.close_answered(addition.ino, addition.version, now);
        self.settle(ticket, Ok(()));
    }

    /// Drops the draft of a closed file whose bytes were answered.
    fn close_answered(&mut self, ino: u64, version: u64, now: Duration) {
        let is_over = self.nodes.get(&ino).is_some_and(|node| {
            node.opens == 0 && node.draft.as_ref().is_some_and(|draft| draft.version == version)
        });
        if is_over {
            self.drop_draft(ino, now);
        }
    }

    fn free_if_closed(&mut self, ino: u64, now: Duration) {
        if self.nodes.get(&ino).is_some_and(|node| node.opens == 0) {
            self.remove_node(ino, now);
        }
    }

    fn on_links(&mut self, ticket: DropTicket, failed: &[String], now: Duration) {
        let Some(addition) = self.additions.remove(&ticket) else { return };
        self.settle(ticket, Ok(()));
        let place = (addition.dir, addition.name.as_str());
        if addition.is_rename {
            self.move_over(addition.ino, place, now);
        }
        if let Some(draft) = self.nodes.get_mut(&addition.ino).and_then(|it| it.draft.as_mut()) {
            draft.phase = DraftPhase::Added { version: addition.version };
        }
        match failed {
            [] => self.clear_note(addition.dir, &addition.name, now),
            failed => {
                self.refused += failed.len() as u64;
                self.write_note(addition.dir, &addition.name, &failed.join("\n"), now);
            }
        }
        self.close_answered(addition.ino, addition.version, now);
    }

    fn on_kept(&mut self, ticket: DropTicket, reason: String, now: Duration) {
        let Some(addition) = self.additions.get_mut(&ticket) else { return };
        let is_rename = std::mem::take(&mut addition.is_rename);
        let addition = addition.clone();
        if is_rename {
            self.move_over(addition.ino, (addition.dir, &addition.name), now);
        }
        if let Some(draft) = self.nodes.get_mut(&addition.ino).and_then(|it| it.draft.as_mut())
            && draft.kept_ticket() == Some(ticket)
        {
            draft.phase = DraftPhase::Kept { ticket, version: addition.version, reason };
        }
        self.settle(ticket, Ok(()));
    }

    fn on_refused(&mut self, ticket: DropTicket, reason: &str, now: Duration) {
        let Some(addition) = self.additions.remove(&ticket) else { return };
        let was_kept = self.nodes.get(&addition.ino).and_then(|node| node.draft.as_ref());
        let was_kept = was_kept.is_some_and(|it| matches!(it.phase, DraftPhase::Kept { .. }));
        self.refuse(addition.ino, (addition.dir, &addition.name), reason, now);
        let node = self.nodes.get_mut(&addition.ino);
        if let Some(DraftPhase::Refused { version, kept, .. }) =
            node.and_then(|node| node.draft.as_mut()).map(|draft| &mut draft.phase)
        {
            (*version, *kept) = (addition.version, was_kept.then_some(ticket));
        }
        self.settle(ticket, Err(DropFault::Invalid));
        if !was_kept {
            // No program got a success, so the session keeps nothing.
            self.outbox.push(DropRequest::Cancel { ticket });
        }
        // A close that waits for this answer has not reached its release, unless it was given up.
        if !was_kept && !addition.is_rename {
            let is_closed = self.nodes.get(&addition.ino).is_some_and(|node| node.opens == 0);
            if is_closed {
                self.drop_draft(addition.ino, now);
            }
        }
    }

    fn on_failed(&mut self, ticket: DropTicket, fault: DropFault, reason: &str, now: Duration) {
        self.removals.remove(&ticket);
        self.loads.remove(&ticket);
        if let Some(addition) = self.additions.remove(&ticket) {
            if let Some(draft) = self.nodes.get_mut(&addition.ino).and_then(|it| it.draft.as_mut())
            {
                // The next flush sends it again.
                draft.phase = DraftPhase::Written;
            }
            self.write_note(addition.dir, &addition.name, reason, now);
        }
        self.settle(ticket, Err(fault));
    }

    fn on_loaded(&mut self, ino: u64, bytes: Bytes) {
        if let Some(torrent) = self.nodes.get_mut(&ino).and_then(|node| node.torrent.as_mut()) {
            torrent.size = Some(bytes.len());
            torrent.loaded = Some(bytes);
        }
    }

    /// Stores the result for those who wait.
    pub(super) fn settle(&mut self, ticket: DropTicket, result: Result<(), DropFault>) {
        if let Some(wait) = self.waits.get_mut(&ticket) {
            wait.result.get_or_insert(result);
        }
    }

    /// Returns the result of a ticket, if it is there.
    #[must_use]
    pub fn result(&self, ticket: DropTicket) -> Option<Result<(), DropFault>> {
        // A caller without an entry does not wait.
        self.waits.get(&ticket).map_or(Some(Err(DropFault::Io)), |wait| wait.result)
    }

    /// Ends the wait of one caller: it has the result, or has given up.
    pub fn end_wait(&mut self, ticket: DropTicket) {
        let Some(wait) = self.waits.get_mut(&ticket) else { return };
        wait.waiter_count = wait.waiter_count.saturating_sub(1);
        if wait.waiter_count == 0 {
            self.waits.remove(&ticket);
        }
    }
}
