//! Tasks and threads beside the session: in-flight reads and notifications to the kernel.

use std::io;
use std::sync::Arc;

use fuser::Notifier;
use vfs_core::{InvalidationSink, TorrentSource, Vfs};

use crate::notices::Notices;
use crate::reads::Reads;

/// The tasks and threads of a mount. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Background {
    pub(super) reads: Reads,
    pub(super) notices: Arc<Notices>,
}

impl Background {
    /// Starts the threads. The mount continues without any that cannot be started.
    pub(super) fn start<S: TorrentSource>(&self, vfs: &Vfs<S>, notifier: &Notifier) {
        if let Err(error) = self.reads.serve(notifier.clone()) {
            tracing::warn!(%error, "waiting reads cannot be interrupted");
        }
        if let Err(error) = self.start_notices(vfs, notifier) {
            tracing::warn!(%error, "changes show within a second");
        }
    }

    /// Starts notifications to the kernel. Only then may it cache changing entries for long.
    fn start_notices<S: TorrentSource>(&self, vfs: &Vfs<S>, notifier: &Notifier) -> io::Result<()> {
        let (notices, kernel) = (Arc::clone(&self.notices), notifier.clone());
        self.reads.start("tfs-notices", move || notices.run(&kernel))?;
        let sink: Arc<dyn InvalidationSink> = Arc::<Notices>::clone(&self.notices);
        vfs.set_sink(Some(sink));
        self.notices.try_out(notifier);
        Ok(())
    }

    /// Ends the threads, and all reads with an error, including later ones.
    pub(super) fn end(&self) {
        self.reads.end();
        self.notices.end();
    }
}
