//! The drop folder of a running mount: its tasks, its mount and its status.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tfs_api::status::{DropFileState, DropFileStatus, DropStatus};
use tfs_drop::{
    DraftReport, DraftState, DropFolder, DropOptions, DropPlace, FolderReport, ListedName,
    SharedFolder,
};
use tfs_sys::blocking;
use tfs_sys::mountinfo::MountTable;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use vfs_core::InfoHash;

use super::job::DropJob;
use super::link::{DropLink, size_of};
use super::server::DropServer;
use super::session;
use super::settings::DropSettings;
use crate::Refresher;
use crate::mounting::{
    DropClock, DropMount, DropMountOptions, FsName, MountError, Unmount, UnmountError, mount_drop,
    unmount,
};

/// Interval of looks at closed files while there are any.
const TICK: Duration = Duration::from_secs(1);

/// How long a change of torrents waits for more of them before the mount and the folder follow.
const COALESCE_TIME: Duration = Duration::from_millis(300);

/// Pause after a poll, as a multiple of its time. So polls take a tenth of the time while files are
/// added in a row: a list of ten thousand torrents takes a tenth of a second.
const PAUSE_FACTOR: u32 = 10;

/// Maximum pause after a poll.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Interval of listings without any sign of a change, and of new attempts at sizes.
const LIST_INTERVAL: Duration = Duration::from_secs(60);

/// Number of sizes that are requested in a row.
const SIZES_AT_ONCE: usize = 64;

/// Maximum time for an unmount to end the session.
const END_TIME_MAX: Duration = Duration::from_secs(5);

/// What a drop folder is made of.
#[derive(Debug)]
pub(crate) struct DropParts {
    pub(crate) settings: DropSettings,
    /// At least one.
    pub(crate) servers: Vec<DropServer>,
    /// The mount point of the library.
    pub(crate) library: PathBuf,
    pub(crate) refresher: Refresher,
}

/// A running drop folder. Dropping it ends its tasks and detaches the mount.
#[derive(Debug)]
pub(crate) struct DropService {
    link: DropLink,
    folder: Arc<SharedFolder>,
    clock: DropClock,
    path: PathBuf,
    options: DropMountOptions,
    /// The mount; `None` after an unmount. Held while it is mounted or unmounted.
    mount: Mutex<Option<DropMount>>,
    _tasks: JoinSet<()>,
}

impl DropService {
    /// Loads what waits, mounts the folder, and starts its tasks.
    ///
    /// # Errors
    /// [`MountError`]; nothing is left.
    pub(crate) async fn start(parts: DropParts) -> Result<Self, MountError> {
        let DropParts { settings, servers, library, refresher } = parts;
        let clock = DropClock::start();
        let names = servers.iter().map(|server| server.name.clone()).collect();
        let options = DropOptions { servers: names, removal: settings.removal };
        let mut model = DropFolder::new(options, clock.now());
        let (servers, jobs) = restore(servers, &mut model, clock).await;
        let count = servers.len();
        let link = DropLink::new(servers, settings.may_fetch, clock);
        let folder = Arc::new(SharedFolder::new(model, Arc::new(link.clone())));
        link.join(&folder);
        let options = DropMountOptions {
            fs_name: FsName::new(&library.to_string_lossy()),
            gid: settings.gid,
            allow_non_empty: settings.allow_non_empty,
        };
        let mounted = mount(&folder, clock, &settings.path, &options).await?;
        let path = mounted.mountpoint().to_owned();
        jobs.into_iter().for_each(|(job, file)| session::start(&link, job, Some(file)));
        let mut tasks = JoinSet::new();
        for server in 0..count {
            tasks.spawn(list(link.clone(), Arc::clone(&folder), server));
        }
        tasks.spawn(refresh(link.clone(), refresher));
        tasks.spawn(tick(link.clone(), Arc::clone(&folder)));
        tasks.spawn(save_names(link.clone(), Arc::clone(&folder)));
        tracing::info!(path = %path.display(), "mounted the drop folder");
        let mount = Mutex::new(Some(mounted));
        Ok(Self { link, folder, clock, path, options, mount, _tasks: tasks })
    }

    /// Unmounts the folder. What waits is still sent.
    ///
    /// # Errors
    /// [`UnmountError`]; the folder is still mounted.
    pub(crate) async fn unmount(&self, how: Unmount) -> Result<(), UnmountError> {
        let mut guard = self.mount.lock().await;
        let Some(mount) = guard.as_ref() else { return Ok(()) };
        if !mount.is_seen().unwrap_or(false) {
            // It was unmounted by another program.
            *guard = None;
            return Ok(());
        }
        if how == Unmount::Clean {
            let path = mount.mountpoint().to_owned();
            blocking(move || unmount(&path, Unmount::Clean)).await?;
        }
        if let Some(mount) = guard.take() {
            let ended = timeout(END_TIME_MAX, mount.unmount()).await;
            tracing::debug!(?ended, "unmounted the drop folder");
        }
        Ok(())
    }

    /// Mounts the folder again: its library is still mounted.
    pub(crate) async fn mount_again(&self) {
        let mut guard = self.mount.lock().await;
        if guard.is_some() {
            return;
        }
        match mount(&self.folder, self.clock, &self.path, &self.options).await {
            Ok(mount) => *guard = Some(mount),
            Err(error) => {
                let path = self.path.display();
                tracing::warn!(%path, %error, "the drop folder cannot be mounted again");
            }
        }
    }

    /// Ends the folder.
    pub(crate) async fn stop(&self) {
        self.link.end();
        let mount = self.mount.lock().await.take();
        if let Some(mount) = mount
            && let Err(error) = mount.unmount().await
        {
            tracing::warn!(%error, "the drop folder ended with an error");
        }
        save(&self.link, &self.folder).await;
    }

    /// Returns the status. Does not block.
    pub(crate) fn status(&self) -> DropStatus {
        let report = self.folder.with(|folder| folder.report());
        // While it is mounted or unmounted, it counts as mounted.
        let is_mounted = self.mount.try_lock().map_or(true, |mount| {
            mount.as_ref().is_some_and(|mount| mount.is_seen().unwrap_or(false))
        });
        let FolderReport { torrents, writing, sending, waiting, incomplete, errors, .. } = report;
        DropStatus {
            path: self.path.to_string_lossy().into_owned(),
            mounted: is_mounted,
            trouble: None,
            torrents,
            writing,
            sending,
            waiting,
            incomplete,
            errors,
            added: report.added,
            refused: report.refused,
            files: report.drafts.into_iter().map(file_status).collect(),
        }
    }
}

impl Drop for DropService {
    fn drop(&mut self) {
        self.link.end();
    }
}

fn file_status(DraftReport { path, state, reason }: DraftReport) -> DropFileStatus {
    let state = match state {
        DraftState::Writing => DropFileState::Writing,
        DraftState::Sending => DropFileState::Sending,
        DraftState::Waiting => DropFileState::Waiting,
        DraftState::Refused => DropFileState::Refused,
    };
    DropFileStatus { path, state, reason }
}

async fn mount(
    folder: &Arc<SharedFolder>,
    clock: DropClock,
    path: &Path,
    options: &DropMountOptions,
) -> Result<DropMount, MountError> {
    let (folder, path, options) = (Arc::clone(folder), path.to_owned(), options.clone());
    let runtime = Handle::current();
    blocking(move || mount_drop(folder, clock, runtime, &path, &options)).await
}

/// Shows what the spools have. Returns the additions, each with its file.
async fn restore(
    servers: Vec<DropServer>,
    model: &mut DropFolder,
    clock: DropClock,
) -> (Vec<DropServer>, Vec<(DropJob, PathBuf)>) {
    let mut jobs = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        let Some(spool) = server.spool.as_ref().map(Arc::clone) else { continue };
        let (names, kept) = blocking(move || (spool.load_names(), spool.load())).await;
        model.remember_names(index, names);
        for file in kept {
            let place = DropPlace { server: index, is_paused: file.is_paused };
            let ticket = model.restore(place, &file.name, file.bytes.clone(), clock.now());
            let (name, kind, bytes) = (file.name, file.kind, file.bytes.into());
            jobs.push((DropJob { ticket, place, name, kind, bytes, is_kept: true }, file.path));
        }
    }
    (servers, jobs)
}

/// Keeps the torrents of a server up to date, and finds out the sizes of their metadata.
async fn list(link: DropLink, folder: Arc<SharedFolder>, index: usize) {
    let Some(server) = link.state().servers.get(index) else { return };
    loop {
        let (asked_at, began) = (link.state().clock.now(), Instant::now());
        match server.server.client().torrents().await {
            Ok(torrents) => {
                let listing = torrents.into_iter().filter(|it| it.total_pieces != Some(0));
                let listing = listing.filter_map(|torrent| {
                    Some(ListedName { info_hash: torrent.info_hash, name: torrent.name? })
                });
                let listing: Vec<_> = listing.collect();
                let now = link.state().clock.now();
                folder.with(|folder| folder.apply_listing(index, &listing, asked_at, now));
            }
            Err(error) => tracing::debug!(server = server.name, %error, "no list of torrents"),
        }
        let pause = pause_after(began);
        let next_at = Instant::now() + LIST_INTERVAL;
        tokio::select! {
            () = server.watch.listed() => {}
            () = async {
                find_sizes(server, &folder, index).await;
                tokio::time::sleep_until(next_at).await;
            } => {}
        }
        sleep(pause).await;
    }
}

/// Returns how long to wait for further changes, after a poll that began then.
fn pause_after(began: Instant) -> Duration {
    began.elapsed().saturating_mul(PAUSE_FACTOR).clamp(COALESCE_TIME, PAUSE_MAX)
}

/// Requests the metadata of all torrents whose size is not known.
async fn find_sizes(server: &DropServer, folder: &SharedFolder, index: usize) {
    let mut failed = HashSet::new();
    loop {
        let wanted = SIZES_AT_ONCE + failed.len();
        let unsized_torrents = folder.with(|folder| folder.unsized_torrents(index, wanted));
        let torrents: Vec<InfoHash> =
            unsized_torrents.into_iter().filter(|torrent| !failed.contains(torrent)).collect();
        if torrents.is_empty() {
            return;
        }
        for torrent in torrents {
            match size_of(server, torrent).await {
                Some(size) => folder.with(|folder| folder.set_size(index, torrent, size)),
                None => _ = failed.insert(torrent),
            }
        }
    }
}

/// Makes the library show what the folder has changed.
async fn refresh(link: DropLink, refresher: Refresher) {
    let mut pause = COALESCE_TIME;
    loop {
        link.state().moved.notified().await;
        sleep(pause).await;
        let began = Instant::now();
        let polls = refresher.poll_with(false, &link.take_removed()).await;
        let failed = polls.iter().filter(|poll| poll.is_err()).count();
        pause = pause_after(began);
        tracing::debug!(failed, "polled the servers after a change by the drop folder");
    }
}

/// Reports what was left incomplete.
async fn tick(link: DropLink, folder: Arc<SharedFolder>) {
    loop {
        folder.tick(link.state().clock.now());
        if folder.with(|folder| folder.has_timers()) {
            sleep(TICK).await;
        } else {
            folder.closed().await;
        }
    }
}

/// Writes the names of torrents when they have changed.
async fn save_names(link: DropLink, folder: Arc<SharedFolder>) {
    loop {
        folder.changed().await;
        sleep(TICK).await;
        save(&link, &folder).await;
    }
}

async fn save(link: &DropLink, folder: &SharedFolder) {
    let Some(names) = folder.with(DropFolder::take_names) else { return };
    for (server, names) in link.state().servers.iter().zip(names) {
        let Some(spool) = server.spool.as_ref().map(Arc::clone) else { continue };
        if let Err(error) = blocking(move || spool.save_names(&names)).await {
            tracing::warn!(server = server.name, %error, "the names of drops are not saved");
            folder.with(DropFolder::keep_names_pending);
        }
    }
}

/// Unmounts the drop folders of a library whose process does not do it. Their source names the
/// library.
///
/// # Errors
/// [`UnmountError`] of the first that is still mounted.
pub(crate) fn unmount_drops_of(library: &Path, how: Unmount) -> Result<(), UnmountError> {
    let table = MountTable::read().map_err(|source| UnmountError::Table { source })?;
    let source = FsName::new(&library.to_string_lossy());
    let drops = table.drops().filter(|entry| entry.source.to_str() == Some(source.as_str()));
    let paths: Vec<_> = drops.map(|entry| entry.mount_point.clone()).collect();
    paths.iter().try_for_each(|path| unmount(path, how))
}
