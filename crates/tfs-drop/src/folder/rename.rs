//! Renames: the verdict of programs that write under a temporary name.

use std::time::Duration;

use super::node::ShownTorrent;
use super::{DropFolder, DropStep};
use crate::kind::NameUse;
use crate::{DropFault, DropSession, Examined};

/// Rule of a rename for a name that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenameRule {
    /// The file of that name is replaced.
    Replace,
    /// It fails.
    KeepTarget,
}

impl DropFolder {
    /// Renames a file. A draft that gets a final name is examined and sent; it gets the name if it
    /// is not refused. The file of a torrent may get another name in its directory, under which it
    /// is then shown.
    ///
    /// # Errors
    /// [`DropFault::NotFound`], [`DropFault::Exists`], [`DropFault::NotPermitted`] for a directory,
    /// a reason, or a torrent that would lose its name, and [`DropFault::Invalid`] for a refused
    /// file, with a reason in the folder.
    pub fn rename(
        &mut self,
        session: &dyn DropSession,
        from: (u64, &str),
        to: (u64, &str),
        rule: RenameRule,
        now: Duration,
    ) -> Result<DropStep, DropFault> {
        let (from_dir, to_dir) = (self.dir(from.0)?, self.dir(to.0)?);
        let ino = self.find(from_dir, from.1).ok_or(DropFault::NotFound)?;
        let target = self.find(to_dir, to.1);
        if target == Some(ino) {
            return Ok(DropStep::Done);
        }
        if target.is_some() && rule == RenameRule::KeepTarget {
            return Err(DropFault::Exists);
        }
        let is_dir = |ino: u64| self.dirs.iter().any(|dir| dir.ino == ino);
        if is_dir(ino) || target.is_some_and(is_dir) || NameUse::of(to.1) == NameUse::Note {
            return Err(DropFault::NotPermitted);
        }
        let node = self.nodes.get(&ino).ok_or(DropFault::NotFound)?;
        let Some(draft) = node.draft.as_ref().filter(|draft| draft.is_pending()) else {
            return self.rename_torrent(ino, (from_dir, to_dir), to.1, now);
        };
        if node.torrent.is_some() || draft.kept_ticket().is_some() {
            return Err(DropFault::Busy);
        }
        let kind = match NameUse::of(to.1) {
            NameUse::Final(kind) if !draft.bytes.is_empty() => kind,
            NameUse::Final(_) | NameUse::Temporary | NameUse::Other | NameUse::Note => {
                return self.move_draft(ino, (to_dir, to.1), now);
            }
        };
        match session.examine(kind, &draft.bytes) {
            Examined::Incomplete(_) => self.move_draft(ino, (to_dir, to.1), now),
            Examined::Complete => self.submit(ino, kind, (to_dir, to.1.to_owned()), true),
            Examined::Refused(reason) => {
                self.refused += 1;
                self.write_note(to_dir, to.1, &reason, now);
                Err(DropFault::Invalid)
            }
        }
    }

    fn rename_torrent(
        &mut self,
        ino: u64,
        (from_dir, to_dir): (usize, usize),
        to: &str,
        now: Duration,
    ) -> Result<DropStep, DropFault> {
        let node = self.nodes.get(&ino).ok_or(DropFault::NotFound)?;
        let torrent = node.torrent.as_ref().ok_or(DropFault::NotPermitted)?;
        let is_shown = NameUse::of(to) == NameUse::Final(crate::DropKind::Torrent);
        if from_dir != to_dir || !is_shown {
            return Err(DropFault::NotPermitted);
        }
        if self.find(to_dir, to).is_some() {
            return Err(DropFault::Exists);
        }
        let (info_hash, place) = (torrent.info_hash, self.place(to_dir));
        self.link(ino, to_dir, to, now);
        let kept = super::KeptName { name: Some(to.to_owned()), is_paused: place.is_paused };
        self.keep_name(place.server, info_hash, kept);
        Ok(DropStep::Done)
    }

    /// Renames a draft without a verdict.
    fn move_draft(
        &mut self,
        ino: u64,
        to: (usize, &str),
        now: Duration,
    ) -> Result<DropStep, DropFault> {
        let target = self.find(to.0, to.1).and_then(|target| self.nodes.get(&target));
        if target.is_some_and(|target| target.torrent.is_some()) {
            // Its torrent would lose its name to a file that may never be one.
            return Err(DropFault::NotPermitted);
        }
        self.move_over(ino, to, now);
        if let Some(draft) = self.nodes.get_mut(&ino).and_then(|node| node.draft.as_mut()) {
            draft.is_late = false;
            draft.phase = super::node::DraftPhase::Written;
            draft.closed_at = draft.closed_at.map(|_closed| now);
        }
        Ok(DropStep::Done)
    }

    /// Gives a node a name, and removes the file that had it. A torrent that had it is shown by its
    /// own name.
    pub(super) fn move_over(&mut self, ino: u64, (dir, name): (usize, &str), now: Duration) {
        let target = self.find(dir, name).filter(|target| *target != ino);
        let displaced = target.and_then(|target| self.displace(target, now));
        self.link(ino, dir, name, now);
        // Only now, since its own name may be the one that was taken from it.
        if let Some((server, ShownTorrent { info_hash, name, .. })) = displaced {
            self.show(server, info_hash, &name, None, now);
        }
    }
}
