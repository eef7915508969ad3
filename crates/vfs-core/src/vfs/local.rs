//! Local files of open handles.

use std::sync::Arc;

use super::Vfs;
use crate::handle::OpenFile;
use crate::{HandleId, LocalFile, TorrentSource};

impl<S: TorrentSource> Vfs<S> {
    /// Returns the open local file of a handle, if it is complete. Costs two short locks.
    #[must_use]
    pub fn whole_local_file(&self, handle: HandleId) -> Option<Arc<dyn LocalFile>> {
        let OpenFile::Torrent(file) = self.handles.get(handle).ok()? else { return None };
        self.engine.whole_local(file.id)
    }

    /// Returns whether [`find_local`](Self::find_local) needs neither a verification nor a request
    /// to the source: the file was complete when it was verified, and the source does not
    /// contradict. The source reports no pieces while it checks a torrent, or after it failed.
    #[must_use]
    pub fn is_local_known(&self, handle: HandleId) -> bool {
        let Ok(OpenFile::Torrent(file)) = self.handles.get(handle) else { return false };
        let states = self.tree().file_states(file.id);
        states.into_iter().any(|(server, state)| {
            let source = self.source(server).filter(|_| state.may_be_whole(file.len));
            source.is_some_and(|source| source.is_local_known(file.id))
        })
    }

    /// Opens the local file of a handle, if it [is known](Self::is_local_known). Resolves when the
    /// attempt is over.
    ///
    /// # Cancel safety
    /// Nothing is lost; the file is still opened.
    pub async fn find_local(&self, handle: HandleId) {
        let Ok(OpenFile::Torrent(file)) = self.handles.get(handle) else { return };
        let states = self.tree().file_states(file.id);
        for (server, state) in states {
            if self.source(server).is_some_and(|source| source.is_local_known(file.id)) {
                self.engine.find_local(server, file, state).await;
            }
        }
    }
}
