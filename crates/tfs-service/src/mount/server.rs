//! One server of a mount: connection, persisted state and poll task.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rqbit_source::{LocalPaths, RqbitSource};
use tfs_config::ServerSettings;
use tfs_state::{KnownTree, OnDemandStore, ServerIdentity, ServerState, drops_dir};
use tfs_sys::blocking;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use vfs_core::{ServerId, Vfs};

#[cfg(feature = "embedded")]
use super::embedded::{Embedded, EmbeddedSettings};
use super::resolving::MagnetResolution;
use super::start::first_look;
use super::{ServerDown, StartError};
use crate::add::{AddWishes, Existing, PreparedTorrent, RESOLVE_TIME_DEFAULT, add};
use crate::budget::{BudgetWarning, Budgets, ServerKey, StreamShare, unshared_mounts};
use crate::discovery::{Discovery, PollIntervals, PollRequest, Refresher};
use crate::doctor::permits_warning;
use crate::drop::{DropServer, Spool};
use crate::events::{MountEvents, ServerEvents};
use crate::mounting::LibraryPlace;
use crate::on_demand_records::{OnDemandChoice, ServerRecords, url_key};
use crate::server::NamedServer;
use crate::status::{ServerDescription, ServerWatch};
use crate::{BaseUrl, RqbitServer};
#[cfg(feature = "embedded")]
use tfs_api::status::EMBEDDED_NAME;

/// The default of `server.name`: the user has given none.
const UNNAMED: &str = "default";

/// Kind of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerChoice {
    /// A server that is reached over HTTP.
    Remote(ServerSettings),
    /// An embedded server.
    #[cfg(feature = "embedded")]
    Embedded(EmbeddedSettings),
}

/// A server of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountServer {
    /// The name of the server, unique within the mount.
    pub name: String,
    /// Kind and address.
    pub choice: ServerChoice,
    /// Maximum number of concurrent streams.
    pub streams_max: usize,
    /// Mapping of its paths to local ones.
    pub local_paths: LocalPaths,
    /// How torrents are added to it.
    pub on_demand: OnDemandChoice,
}

/// A server before its filesystem exists.
#[derive(Debug)]
pub(crate) struct ConnectedServer {
    server: RqbitServer,
    choice: ServerChoice,
    about: ServerDescription,
    source: Arc<RqbitSource>,
    /// Problems with the stream budget that it shares with other mounts.
    warnings: Vec<BudgetWarning>,
    /// `None` if no state can be persisted.
    state: Option<ServerState>,
    known: KnownTree,
    #[cfg(feature = "embedded")]
    embedded: Option<Embedded>,
    /// Torrents to add to an embedded server.
    additions: Vec<PreparedTorrent>,
}

/// A server of a filesystem that is being started.
#[derive(Debug)]
pub(crate) struct Starting {
    id: ServerId,
    name: String,
    server: RqbitServer,
    choice: ServerChoice,
    watch: ServerWatch,
    discovery: Discovery<RqbitSource>,
    known: KnownTree,
    state: Option<ServerState>,
    #[cfg(feature = "embedded")]
    embedded: Option<Embedded>,
    additions: Vec<PreparedTorrent>,
}

/// A server with a running poll task. Dropping it ends the task.
#[derive(Debug)]
pub(crate) struct PolledServer {
    id: ServerId,
    discovery: JoinHandle<()>,
    state: Option<ServerState>,
    #[cfg(feature = "embedded")]
    embedded: Option<Embedded>,
    /// Ends with this struct.
    resolving: MagnetResolution,
}

#[cfg(feature = "embedded")]
impl MountServer {
    /// Returns whether it is an embedded server.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self.choice, ServerChoice::Embedded(_))
    }
}

/// What all servers of a mount have in common.
#[derive(Clone, Copy)]
pub(crate) struct ServerMount<'a> {
    pub(crate) place: &'a LibraryPlace,
    /// Whether the mount has one server, so that messages need no server name.
    pub(crate) is_alone: bool,
    /// The time-out of a chunk of a stream.
    pub(crate) chunk_time_max: Duration,
    pub(crate) torrent_ttl: Duration,
    pub(crate) state_dir: Option<&'a Path>,
    pub(crate) budgets: &'a Budgets,
}

/// Returns the name of a server in messages; `None` if its address says more.
fn shown_name<'n>(choice: &ServerChoice, name: &'n str, is_alone: bool) -> Option<&'n str> {
    match choice {
        ServerChoice::Remote(_) => (!is_alone || name != UNNAMED).then_some(name),
        #[cfg(feature = "embedded")]
        ServerChoice::Embedded(_) => Some(EMBEDDED_NAME),
    }
}

/// Returns whether the address of a server is another one of this machine.
async fn is_on_this_machine(remote: &ServerSettings) -> bool {
    !remote.url.is_loopback()
        && remote.access.proxy.is_none()
        && ServerKey::of(&remote.url).await.is_this_machine()
}

impl ConnectedServer {
    /// Starts an embedded server, and opens the persisted state. Sends nothing to a remote server.
    pub(crate) async fn open(
        settings: &MountServer,
        mount: ServerMount<'_>,
    ) -> Result<Self, StartError> {
        let ServerMount { place, is_alone, chunk_time_max, torrent_ttl, state_dir, budgets } =
            mount;
        let MountServer { name, choice, streams_max, local_paths, on_demand } = settings;
        #[cfg(feature = "embedded")]
        let mut embedded = None;
        // Before anything is started.
        let additions = match choice {
            ServerChoice::Remote(_) => Vec::new(),
            #[cfg(feature = "embedded")]
            ServerChoice::Embedded(inside) => inside.prepare(place.path()).await?,
        };
        let remote = match choice {
            ServerChoice::Remote(remote) => remote.clone(),
            #[cfg(feature = "embedded")]
            ServerChoice::Embedded(inside) => {
                embedded.insert(Embedded::start(inside, state_dir).await?).settings()
            }
        };
        #[cfg(feature = "embedded")]
        let access = embedded.as_ref().map(Embedded::access);
        #[cfg(not(feature = "embedded"))]
        let access = None;
        let mut server =
            RqbitServer::new(&remote, chunk_time_max)?.with_on_demand(on_demand.clone());
        if let Some(dir) = state_dir {
            server = server.with_records(records(dir, choice, &remote.url));
        }
        let (state, known) = open_state(state_dir, choice, &remote.url).await.unzip();
        let source = RqbitSource::new(server.client().clone(), *streams_max)
            .with_local_paths(local_paths.clone(), torrent_ttl);
        #[cfg(feature = "embedded")]
        let source = match &embedded {
            Some(embedded) => source.with_peer_search(embedded.peer_search()),
            None => source,
        };
        // Before the first poll, so that local files can be read while the server is down.
        let is_own = *local_paths == LocalPaths::Auto && is_on_this_machine(&remote).await;
        let mut source = if is_own { source.on_this_machine() } else { source };
        let (share, warnings) = share(settings, &remote.url, budgets, place).await;
        let budget = share.as_ref().map(Arc::downgrade).unwrap_or_default();
        if let Some(share) = share {
            source = source.with_budget(share);
        }
        let mut known = known.unwrap_or_default();
        if let Some(state) = &state {
            let proofs = std::mem::take(&mut known.proofs);
            source = source.with_kept_proofs(proofs, Arc::new(state.recorder()));
        }
        if let Some(shown) = shown_name(choice, name, is_alone) {
            source = source.named(shown);
        }
        Ok(Self {
            server,
            choice: choice.clone(),
            about: ServerDescription {
                name: name.clone(),
                url: remote.url.to_string(),
                watch: ServerWatch::default(),
                budget,
                access,
            },
            source: Arc::new(source),
            warnings,
            state,
            known,
            #[cfg(feature = "embedded")]
            embedded,
            additions,
        })
    }

    /// Returns a client of the server, with its name.
    pub(crate) fn named(&self) -> NamedServer {
        NamedServer { name: self.about.name.clone(), server: self.server.clone() }
    }

    pub(crate) fn about(&self) -> &ServerDescription {
        &self.about
    }

    /// Takes the warnings about the stream budget.
    pub(crate) fn take_warnings(&mut self) -> Vec<BudgetWarning> {
        std::mem::take(&mut self.warnings)
    }

    pub(crate) fn source(&self) -> Arc<RqbitSource> {
        Arc::clone(&self.source)
    }

    /// Joins the server with its filesystem, in which it has this id. `added` is notified when
    /// torrents were added, and `events` receives all that changes.
    pub(crate) fn of(
        self,
        vfs: &Arc<Vfs<RqbitSource>>,
        id: ServerId,
        added: &Arc<Notify>,
        events: &MountEvents,
        removal_delay: Duration,
    ) -> Starting {
        let recorder = self.state.as_ref().map(ServerState::recorder);
        let mut discovery = Discovery::new(Arc::clone(vfs), recorder)
            .of_server(id)
            .watched_by(self.about.watch.clone())
            .telling(Arc::clone(added))
            .with_events(ServerEvents::new(events.clone(), self.about.name.clone()))
            .with_removal_delay(removal_delay);
        discovery.remember(&self.known);
        Starting {
            id,
            name: self.about.name,
            server: self.server,
            choice: self.choice,
            watch: self.about.watch,
            discovery,
            known: self.known,
            state: self.state,
            #[cfg(feature = "embedded")]
            embedded: self.embedded,
            additions: self.additions,
        }
    }
}

impl Starting {
    /// Restores the last known tree. Must be called after all servers of the filesystem are
    /// created.
    pub(crate) fn restore(&mut self) {
        self.discovery.restore(std::mem::take(&mut self.known));
    }

    /// Polls the server for the first time, for `time_max` at most.
    ///
    /// # Errors
    /// Permanent errors.
    pub(crate) async fn first_look(
        &mut self,
        time_max: Duration,
    ) -> Result<Option<ServerDown>, StartError> {
        match &self.choice {
            ServerChoice::Remote(_) => {
                first_look(&self.server, &mut self.discovery, time_max).await
            }
            // It has just started: an error now is permanent.
            #[cfg(feature = "embedded")]
            ServerChoice::Embedded(_) => {
                self.server.check().await?;
                // For an embedded server, a list that does not come now will not come later.
                first_look(&self.server, &mut self.discovery, time_max).await
            }
        }
    }

    /// Adds the configured torrents to an embedded server, and polls it again if there were any.
    /// `look` is the result of the first poll, which is returned if nothing was added. Magnet links
    /// may take minutes and are left to [`watch`](Self::watch).
    ///
    /// # Errors
    /// [`StartError::Add`] for the first torrent that cannot be added; those after it are not
    /// added.
    pub(crate) async fn add_files(
        &mut self,
        look: Option<ServerDown>,
        time_max: Duration,
    ) -> Result<Option<ServerDown>, StartError> {
        let files = self.additions.extract_if(.., |torrent| !torrent.is_magnet());
        let files: Vec<_> = files.collect();
        if files.is_empty() {
            return Ok(look);
        }
        for torrent in &files {
            // Data of the torrent is verified and kept.
            let wishes = AddWishes::new(Existing::UseOfSameLength, RESOLVE_TIME_DEFAULT);
            add(&self.server, torrent, &wishes).await?;
        }
        first_look(&self.server, &mut self.discovery, time_max).await
    }

    /// Returns the server for a drop folder. Without a directory for drops that wait, the folder
    /// takes only what the server answers.
    pub(crate) fn drop_server(
        &self,
        state_dir: Option<&Path>,
    ) -> impl Future<Output = DropServer> + Send + use<> {
        let is_embedded = match self.choice {
            ServerChoice::Remote(_) => false,
            #[cfg(feature = "embedded")]
            ServerChoice::Embedded(_) => true,
        };
        let url = self.server.client().base_url();
        let dirs = state_dir.map(|state_dir| {
            (state_dir.to_owned(), drops_dir(state_dir, &identity(&self.choice, url)))
        });
        let (name, server, watch) = (self.name.clone(), self.server.clone(), self.watch.clone());
        async move {
            let spool = match dirs {
                Some((state_dir, dir)) => {
                    let opened = blocking(move || Spool::open(&state_dir, dir)).await;
                    let opened = opened.inspect_err(|error| {
                        tracing::warn!(%error, "drops cannot wait for their server");
                    });
                    opened.ok()
                }
                None => None,
            };
            DropServer::new(name, server, is_embedded, watch, spool)
        }
    }

    /// Returns the names of the magnet links that are being resolved.
    pub(crate) fn magnet_labels(&self) -> impl Iterator<Item = &str> {
        self.additions.iter().map(PreparedTorrent::label)
    }

    /// Starts to poll the server. `is_down` means that the first poll failed.
    pub(crate) fn watch(
        self,
        intervals: PollIntervals,
        requests: mpsc::Receiver<PollRequest>,
        is_down: bool,
        refresher: &Refresher,
    ) -> PolledServer {
        let resolving = MagnetResolution::start(&self.server, self.additions, refresher);
        let looking = self.discovery.poll_loop(intervals, requests, is_down);
        PolledServer {
            id: self.id,
            discovery: tokio::spawn(looking),
            state: self.state,
            #[cfg(feature = "embedded")]
            embedded: self.embedded,
            resolving,
        }
    }
}

impl PolledServer {
    /// Stops polling.
    pub(crate) fn stop_looking(&self) {
        self.discovery.abort();
        self.resolving.abort();
    }

    /// Writes the state of the server to disk. Must be called before [`stop`](Self::stop).
    pub(crate) async fn close_state(&mut self, vfs: &Vfs<RqbitSource>) {
        let Some(state) = self.state.take() else { return };
        let recorder = state.recorder();
        recorder.record_progress(vfs.last_summaries(self.id, &recorder.take_noted()));
        state.close().await;
    }

    /// Returns whether the server is embedded.
    #[cfg(feature = "embedded")]
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Stops the server if it is embedded. Before saving its session it waits for its clients to
    /// disconnect, so no client should be left.
    #[cfg(feature = "embedded")]
    pub(crate) async fn stop(mut self) {
        if let Some(embedded) = self.embedded.take() {
            embedded.stop().await;
        }
    }
}

impl Drop for PolledServer {
    fn drop(&mut self) {
        self.stop_looking();
    }
}

/// Returns the mount's share of the stream budget of a server, and warnings about it. An embedded
/// server has no other mounts, so it gets a budget of its own.
async fn share(
    settings: &MountServer,
    url: &BaseUrl,
    budgets: &Budgets,
    place: &LibraryPlace,
) -> (Option<Arc<StreamShare>>, Vec<BudgetWarning>) {
    match settings.choice {
        ServerChoice::Remote(_) => {}
        #[cfg(feature = "embedded")]
        ServerChoice::Embedded(_) => return (None, Vec::new()),
    }
    let streams_max = settings.streams_max;
    let key = ServerKey::of(url).await;
    let share = budgets.join(key.clone(), streams_max, place.to_string()).await;
    let status = share.status();
    let unshared = unshared_mounts(&key, &status.holders).await;
    let warnings = BudgetWarning::of_unshared(&unshared, streams_max)
        .into_iter()
        .chain(BudgetWarning::of_status(&status))
        .chain(permits_warning(url, streams_max).await);
    (Some(share), warnings.collect())
}

/// Opens the persisted state of the server. Logs why, if the mount has to run without it.
async fn open_state(
    dir: Option<&Path>,
    server: &ServerChoice,
    url: &BaseUrl,
) -> Option<(ServerState, KnownTree)> {
    let Some(dir) = dir.map(PathBuf::from) else {
        tracing::warn!("the user has no home directory; the last known tree is not saved");
        return None;
    };
    match ServerState::open(&dir, identity(server, url)).await {
        Ok(opened) => Some(opened),
        Err(error) => {
            let dir = dir.display();
            tracing::warn!(%dir, %error,
                "continuing without state: the last known tree is not saved");
            None
        }
    }
}

/// Returns where the on-demand torrents of a server are recorded.
fn records(state_dir: &Path, server: &ServerChoice, url: &BaseUrl) -> ServerRecords {
    let key = match server {
        ServerChoice::Remote(_) => url_key(url),
        #[cfg(feature = "embedded")]
        ServerChoice::Embedded(_) => identity(server, url).as_str().to_owned(),
    };
    ServerRecords::new(OnDemandStore::in_dir(state_dir), key)
}

/// Returns the identity of a server's state.
fn identity(server: &ServerChoice, url: &BaseUrl) -> ServerIdentity {
    match server {
        ServerChoice::Remote(_) => ServerIdentity::of_url(url),
        #[cfg(feature = "embedded")]
        ServerChoice::Embedded(inside) => ServerIdentity::of_dir(&inside.dir),
    }
}
