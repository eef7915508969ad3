//! The events of one server of a mount.

use std::collections::{HashMap, HashSet};

use tfs_api::wire::{EventKind, ServiceEvent};
use tokio::time::Instant;
use vfs_core::InfoHash;

use super::MountEvents;
use super::outage::Outage;

/// Maximum length of an error in an event, in characters.
const ERROR_CHARS_MAX: usize = 500;

/// The events of one server of a mount. The default sends none.
#[derive(Debug, Default)]
pub(crate) struct ServerEvents {
    mount: MountEvents,
    server: String,
    /// Whether the mount has started.
    has_begun: bool,
    /// Whether the first look is over.
    has_looked: bool,
    /// Torrents of the first look that are not shown yet.
    quiet: HashSet<InfoHash>,
    /// Paths of torrents that are about to leave the tree.
    leaving: HashMap<InfoHash, String>,
    outage: Outage,
}

/// A torrent in an event.
#[derive(Debug)]
pub(crate) struct EventTorrent {
    pub(crate) info_hash: InfoHash,
    pub(crate) name: Option<String>,
    /// Its path from the root of the mount.
    pub(crate) path: Option<String>,
}

impl ServerEvents {
    /// Returns the events of the server of this name.
    pub(crate) fn new(mount: MountEvents, server: String) -> Self {
        Self { mount, server, ..Self::default() }
    }

    /// Records that the mount has started: later changes are events.
    pub(crate) fn begin(&mut self) {
        self.has_begun = true;
    }

    /// Records the torrents of a listing that the tree does not show yet.
    pub(crate) fn on_unknown(&mut self, torrents: &HashSet<InfoHash>) {
        if !self.has_looked {
            self.quiet.clone_from(torrents);
        }
    }

    /// Records that a listing was processed.
    pub(crate) fn on_looked(&mut self) {
        self.has_looked = true;
    }

    /// Returns whether events of a kind are sent and wanted.
    pub(crate) fn wants(&self, kind: EventKind) -> bool {
        self.is_live() && self.mount.hub.is_wanted(kind)
    }

    /// Returns whether a torrent is part of the first look.
    pub(crate) fn is_quiet(&self, torrent: InfoHash) -> bool {
        self.quiet.contains(&torrent)
    }

    /// Ends the silence about torrents: they are shown now.
    pub(crate) fn on_shown(&mut self, torrents: impl Iterator<Item = InfoHash>) {
        if self.quiet.is_empty() {
            return;
        }
        for torrent in torrents {
            self.quiet.remove(&torrent);
        }
    }

    /// Replaces the paths of torrents that are about to leave the tree.
    pub(crate) fn set_leaving(&mut self, leaving: HashMap<InfoHash, String>) {
        self.leaving = leaving;
    }

    /// Returns the path that a torrent had.
    pub(crate) fn left(&mut self, torrent: InfoHash) -> Option<String> {
        self.leaving.remove(&torrent)
    }

    /// Sends an event about a torrent.
    pub(crate) fn tell(&self, kind: EventKind, torrent: EventTorrent) {
        let EventTorrent { info_hash, name, path } = torrent;
        let path = path.map(|path| format!("{}/{path}", self.mount.mountpoint));
        let info_hash = Some(info_hash.to_string());
        self.mount.hub.send(ServiceEvent { info_hash, name, path, ..self.event(kind) });
    }

    /// Sends an event if names have changed, which have this version now.
    pub(crate) fn tell_names(&self, version: u64) {
        if self.is_live() {
            self.mount.tell_names(version);
        } else {
            self.mount.skip_names_until(version);
        }
    }

    /// Records an answer with the list.
    pub(crate) fn on_answer(&mut self) {
        if self.outage.on_answer() && self.has_begun {
            self.mount.hub.send(self.event(EventKind::ServerUp));
        }
    }

    /// Records that a request for the list failed, which was sent at this time.
    pub(crate) fn on_failure(&mut self, asked_at: Instant, error: &str) {
        // Before the start, a failure counts, and nothing is sent.
        if self.outage.on_failure(asked_at) {
            let error = Some(error.chars().take(ERROR_CHARS_MAX).collect());
            self.mount.hub.send(ServiceEvent { error, ..self.event(EventKind::ServerDown) });
        }
    }

    fn is_live(&self) -> bool {
        self.has_begun && self.has_looked
    }

    fn event(&self, kind: EventKind) -> ServiceEvent {
        ServiceEvent { server: Some(self.server.clone()), ..self.mount.event(kind) }
    }
}
