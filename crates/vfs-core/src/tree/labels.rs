//! What is known of torrents beside their content: tags, the files that a server downloads, and
//! whether it downloads what is read only.
//!
//! All may be known before the torrent is, and are kept when it is removed: it may come back.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::{Bitfield, FileIndex, InfoHash, ServerId};

/// Tags and selections, by torrent. Bounded by their owners, who persist them.
#[derive(Debug, Default)]
pub(super) struct Labels {
    tags: HashMap<InfoHash, Arc<[String]>>,
    /// The selected files of a torrent on a server, a bit for each file.
    selections: HashMap<(ServerId, InfoHash), Bitfield>,
    /// The on-demand torrents of a server.
    on_demand: HashMap<ServerId, HashSet<InfoHash>>,
}

impl Labels {
    /// Replaces the tags of a torrent. Returns whether they have changed.
    pub(super) fn set_tags(&mut self, torrent: InfoHash, tags: Arc<[String]>) -> bool {
        if *self.tags(torrent) == *tags {
            return false;
        }
        if tags.is_empty() {
            self.tags.remove(&torrent);
        } else {
            self.tags.insert(torrent, tags);
        }
        true
    }

    /// Returns the tags of a torrent in their order.
    pub(super) fn tags(&self, torrent: InfoHash) -> Arc<[String]> {
        self.tags.get(&torrent).map(Arc::clone).unwrap_or_default()
    }

    /// Replaces the selection of a torrent on a server; `None` if it is unknown. Returns whether it
    /// has changed.
    pub(super) fn set_selection(
        &mut self,
        server: ServerId,
        torrent: InfoHash,
        selected: Option<Bitfield>,
    ) -> bool {
        let key = (server, torrent);
        if self.selections.get(&key) == selected.as_ref() {
            return false;
        }
        match selected {
            Some(selected) => drop(self.selections.insert(key, selected)),
            None => drop(self.selections.remove(&key)),
        }
        true
    }

    /// Replaces the on-demand torrents of a server.
    pub(super) fn set_on_demand(&mut self, server: ServerId, torrents: HashSet<InfoHash>) {
        self.on_demand.insert(server, torrents);
    }

    /// Returns whether a torrent is on demand on a server.
    pub(super) fn is_on_demand(&self, server: ServerId, torrent: InfoHash) -> bool {
        self.on_demand.get(&server).is_some_and(|torrents| torrents.contains(&torrent))
    }

    /// Returns the known selections of a torrent on these servers; empty if that of one of them is
    /// unknown, since that server may download all files.
    pub(super) fn selections(
        &self,
        torrent: InfoHash,
        servers: impl IntoIterator<Item = ServerId>,
    ) -> Vec<Bitfield> {
        let of = |server| self.selections.get(&(server, torrent)).cloned();
        servers.into_iter().map(of).collect::<Option<_>>().unwrap_or_default()
    }
}

/// Returns whether a file is selected by one of these selections, or nothing is known.
pub(super) fn is_selected(selections: &[Bitfield], file: FileIndex) -> bool {
    selections.is_empty() || selections.iter().any(|selected| selected.has(file.0))
}
