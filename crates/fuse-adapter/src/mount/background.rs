//! What goes on beside the session: reads that are not answered yet, and notices to the kernel.

use std::io;
use std::sync::Arc;

use fuser::Notifier;
use vfs_core::{InvalidationSink, TorrentSource, Vfs};

use crate::notices::Notices;
use crate::reads::Reads;

/// The tasks and threads of a mount. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Background {
    pub(super) reads: Reads,
    pub(super) notices: Arc<Notices>,
}

impl Background {
    /// Starts the threads. The mount does without those that cannot be.
    pub(super) fn start<S: TorrentSource>(&self, vfs: &Vfs<S>, notifier: &Notifier) {
        if let Err(error) = self.reads.serve(notifier.clone()) {
            tracing::warn!(%error, "reads that wait cannot be interrupted");
        }
        if let Err(error) = self.start_notices(vfs, notifier) {
            tracing::warn!(%error, "changes show within a second");
        }
    }

    /// Lets the kernel be told of changes, and only then keep for long what may change.
    fn start_notices<S: TorrentSource>(&self, vfs: &Vfs<S>, notifier: &Notifier) -> io::Result<()> {
        let (notices, kernel) = (Arc::clone(&self.notices), notifier.clone());
        self.reads.start("tfs-notices", move || notices.run(&kernel))?;
        let sink: Arc<dyn InvalidationSink> = Arc::<Notices>::clone(&self.notices);
        vfs.set_sink(Some(sink));
        self.notices.try_out(notifier);
        Ok(())
    }

    /// Ends all reads with an error, those to come too, and the threads.
    pub(super) fn end(&self) {
        self.reads.end();
        self.notices.end();
    }
}
