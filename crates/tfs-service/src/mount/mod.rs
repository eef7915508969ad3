//! One mount from start to end: servers, torrents, kernel.

mod configured;
#[cfg(feature = "embedded")]
mod embedded;
mod error;
mod resolving;
mod server;
mod settings;
mod start;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use rqbit_source::RqbitSource;
use tfs_api::status::{DropStatus, StatusReport};
use tfs_api::wire::shown;
use tfs_state::user_state_dir;
use tfs_sys::blocking;
use tfs_sys::spawn_detached;
use tfs_types::chain;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use vfs_core::{
    Arrangement, Counters, Export, InodeNumbers, RootContents, TorrentSource as _, Vfs, VfsConfig,
};

#[cfg(feature = "embedded")]
pub use self::embedded::EmbeddedSettings;
#[cfg(feature = "embedded")]
pub use self::error::EmbeddedDirError;
pub use self::error::{ServerDown, ServerDownCause, StartError};
use self::server::{ConnectedServer, PolledServer, ServerMount, Starting};
pub use self::server::{MountServer, ServerChoice};
pub use self::settings::MountSettings;
use crate::budget::BudgetWarning;
use crate::control::{Ending, EndingGuard, MountControl, MountRegistry, Registration};
use crate::drop::{DropParts, DropService};
use crate::events::MountEvents;
use crate::fronts::{BoundFront, FileOwner, FrontParts, Fronts};
use crate::mounting::{
    LibraryPlace, Mounting, MountingOptions, ServedLibrary, WantedMountPoints, check_places, mount,
};
use crate::next_episode::NextEpisodes;
use crate::on_demand::{OnDemandController, mark_on_demand};
use crate::preload::PatternPreloads;
use crate::status::{MountInfo, control_files, log_downloads, status_of};
use crate::tags::MountTags;
use crate::{AttrOptions, KernelTimeout, MountError, Refresher, SessionError};

/// Added to the deadline of a read to get the stall timeout of a stream, so that the read's own
/// deadline expires first.
const CHUNK_MARGIN: Duration = Duration::from_secs(5);

/// A mount that answers requests, or a library that is only served on the network.
///
/// Dropping it detaches the mount from the tree without waiting; [`stop`](Self::stop) ends it
/// cleanly.
#[derive(Debug)]
pub struct RunningMount {
    /// Before the mount, which is to be detached after it.
    drop: Option<Arc<DropService>>,
    mount: Mounting,
    vfs: Arc<Vfs<RqbitSource>>,
    about: MountInfo,
    servers: Vec<PolledServer>,
    /// Ends with the mount; `None` if nothing is preloaded automatically.
    preloads: Option<OwnedTask>,
    /// End before the servers.
    controllers: Vec<OnDemandController>,
    /// Counts downloads by program; ends with the mount.
    _downloads: OwnedTask,
    /// Ends with the mount; `None` if nothing is preloaded while another file is played.
    next: Option<OwnedTask>,
    /// Whether a liveness query is pending. At most one thread waits for it, however long the mount
    /// blocks.
    is_asked: Arc<AtomicBool>,
    refresher: Refresher,
    /// Entry in the registry of mounts that accept commands.
    listed: Registration,
    ending: Ending,
    over: EndingGuard,
    fronts: Fronts,
    servers_down: Vec<ServerDown>,
    magnets: Vec<String>,
    budget_warnings: Vec<BudgetWarning>,
    kernel_timeout: Option<KernelTimeout>,
}

#[derive(Debug)]
struct OwnedTask(JoinHandle<()>);

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RunningMount {
    /// Starts a mount. When it returns, the mount answers and shows the torrents of its servers.
    /// For servers that cannot be reached it shows the last known torrents, see
    /// [`servers_down`](Self::servers_down).
    ///
    /// Validation comes first, so that a wrong mount point or an unreadable torrent file starts no
    /// server. An embedded server gets its torrents after the mount is established. While the mount
    /// runs it is registered in `mounts` and accepts commands.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, everything is undone. A mount that is just being established ends
    /// like a dropped [`RunningMount`].
    pub async fn start(
        mut settings: MountSettings,
        mounts: &MountRegistry,
    ) -> Result<Self, StartError> {
        let kernel_timeout = settings.mountpoint.is_some().then(KernelTimeout::of_this_machine);
        let kernel_timeout =
            kernel_timeout.flatten().filter(|timeout| timeout.cut(&mut settings.read));
        let (place, fronts) = take_places(&settings).await?;
        let mut connections = connect(&settings, &place, mounts).await?;
        let budget_warnings =
            connections.iter_mut().flat_map(ConnectedServer::take_warnings).collect();
        let abouts = connections.iter().map(|connection| connection.about().clone());
        let about = MountInfo::starting(abouts.collect(), place, mounts.intake().clone());
        let named: Vec<_> = connections.iter().map(ConnectedServer::named).collect();
        let (vfs, tags) = make_vfs(&connections, &settings, &about).await;
        let controlled = mark_on_demand(&vfs, named.iter().map(|it| it.server.clone())).await;
        let events = MountEvents::new(mounts.events().clone(), &about.place.to_string());
        let added = Arc::new(Notify::new());
        let preloads =
            PatternPreloads::new(&vfs, &settings.preload, Arc::clone(&added), &about.preloads);
        let next = NextEpisodes::new(&vfs, settings.next, state_dir(&settings), &about.preloads);
        let servers = connections.into_iter().zip(vfs.servers());
        let delay = settings.removal_delay;
        let mut servers: Vec<Starting> = servers
            .map(|(connection, id)| connection.of(&vfs, id, &added, &events, delay))
            .collect();
        servers.iter_mut().for_each(Starting::restore);
        let looks = first_looks(&mut servers, &settings).await?;
        let mount = mount_at(Arc::clone(&vfs), &settings, &about).await?;
        // The cell is empty: this is the only mount.
        drop(about.kernel.set(mount.kernel_side()));
        let time_max = settings.first_look_max;
        let (mount, looks) = add_files(mount, &mut servers, looks, time_max).await?;
        let magnets = servers.iter().flat_map(Starting::magnet_labels).map(str::to_owned).collect();
        let (refresher, requests) = Refresher::new(servers.len());
        let (ending, over) = Ending::new();
        let (mount, drop) = start_drop(mount, &settings, &servers, &about, &refresher).await?;
        let control =
            MountControl::new(&mount, &vfs, about.clone(), refresher.clone(), ending.clone())
                .with_tags(tags)
                .with_events(events.clone())
                .with_servers(named)
                .with_drop(drop.as_ref());
        let fronts = start_fronts(fronts, &vfs, &settings, &about)?;
        let downloads = log_downloads(Arc::downgrade(&vfs), about.clone());
        events.skip_names_until(vfs.names_version());
        let controllers = OnDemandController::start_all(&vfs, controlled);
        let servers = servers.into_iter().zip(requests).zip(&looks);
        let servers = servers.map(|((server, requests), down)| {
            server.watch(settings.poll_intervals, requests, down.is_some(), &refresher)
        });
        Ok(Self {
            drop,
            mount,
            vfs,
            about,
            servers: servers.collect(),
            preloads: preloads.map(|preloads| OwnedTask(tokio::spawn(preloads.run()))),
            next: next.map(|next| OwnedTask(tokio::spawn(next.run()))),
            is_asked: Arc::default(),
            refresher,
            controllers,
            _downloads: OwnedTask(tokio::spawn(downloads)),
            listed: mounts.add(Arc::new(control)),
            fronts,
            ending,
            over,
            servers_down: looks.into_iter().flatten().collect(),
            magnets,
            budget_warnings,
            kernel_timeout,
        })
    }

    /// Returns the kernel's timeout if it shortened the deadlines of reads.
    #[must_use]
    pub fn kernel_timeout(&self) -> Option<KernelTimeout> {
        self.kernel_timeout
    }

    /// Returns the servers that were down at the start, with the cause.
    #[must_use]
    pub fn servers_down(&self) -> &[ServerDown] {
        &self.servers_down
    }

    /// Returns the names of the magnet links for which an embedded server is still looking for
    /// peers. Each torrent appears once peers are found.
    #[must_use]
    pub fn magnets(&self) -> &[String] {
        &self.magnets
    }

    /// Returns warnings about the stream budgets of the servers: mounts that do not share one, or
    /// budgets that exceed what rqbit supports.
    #[must_use]
    pub fn budget_warnings(&self) -> &[BudgetWarning] {
        &self.budget_warnings
    }

    /// Returns the handle that triggers a poll of the servers.
    #[must_use]
    pub fn refresher(&self) -> Refresher {
        self.refresher.clone()
    }

    /// Returns the status that `.tfs/status.json` contains. Does not block.
    #[must_use]
    pub fn status(&self) -> StatusReport {
        status_of(&self.vfs, &self.about)
    }

    /// Resolves when the mount has ended, by any unmount, or when an authorized client requests a
    /// forced end. In the second case [`stop`](Self::stop) must be called.
    ///
    /// # Errors
    /// If it ended for another reason.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn ended(&self) -> Result<(), SessionError> {
        tokio::select! {
            ended = self.mount.wait() => ended,
            () = self.ending.asked() => Ok(()),
        }
    }

    /// Returns where it is mounted or served.
    #[must_use]
    pub fn place(&self) -> &LibraryPlace {
        &self.about.place
    }

    /// Returns whether a mount that [has ended](Self::ended) is still in the tree without a process
    /// that answers it: the connection was lost without an unmount.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        !self.ending.is_asked() && matches!(self.mount.is_seen(), Ok(true))
    }

    /// Returns whether the mount answers a system call: the whole path through the kernel, the
    /// threads of tfs and the tree. It waits for the answer without a limit. While one query is
    /// pending, further ones return false.
    ///
    /// A mount that no path reaches any more, as after a lazy unmount, counts as alive: programs
    /// that have files open are still served. So does a library without a mount.
    ///
    /// # Cancel safety
    /// Nothing is lost. One thread that waits for the kernel may remain.
    pub async fn answers(&self) -> bool {
        if matches!(self.mount.is_seen(), Ok(false)) {
            return true;
        }
        if self.is_asked.swap(true, Ordering::AcqRel) {
            return false;
        }
        let Some(question) = self.mount.question() else { return true };
        let is_asked = Arc::clone(&self.is_asked);
        // This thread may never return.
        let asking = spawn_detached("tfs-alive", move || {
            let is_alive = question();
            is_asked.store(false, Ordering::Release);
            is_alive
        });
        let Ok(answer) = asking else {
            self.is_asked.store(false, Ordering::Release);
            return false;
        };
        answer.await.unwrap_or(false)
    }

    /// Ends the mount within seconds, also while programs use it, and then the embedded server.
    ///
    /// # Errors
    /// If the session ended with an error.
    pub async fn stop(mut self) -> Result<(), SessionError> {
        self.servers.iter().for_each(PolledServer::stop_looking);
        drop((self.preloads, self.next, self.listed));
        join_all(self.controllers.into_iter().map(OnDemandController::stop)).await;
        self.fronts.end().await;
        if let Some(folder) = self.drop.take() {
            folder.stop().await;
        }
        let ended = self.mount.unmount().await;
        let Counters { total: reads, bitfield_requests, bytes_unused, breaker, .. } =
            self.vfs.counters();
        tracing::info!(
            reads = reads.reads,
            hits = reads.hits,
            failures = reads.failures,
            bytes_given = reads.bytes_given,
            bytes_fetched = reads.bytes_fetched,
            bytes_local = reads.bytes_local,
            bytes_unused,
            streams = reads.opens,
            retries = reads.retries,
            bitfield_requests,
            ?breaker,
            "totals of the mount"
        );
        join_all(self.servers.iter_mut().map(|server| server.close_state(&self.vfs))).await;
        #[cfg(feature = "embedded")]
        if self.servers.iter().any(PolledServer::is_embedded) {
            // The servers wait for the connections of its sources.
            drop(self.vfs);
            join_all(self.servers.into_iter().map(PolledServer::stop)).await;
            drop(self.over);
            return ended;
        }
        // Freeing a tree of a million files takes a second, which a process that ends can save.
        drop(spawn_detached("tfs-free", move || drop(self.vfs)));
        drop(self.over);
        ended
    }
}

/// Adds the torrents of embedded servers. Unmounts if that fails. Returns the result of the last
/// poll of each server.
async fn add_files(
    mount: Mounting,
    servers: &mut [Starting],
    looks: Vec<Option<ServerDown>>,
    time_max: Duration,
) -> Result<(Mounting, Vec<Option<ServerDown>>), StartError> {
    let added = servers.iter_mut().zip(looks);
    let added = added.map(|(server, look)| server.add_files(look, time_max));
    match try_join_all(added).await {
        Ok(looks) => Ok((mount, looks)),
        Err(error) => {
            // The error of the torrent is more useful than an error of the unmount.
            drop(mount.unmount().await);
            Err(error)
        }
    }
}

/// Checks the mount points and takes the addresses, before anything is started.
async fn take_places(
    settings: &MountSettings,
) -> Result<(LibraryPlace, Vec<BoundFront>), StartError> {
    let state_dir = state_dir(settings);
    let fronts = settings.fronts.iter().cloned();
    let fronts = join_all(fronts.map(|front| BoundFront::bind(front, state_dir.as_deref()))).await;
    let Some(mountpoint) = &settings.mountpoint else {
        let fronts = fronts.into_iter().map(BoundFront::required).collect::<Result<Vec<_>, _>>()?;
        let name = fronts.first().map(BoundFront::place_name).ok_or(StartError::NoPlace)?;
        return Ok((LibraryPlace::Served(name), fronts));
    };
    #[cfg(feature = "embedded")]
    let checks_fuse = settings.servers.iter().any(MountServer::is_embedded);
    #[cfg(not(feature = "embedded"))]
    let checks_fuse = false;
    let path = check_places(WantedMountPoints {
        mountpoint: mountpoint.clone(),
        drop: settings.drop.as_ref().map(|folder| (folder.path.clone(), folder.is_required)),
        allow_non_empty: settings.allow_non_empty,
        checks_fuse,
    });
    let place = LibraryPlace::Mounted(path.await?);
    Ok((place, fronts))
}

/// Mounts the drop folder of a mount, if there is to be one. If that fails and it is required, the
/// mount is undone.
fn start_drop(
    mount: Mounting,
    settings: &MountSettings,
    servers: &[Starting],
    about: &MountInfo,
    refresher: &Refresher,
) -> impl Future<Output = Result<(Mounting, Option<Arc<DropService>>), StartError>> + Send + use<> {
    let state_dir = settings.state_dir.clone().or_else(user_state_dir);
    let opening = servers.iter().map(|server| server.drop_server(state_dir.as_deref()));
    let opening: Vec<_> = opening.collect();
    let (settings, watch, refresher) =
        (settings.drop.clone(), about.drop.clone(), refresher.clone());
    async move {
        let library = mount.path().map(Path::to_owned);
        let (Some(settings), Some(library)) = (settings, library) else {
            return Ok((mount, None));
        };
        let servers = join_all(opening).await;
        let (is_required, path) = (settings.is_required, shown(&settings.path));
        let parts = DropParts { settings, servers, library, refresher };
        match DropService::start(parts).await {
            Ok(service) => {
                let service = Arc::new(service);
                let watched = Arc::downgrade(&service);
                watch.set(move || Some(watched.upgrade()?.status()));
                Ok((mount, Some(service)))
            }
            Err(error) if !is_required => {
                let why = format!("cannot {}", chain(&error));
                tracing::warn!(path, why, "mounted without the drop folder");
                let trouble = Some(why);
                let status = DropStatus { path, trouble, ..DropStatus::default() };
                watch.set(move || Some(status.clone()));
                Ok((mount, None))
            }
            Err(error) => {
                // The error of the folder is more useful than an error of the unmount.
                drop(mount.unmount().await);
                Err(error.into())
            }
        }
    }
}

/// Polls all servers for the first time, concurrently: no server waits for another. Returns the
/// failures of those that are down.
async fn first_looks(
    servers: &mut [Starting],
    settings: &MountSettings,
) -> Result<Vec<Option<ServerDown>>, StartError> {
    let looks = servers.iter_mut().map(|server| server.first_look(settings.first_look_max));
    let mut looks = try_join_all(looks).await?;
    if settings.requires_servers
        && let Some(down) = looks.iter_mut().find_map(Option::take)
    {
        return Err(down.into());
    }
    Ok(looks)
}

/// Opens all servers of a mount.
async fn connect(
    settings: &MountSettings,
    place: &LibraryPlace,
    mounts: &MountRegistry,
) -> Result<Vec<ConnectedServer>, StartError> {
    let state_dir = state_dir(settings);
    let mount = ServerMount {
        place,
        is_alone: settings.servers.len() == 1,
        chunk_time_max: settings.read.timeout + CHUNK_MARGIN,
        torrent_ttl: settings.torrent_ttl,
        state_dir: state_dir.as_deref(),
        budgets: mounts.budgets(),
    };
    try_join_all(settings.servers.iter().map(|server| ConnectedServer::open(server, mount))).await
}

/// Returns the filesystem, and the tags that it shows: before there are torrents.
async fn make_vfs(
    connections: &[ConnectedServer],
    settings: &MountSettings,
    about: &MountInfo,
) -> (Arc<Vfs<RqbitSource>>, Arc<MountTags>) {
    let MountSettings { read, show_control, layout, inode32, times, .. } = settings;
    let inode_numbers = if *inode32 { InodeNumbers::Bits32 } else { InodeNumbers::Bits64 };
    let (read, show_control, layout, times) = (*read, *show_control, *layout, *times);
    let config = VfsConfig { read, show_control, layout, inode_numbers, times };
    let sources: Vec<_> = connections.iter().map(ConnectedServer::source).collect();
    let vfs = Arc::new_cyclic(|vfs| {
        let files = control_files(vfs, about);
        let vfs = Vfs::of_servers(&sources, config).with_control_files(files);
        match (&settings.views, settings.root) {
            (None, _) | (Some(_), RootContents::Flat) => vfs,
            (Some(views), root) => vfs.with_views(Arc::clone(views) as Arc<dyn Arrangement>, root),
        }
    });
    let tags = Arc::new(MountTags::new(state_dir(settings).as_deref()));
    let (shown, shown_by) = (Arc::clone(&tags), Arc::clone(&vfs));
    blocking(move || shown.load(&shown_by)).await;
    (vfs, tags)
}

/// Returns the directory for what is kept of the mount, if there is one.
fn state_dir(settings: &MountSettings) -> Option<PathBuf> {
    settings.state_dir.clone().or_else(user_state_dir)
}

/// Starts the front ends of a library. Without a mount, all of them have to work.
fn start_fronts(
    fronts: Vec<BoundFront>,
    vfs: &Arc<Vfs<RqbitSource>>,
    settings: &MountSettings,
    about: &MountInfo,
) -> Result<Fronts, StartError> {
    let AttrOptions { uid, gid, umask, .. } = settings.appearance;
    let owner = FileOwner { uid, gid, umask };
    let export = Export::new(Arc::clone(vfs));
    let parts = FrontParts { export, owner, state_dir: state_dir(settings) };
    let fronts = Fronts::start(fronts, parts);
    if let (None, Some(why)) = (&settings.mountpoint, fronts.first_trouble()) {
        return Err(StartError::NotServed(why));
    }
    about.fronts.set(&fronts);
    Ok(fronts)
}

/// Mounts the library, if it is to be mounted.
async fn mount_at(
    vfs: Arc<Vfs<RqbitSource>>,
    settings: &MountSettings,
    about: &MountInfo,
) -> Result<Mounting, MountError> {
    let Some(mountpoint) = &settings.mountpoint else {
        return Ok(Mounting::Served(ServedLibrary::new(&vfs)));
    };
    let urls: Vec<_> = about.servers.iter().map(|server| server.url.as_str()).collect();
    let mut sources = vfs.servers().filter_map(|id| vfs.source(id));
    let options = MountingOptions {
        source: urls.join(","),
        allow_other: settings.allow_other,
        allow_non_empty: settings.allow_non_empty,
        context: settings.context.clone(),
        read_ahead_kb: settings.read_ahead_kb,
        may_pass_through: settings.may_pass_through,
        missing_errno: settings.missing_errno,
        refused_programs: settings.refused_programs.clone(),
        appearance: settings.appearance,
        // Of servers that are polled rarely while nothing looks, each look must be known.
        forwards_looks: sources.any(|source| !source.is_on_this_machine()),
    };
    mount(vfs, mountpoint, options).await
}
