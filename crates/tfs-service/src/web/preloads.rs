//! Preloads that the page has started. They go on when the page is closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use tfs_api::wire::{FailureBody, FailureKind, PreloadEvent, PreloadRequest};
use tfs_sys::blocking;
use tokio_util::task::AbortOnDropHandle;
use vfs_core::FileId;

use super::failure::unknown_torrent;
use crate::control::ControlTarget;

/// Maximum number of preloads at a time.
const PRELOADS_MAX: usize = 64;

/// A mount point and a file in it.
type PreloadKey = (String, FileId);

/// The running preloads. Dropping it ends them.
#[derive(Debug, Default)]
pub(super) struct PagePreloads {
    /// Protects the tasks; held for one access.
    running: Mutex<HashMap<PreloadKey, AbortOnDropHandle<()>>>,
}

impl PagePreloads {
    /// Preloads a file, unless that is going on.
    ///
    /// # Errors
    /// If the mount does not show the file, or too many preloads are running.
    pub(super) async fn start(
        &self,
        mount: &Arc<dyn ControlTarget>,
        file: FileId,
    ) -> Result<(), FailureBody> {
        let path = mount.files().paths_of(&[file]).pop().flatten();
        let path = path.ok_or_else(|| unknown_torrent(file.torrent))?;
        let key = (mount.id().mountpoint, file);
        if !self.has_room(&key)? {
            return Ok(());
        }
        let request = PreloadRequest { paths: vec![path.clone()], ..PreloadRequest::default() };
        let mount = Arc::clone(mount);
        let mut events = blocking(move || mount.preload(&request)).await?;
        let task = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                match event {
                    PreloadEvent::Failed { path, message }
                    | PreloadEvent::Stalled { path, message } => {
                        tracing::warn!(path, "the page's preload: {message}");
                    }
                    PreloadEvent::Ended { .. } => tracing::debug!(path, "preloaded"),
                    PreloadEvent::Began { .. }
                    | PreloadEvent::Progress { .. }
                    | PreloadEvent::Done { .. }
                    | PreloadEvent::Unknown => {}
                }
            }
        });
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(key, AbortOnDropHandle::new(task));
        Ok(())
    }

    /// Returns whether a preload may begin; false if it is running already.
    fn has_room(&self, key: &PreloadKey) -> Result<bool, FailureBody> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, task| !task.is_finished());
        if running.contains_key(key) {
            return Ok(false);
        }
        if running.len() >= PRELOADS_MAX {
            let message = format!("{PRELOADS_MAX} preloads are running; wait for one of them");
            return Err(FailureBody::new(FailureKind::Busy, message));
        }
        Ok(true)
    }
}
