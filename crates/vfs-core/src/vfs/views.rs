//! Views: directories in the root that show torrents by rule.

use std::sync::Arc;

use super::Vfs;
use crate::tree::Views;
use crate::{Arrangement, Bitfield, FileId, InfoHash, RootContents, ServerId, TorrentSource};

impl<S: TorrentSource> Vfs<S> {
    /// Adds the views of an arrangement to the root, or replaces the torrents there by them. Must
    /// be called before any other call.
    #[must_use]
    pub fn with_views(self, arrangement: Arc<dyn Arrangement>, contents: RootContents) -> Self {
        self.tree_mut().set_views(Views::new(arrangement, contents));
        self
    }

    /// Returns the names of the views, not escaped, in their order.
    #[must_use]
    pub fn view_names(&self) -> Vec<String> {
        self.tree().view_names()
    }

    /// Replaces the tags of a torrent, which may not be known yet: a restart sets all tags first.
    /// Empty tags are none. `at` is the current time in seconds since 1970: the time of the
    /// directories whose entries change. Then notifies the sink.
    pub fn set_tags(&self, torrent: InfoHash, tags: Arc<[String]>, at: i64) {
        let is_new = self.tree_mut().set_tags(torrent, tags);
        tracing::debug!(%torrent, is_new, at, "tags");
    }

    /// Returns the tags of a torrent in their order.
    #[must_use]
    pub fn tags(&self, torrent: InfoHash) -> Arc<[String]> {
        self.tree().tags(torrent)
    }

    /// Replaces what is known of the files that a server downloads: a bit for each file of the
    /// torrent, in its order; `None` if it is unknown. The torrent may not be known yet. `at` is the
    /// current time in seconds since 1970. Then notifies the sink.
    pub fn set_selection(
        &self,
        server: ServerId,
        torrent: InfoHash,
        selected: Option<Bitfield>,
        at: i64,
    ) {
        if self.is_server(server) {
            let is_new = self.tree_mut().set_selection(server, torrent, selected);
            tracing::debug!(%torrent, is_new, at, "selection");
        }
    }

    /// Returns whether one of the servers of a torrent downloads a file. True if that is unknown.
    #[must_use]
    pub fn is_selected(&self, file: FileId) -> bool {
        self.tree().is_selected(file)
    }
}
