//! Views: directories in the root that show torrents by the rules of an [`Arrangement`].

use std::sync::Arc;

use super::Tree;
use super::labels::is_selected;
use crate::{Arrangement, Bitfield, FileId, InfoHash, RootContents, ServerId};

/// The views of a tree.
#[derive(Debug)]
pub(crate) struct Views {
    arrangement: Arc<dyn Arrangement>,
    contents: RootContents,
}

impl Views {
    pub(crate) fn new(arrangement: Arc<dyn Arrangement>, contents: RootContents) -> Self {
        Self { arrangement, contents }
    }
}

impl Tree {
    /// Sets the views. The tree must be empty.
    pub(crate) fn set_views(&mut self, views: Views) {
        tracing::debug!(contents = ?views.contents, "views");
        self.views = Some(views);
    }

    /// Returns the names of the views, not escaped.
    pub(crate) fn view_names(&self) -> Vec<String> {
        self.views.as_ref().map_or_else(Vec::new, |views| views.arrangement.view_names())
    }

    /// Replaces the tags of a torrent. Returns whether they have changed.
    pub(crate) fn set_tags(&mut self, torrent: InfoHash, tags: Arc<[String]>) -> bool {
        self.labels.set_tags(torrent, tags)
    }

    pub(crate) fn tags(&self, torrent: InfoHash) -> Arc<[String]> {
        self.labels.tags(torrent)
    }

    /// Replaces the selection of a torrent on a server. Returns whether it has changed.
    pub(crate) fn set_selection(
        &mut self,
        server: ServerId,
        torrent: InfoHash,
        selected: Option<Bitfield>,
    ) -> bool {
        self.labels.set_selection(server, torrent, selected)
    }

    /// Returns whether one of the servers of a torrent downloads a file.
    pub(crate) fn is_selected(&self, file: FileId) -> bool {
        let torrents = self.copies(file.torrent);
        let servers = torrents.flat_map(|(_, torrent)| torrent.standing.all());
        let servers = servers.map(|(server, _)| server);
        is_selected(&self.labels.selections(file.torrent, servers), file.index)
    }
}
