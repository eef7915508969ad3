//! Which events follow from what discovery finds.
//!
//! ```text
//! Discovery --> ServerEvents: first look, outages, paths --> EventHub --> hooks, event streams
//! ```
//!
//! Each mount has events of its own, since paths differ: a server of two mounts causes two.
//!
//! | what happens | events |
//! |---|---|
//! | the first look at a server in this process, whatever was known before | none |
//! | a torrent whose details came too late for the first look | only `tree_changed` |
//! | a torrent is missing from the list for a time, also by a restart of rqbit | none |
//! | a removal that is believed ([`absence`](crate::discovery)) | `torrent_removed` |
//! | a torrent has all selected files for the first time | `torrent_finished`, once |
//! | a server fails for [15 s](outage::DOWN_TIME_MIN) | `server_down`, and then `server_up` |
//!
//! The state directory remembers which torrents have finished. So one that is freed and downloaded
//! again, or removed and added again, finishes once.

mod hooks;
mod outage;
mod server;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tfs_api::wire::{EventKind, ServiceEvent};
use tfs_hooks::EventHub;
use tfs_sys::clock::now;

pub use self::hooks::hook_settings;
pub(crate) use self::server::{EventTorrent, ServerEvents};
pub(crate) use self::stream::event_lines;

/// The events of a mount. Clones are those of the same mount.
#[derive(Debug, Clone, Default)]
pub(crate) struct MountEvents {
    hub: EventHub,
    mountpoint: Arc<str>,
    /// The version of the tree's names for which an event was sent, or none was due.
    names_told: Arc<AtomicU64>,
}

impl MountEvents {
    /// Returns the events of the mount at this path.
    pub(crate) fn new(hub: EventHub, mountpoint: &str) -> Self {
        Self { hub, mountpoint: mountpoint.into(), names_told: Arc::default() }
    }

    /// Takes the names up to this version as told: they are part of the start. A change of another
    /// server in the same moment may be taken as told, too.
    pub(crate) fn skip_names_until(&self, version: u64) {
        self.names_told.fetch_max(version, Ordering::AcqRel);
    }

    /// Sends an event if names have changed, which have this version now.
    pub(crate) fn tell_names(&self, version: u64) {
        let told = self.names_told.fetch_max(version, Ordering::AcqRel);
        if told < version && self.hub.is_wanted(EventKind::TreeChanged) {
            self.hub.send(self.event(EventKind::TreeChanged));
        }
    }

    fn event(&self, event: EventKind) -> ServiceEvent {
        ServiceEvent {
            event,
            at: now(),
            mountpoint: self.mountpoint.as_ref().to_owned(),
            server: None,
            info_hash: None,
            name: None,
            path: None,
            error: None,
        }
    }
}
