//! One mount from start to end: server, torrents, kernel.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fuse_adapter::{FsName, Mount, MountOptions, check_mountpoint, wait_for_answer};
use rqbit_source::{LocalPaths, RqbitSource};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vfs_core::{Counters, Ino, ReadPolicy, SourceError, Vfs, VfsConfig};

#[cfg(feature = "embedded")]
use crate::AddError;
use crate::blocking::blocking;
use crate::control::{Ending, EndingGuard, Listed, MountControl, Mounts};
use crate::discovery::Discovery;
#[cfg(feature = "embedded")]
use crate::discovery::Haste;
#[cfg(feature = "embedded")]
use crate::embedded::{Embedded, EmbeddedSettings};
use crate::preload::PatternPreloads;
use crate::start::{ServerDown, first_look};
use crate::state::{Identity, KnownTree, ServerState, user_state_dir};
use crate::status::{About, ServerWatch, Status, control_files};
use crate::{
    Appearance, MountError, MountpointError, PreloadSettings, Refresher, Server, ServerError,
    ServerSettings, SessionError,
};

/// How much longer a stream may stay silent than a read may take: the read's own deadline is to
/// be the one that counts.
const CHUNK_MARGIN: Duration = Duration::from_secs(5);

/// What users see as the name of a server inside the process, whose URL is another each time.
#[cfg(feature = "embedded")]
const EMBEDDED_NAME: &str = "embedded";

/// Where the torrents of a mount are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerChoice {
    /// On a server.
    Remote(ServerSettings),
    /// On a server that runs in this process.
    #[cfg(feature = "embedded")]
    Embedded(EmbeddedSettings),
}

/// What a mount is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSettings {
    /// The directory to mount on.
    pub mountpoint: PathBuf,
    /// Where the torrents are.
    pub server: ServerChoice,
    /// Whether other users get in.
    pub allow_other: bool,
    /// Whether a directory with something in it may be mounted over.
    pub allow_non_empty: bool,
    /// How many streams may be open on the server at a time.
    pub streams_max: usize,
    /// Where the server's files are on this machine.
    pub local_paths: LocalPaths,
    /// How reads behave.
    pub read: ReadPolicy,
    /// Whether `.tfs` is listed in the root.
    pub show_control: bool,
    /// How often the server is asked for its torrents.
    pub poll_interval: Duration,
    /// The kernel's read-ahead window in KiB. Only root can set it; else the kernel's own is used.
    pub read_ahead_kb: u32,
    /// Whether the kernel may read files itself that are complete and on this machine's disk.
    pub may_pass_through: bool,
    /// What files look like.
    pub appearance: Appearance,
    /// The directory where the last known tree is kept, an absolute path; `None` for the user's
    /// own, `$XDG_STATE_HOME/tfs`.
    pub state_dir: Option<PathBuf>,
    /// What is preloaded when its torrent appears.
    pub preload: PreloadSettings,
}

/// Why a mount did not come up. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The mount point does not do.
    #[error(transparent)]
    Mountpoint(#[from] MountpointError),
    /// The server cannot be used.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The server answers, but does not list its torrents.
    #[error("cannot list the torrents")]
    List(#[source] SourceError),
    /// The server inside the process did not start.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Embedded(#[from] rqbit_embedded::EmbeddedError),
    /// A torrent was not added.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Add(#[from] AddError),
    /// The kernel or fusermount3 refused.
    #[error(transparent)]
    Mount(MountError),
}

impl From<MountError> for StartError {
    fn from(error: MountError) -> Self {
        if let MountError::Mountpoint(error) = error {
            return Self::Mountpoint(error);
        }
        Self::Mount(error)
    }
}

/// A mount that answers.
///
/// Dropping it takes the mount out of the tree without waiting; [`stop`](Self::stop) ends it
/// cleanly.
#[derive(Debug)]
pub struct RunningMount {
    mount: Mount,
    vfs: Arc<Vfs<RqbitSource>>,
    watch: ServerWatch,
    about: About,
    /// Ended with the mount.
    discovery: OwnedTask,
    /// Ended with the mount; `None` if nothing is to be preloaded unasked.
    preloads: Option<OwnedTask>,
    /// Whether a thread waits for an answer of the mount: one at most, however stuck it is.
    is_asked: Arc<AtomicBool>,
    refresher: Refresher,
    /// On the list of those that can be commanded.
    listed: Listed,
    ending: Ending,
    over: EndingGuard,
    server_down: Option<ServerDown>,
    /// `None` if it cannot be kept.
    state: Option<ServerState>,
    #[cfg(feature = "embedded")]
    embedded: Option<Embedded>,
}

#[derive(Debug)]
struct OwnedTask(JoinHandle<()>);

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RunningMount {
    /// Brings a mount up: when it returns, the mount answers and shows what the server has, or, if
    /// that cannot be reached, what it last had, see [`server_down`](Self::server_down).
    ///
    /// What is cheap to check is checked first, so that a wrong mount point starts no server.
    /// While it runs it is one of `mounts`, through which it can be commanded.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind, but for a mount that is just being made: it
    /// ends as a dropped one does.
    pub async fn start(settings: MountSettings, mounts: &Mounts) -> Result<Self, StartError> {
        let MountSettings { mountpoint, server, allow_non_empty, preload, .. } = &settings;
        blocking({
            let mountpoint = mountpoint.clone();
            let allow_non_empty = *allow_non_empty;
            move || check_mountpoint(&mountpoint, allow_non_empty)
        })
        .await?;
        let state_dir = settings.state_dir.clone().or_else(user_state_dir);
        #[cfg(feature = "embedded")]
        let mut embedded = None;
        let remote = match server {
            ServerChoice::Remote(remote) => remote.clone(),
            #[cfg(feature = "embedded")]
            ServerChoice::Embedded(inside) => {
                embedded.insert(Embedded::start(inside, state_dir.as_deref()).await?).settings()
            }
        };
        let server = Server::new(&remote, settings.read.timeout + CHUNK_MARGIN)?;
        let (state, known) = open_state(state_dir, &settings.server, &remote).await.unzip();
        let source = RqbitSource::new(server.client().clone(), settings.streams_max)
            .with_local_paths(settings.local_paths.clone());
        #[cfg(feature = "embedded")]
        let source = if embedded.is_some() { source.named(EMBEDDED_NAME) } else { source };
        let config = VfsConfig { read: settings.read, show_control: settings.show_control };
        let watch = ServerWatch::default();
        let about = About::starting(remote.url.to_string(), settings.mountpoint.clone());
        let vfs = Arc::new_cyclic(|vfs| {
            let files = control_files(vfs, &watch, &about);
            Vfs::new(Arc::new(source), config).with_control_files(files)
        });
        let recorder = state.as_ref().map(ServerState::recorder);
        let mut discovery = Discovery::new(Arc::clone(&vfs), recorder).watched_by(watch.clone());
        let preloads = PatternPreloads::new(&vfs, preload, discovery.added(), &about.preloads);
        discovery.restore(known.unwrap_or_default());
        let server_down = match &settings.server {
            ServerChoice::Remote(_) => first_look(&server, &mut discovery).await?,
            // It has just been started: what does not work now will not work later.
            #[cfg(feature = "embedded")]
            ServerChoice::Embedded(inside) => {
                server.check().await?;
                inside.add_all(&server).await?;
                discovery.look(Haste::Patient).await.map_err(StartError::List)?;
                None
            }
        };
        let mount = mount(Arc::clone(&vfs), &settings, &remote).await?;
        let (refresher, requests) = Refresher::new();
        let (ending, over) = Ending::new();
        let told = (watch.clone(), about.clone());
        let control = MountControl::new(&mount, &vfs, told, refresher.clone(), ending.clone());
        let is_down = server_down.is_some();
        let discovery = discovery.keep_looking(settings.poll_interval, requests, is_down);
        Ok(Self {
            mount,
            vfs,
            watch,
            about,
            discovery: OwnedTask(tokio::spawn(discovery)),
            preloads: preloads.map(|preloads| OwnedTask(tokio::spawn(preloads.run()))),
            is_asked: Arc::default(),
            refresher,
            listed: mounts.add(Arc::new(control)),
            ending,
            over,
            server_down,
            state,
            #[cfg(feature = "embedded")]
            embedded,
        })
    }

    /// Returns why the mount came up without its server, if it did.
    #[must_use]
    pub fn server_down(&self) -> Option<&ServerDown> {
        self.server_down.as_ref()
    }

    /// Returns what asks for a look at the server now.
    #[must_use]
    pub fn refresher(&self) -> Refresher {
        self.refresher.clone()
    }

    /// Returns what the mount says of itself in `.tfs/status.json`. Waits for nobody.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::of(&self.vfs, &self.watch, &self.about)
    }

    /// Resolves when the mount has ended, whoever unmounted it, or when somebody who may command it
    /// wants it ended by force: then [`stop`](Self::stop) does that.
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

    /// Returns where it is mounted: the absolute path without symbolic links.
    #[must_use]
    pub fn mountpoint(&self) -> &Path {
        self.mount.mountpoint()
    }

    /// Returns whether a mount that [has ended](Self::ended) is still in the tree, where nobody
    /// answers for it any more: it was not unmounted, but lost.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        !self.ending.is_asked() && matches!(self.mount.is_seen(), Ok(true))
    }

    /// Returns whether the mount answers a program that looks at it: the whole way through the
    /// kernel, our threads and the tree. It waits for the answer as long as it takes; while one
    /// question waits, another one is a no.
    ///
    /// A mount that nobody can go to any more, as after a lazy unmount, is taken at its word:
    /// programs that have files open are still served.
    ///
    /// # Cancel safety
    /// Nothing is lost; one thread that waits for the kernel may stay behind.
    pub async fn answers(&self) -> bool {
        if matches!(self.mount.is_seen(), Ok(false)) {
            return true;
        }
        if self.is_asked.swap(true, Ordering::AcqRel) {
            return false;
        }
        let path = self.mount.mountpoint().to_owned();
        let is_asked = Arc::clone(&self.is_asked);
        let (sender, answer) = oneshot::channel();
        // Not a thread of the runtime, whose end would wait for it: this one may never return.
        let asking = thread::Builder::new().name("tfs-alive".to_owned()).spawn(move || {
            let is_alive = wait_for_answer(&path);
            is_asked.store(false, Ordering::Release);
            // Nobody listens to an answer that comes too late.
            sender.send(is_alive).is_ok()
        });
        if asking.is_err() {
            self.is_asked.store(false, Ordering::Release);
        }
        answer.await.unwrap_or(false)
    }

    /// Ends the mount within seconds, whatever its users do, and then the server inside the
    /// process.
    ///
    /// # Errors
    /// If the session did not end well.
    pub async fn stop(self) -> Result<(), SessionError> {
        drop((self.discovery, self.preloads, self.listed));
        let ended = self.mount.unmount().await;
        let Counters { total, haves_asked, bytes_unused, breaker, .. } = self.vfs.counters();
        tracing::info!(?total, haves_asked, bytes_unused, ?breaker, "what its reads did");
        if let Some(state) = self.state {
            if self.vfs.open_dir(Ino::ROOT).is_ok() {
                state.recorder().record_progress(self.vfs.summaries_not_in(&[]));
            }
            state.close().await;
        }
        // The server waits for its clients to hang up before it saves what it has.
        drop(self.vfs);
        #[cfg(feature = "embedded")]
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
        drop(self.over);
        ended
    }
}

/// Opens the state of the server, or says why a mount goes on without it.
async fn open_state(
    dir: Option<PathBuf>,
    server: &ServerChoice,
    remote: &ServerSettings,
) -> Option<(ServerState, KnownTree)> {
    let Some(dir) = dir else {
        tracing::warn!("the user has no home, so the last known tree is not kept");
        return None;
    };
    let identity = match server {
        ServerChoice::Remote(_) => Identity::of_url(&remote.url),
        #[cfg(feature = "embedded")]
        ServerChoice::Embedded(inside) => Identity::of_dir(&inside.dir),
    };
    match ServerState::open(&dir, identity).await {
        Ok(opened) => Some(opened),
        Err(error) => {
            let dir = dir.display();
            tracing::warn!(%dir, %error, "the last known tree is not kept: no state directory");
            None
        }
    }
}

async fn mount(
    vfs: Arc<Vfs<RqbitSource>>,
    settings: &MountSettings,
    remote: &ServerSettings,
) -> Result<Mount, MountError> {
    let mut options = MountOptions::new(FsName::new(&remote.url.to_string()));
    options.allow_other = settings.allow_other;
    options.allow_non_empty = settings.allow_non_empty;
    options.read_ahead_kb = settings.read_ahead_kb;
    options.may_pass_through = settings.may_pass_through;
    options.appearance = settings.appearance;
    let mountpoint = settings.mountpoint.clone();
    let runtime = tokio::runtime::Handle::current();
    blocking(move || fuse_adapter::mount(vfs, runtime, &mountpoint, &options)).await
}
