//! A library that is mounted nowhere: `tfs serve`.

use std::fmt;
use std::sync::Arc;

use vfs_core::{TorrentSource, Vfs};

/// Ends the reads of a library when it is dropped.
pub(crate) struct ServedLibrary {
    shut_down: Box<dyn Fn() + Send + Sync>,
}

impl ServedLibrary {
    pub(crate) fn new<S: TorrentSource>(vfs: &Arc<Vfs<S>>) -> Self {
        let vfs = Arc::clone(vfs);
        Self { shut_down: Box::new(move || vfs.shut_down()) }
    }
}

impl Drop for ServedLibrary {
    fn drop(&mut self) {
        (self.shut_down)();
    }
}

impl fmt::Debug for ServedLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedLibrary").finish_non_exhaustive()
    }
}
