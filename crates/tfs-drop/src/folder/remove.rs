//! Unlinks: drafts and reasons are removed, a torrent is forgotten if the policy permits it.

use std::time::Duration;

use super::{DropFolder, DropStep, RemovalPolicy};
use crate::{DropFault, DropRequest};

impl DropFolder {
    /// Removes a name. A torrent is forgotten by its server first, which keeps its files.
    ///
    /// # Errors
    /// [`DropFault::NotFound`], [`DropFault::IsDirectory`], and [`DropFault::NotPermitted`] for a
    /// torrent without [`RemovalPolicy::Forget`].
    pub fn unlink(
        &mut self,
        parent: u64,
        name: &str,
        now: Duration,
    ) -> Result<DropStep, DropFault> {
        let dir = self.dir(parent)?;
        if self.subdir(dir, name).is_some() {
            return Err(DropFault::IsDirectory);
        }
        let ino = self.find(dir, name).ok_or(DropFault::NotFound)?;
        let node = self.nodes.get(&ino).ok_or(DropFault::NotFound)?;
        let Some(torrent) = &node.torrent else {
            let kept = node.draft.as_ref().and_then(|draft| draft.kept_ticket());
            if let Some(ticket) = kept {
                self.cancel(ticket);
            }
            if let Some(draft) = self.nodes.get_mut(&ino).and_then(|node| node.draft.as_mut()) {
                draft.phase = super::node::DraftPhase::Written;
            }
            self.remove_node(ino, now);
            return Ok(DropStep::Done);
        };
        if self.options.removal == RemovalPolicy::Off {
            return Err(DropFault::NotPermitted);
        }
        let (server, info_hash) = (self.place(dir).server, torrent.info_hash);
        let ticket = self.take_ticket();
        self.removals.insert(ticket, (server, info_hash));
        self.outbox.push(DropRequest::Forget { ticket, server, info_hash });
        Ok(self.wait_for(ticket))
    }

    /// Returns why a directory of this name cannot be removed. None can.
    ///
    /// # Errors
    /// Always: [`DropFault::NotFound`], [`DropFault::NotDirectory`] or
    /// [`DropFault::NotPermitted`].
    pub fn rmdir(&self, parent: u64, name: &str) -> Result<(), DropFault> {
        let dir = self.dir(parent)?;
        match (self.subdir(dir, name), self.find(dir, name)) {
            (Some(_), _) => Err(DropFault::NotPermitted),
            (None, Some(_)) => Err(DropFault::NotDirectory),
            (None, None) => Err(DropFault::NotFound),
        }
    }
}
