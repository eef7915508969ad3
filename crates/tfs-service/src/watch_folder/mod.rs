//! Watch folders: the torrents of files that appear in a folder are added to a server.
//!
//! ```text
//! inotify, a rescan --> FolderTask --> HeldDir: finds, opens and renames files
//!                          |  ^
//!                     FileLedger: what is due for each file (pure)
//!                          |
//!                          `--> send: adds torrents, judges failures
//! ```
//!
//! A file is added when it is whole, and then renamed to `NAME.added`. What can never be added is
//! renamed to `NAME.rejected`, with the reason beside it. All else stays, and is retried.
//!
//! # Invariants
//! - Only regular files are read. They are opened without following links, through the descriptor
//!   of the folder, and belong to the user of this process, to the owner of the folder, or to root.
//! - A file that cannot be renamed is not sent again by this process.
//! - A folder is served by one process.
//! - The number of files, folders and bytes that are looked at is bounded.
//!
//! inotify comes with rustix, which this crate uses anyway. The crate `notify` was refused: it has
//! threads of its own, and interprets events that a rescan makes unnecessary.

mod content;
mod folder_task;
mod held_dir;
mod ledger;
mod marks;
mod send;
mod settings;
#[cfg(test)]
mod tests;
mod wake;

use tfs_api::status::WatchFolderStatus;
use tfs_api::wire::shown;
use tokio::task::JoinHandle;

use self::folder_task::FolderTask;
pub use self::settings::WatchSettings;
use crate::control::MountRegistry;

/// The watch folders of this process. Dropping it ends them.
#[derive(Debug, Default)]
pub struct WatchFolders {
    tasks: Vec<(WatchSettings, OwnedFolder)>,
}

/// The task of a folder, which ends when this is dropped.
#[derive(Debug)]
struct OwnedFolder(JoinHandle<()>);

impl Drop for OwnedFolder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl WatchFolders {
    /// Watches exactly these folders from now on. Returns whether that changes anything. Must be
    /// called in a runtime.
    pub async fn set(&mut self, wanted: Vec<WatchSettings>, mounts: &MountRegistry) -> bool {
        let (kept, ended) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition::<Vec<_>, _>(|(settings, _)| wanted.contains(settings));
        let mut is_changed = !ended.is_empty();
        self.tasks = kept;
        for (_, mut task) in ended {
            task.0.abort();
            // It releases the folder, which another may watch now. It was cancelled.
            drop((&mut task.0).await);
        }
        for settings in wanted {
            if self.tasks.iter().any(|(known, _)| *known == settings) {
                continue;
            }
            is_changed = true;
            tracing::info!(dir = %settings.dir.display(), server = settings.server_name,
                "watching a folder");
            let report = mounts.intake().add_folder(WatchFolderStatus {
                dir: shown(&settings.dir),
                server: settings.server_name.clone(),
                ..WatchFolderStatus::default()
            });
            let task = FolderTask::new(settings.clone(), mounts.clone(), report);
            self.tasks.push((settings, OwnedFolder(tokio::spawn(task.run()))));
        }
        is_changed
    }
}
