//! A running mount as a target of the control API.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use fuse_adapter::{
    Caller, FuseMount, Holder, KernelCaches, KernelHandle, Unmount, UnmountError, unmount,
};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tfs_api::status::FailureCount;
use tfs_api::wire::{
    CacheParts, CacheStats, Cleared, EmbeddedServerInfo, FailedServer, FailureBody, FailureKind,
    HolderInfo, MountId, MountStatus, PreloadEvent, PreloadRequest, QueryText, ReaderStatus,
    RefreshRequest, Refreshed, SEARCH_HITS_MAX, SearchAnswer, SearchRequest, SearchResult,
    UnmountMode, Unmounted, WaitStatus, WayStatus, shown,
};
use tfs_state::TagChange;
use tfs_sys::clock::now;
use tfs_sys::mountinfo::{Device, MountTable};
use tfs_sys::places::{MountPlace, places, places_left};
use tfs_sys::{blocking, memory};
use tfs_types::chain;
use tokio::time::timeout;
use vfs_core::{
    InfoHash, OpenReader, Query, QueryError, ReadCounters, ReadWay, SourceErrorKind, TorrentSource,
    Vfs,
};

use super::controlled::ControlTarget;
use super::ending::Ending;
use super::presence::{MountPresence, place_info};
use crate::discovery::with_root_cause;
use crate::drop::DropService;
use crate::events::MountEvents;
use crate::history::CounterReading;
use crate::page_files::{FilesOfMount, MountFiles, PAGE_READER, PageHandles};
use crate::preload::preload;
use crate::server::NamedServer;
use crate::status::{MountInfo, recent_of, status_of};
use crate::tags::MountTags;
use crate::{RefreshError, Refresher};

/// How long a mount namespace may have a transient copy of a mount. A container's namespace is
/// created and cleaned up within milliseconds.
const COPY_TIME_MAX: Duration = Duration::from_secs(1);

/// The parts of a mount that the API uses. It keeps none of them alive.
pub(crate) struct MountControl<S> {
    path: PathBuf,
    device: Device,
    vfs: Weak<Vfs<S>>,
    kernel: KernelHandle,
    about: MountInfo,
    refresher: Refresher,
    ending: Ending,
    tags: Arc<MountTags>,
    events: MountEvents,
    /// The drop folder; dangling without one.
    drop: Weak<DropService>,
    /// Clients of its servers, for the page.
    servers: Vec<NamedServer>,
    files: Arc<FilesOfMount<S>>,
    /// Files that the page has open.
    page_handles: PageHandles,
}

impl<S: TorrentSource> MountControl<S> {
    pub(crate) fn new(
        mount: &FuseMount,
        vfs: &Arc<Vfs<S>>,
        about: MountInfo,
        refresher: Refresher,
        ending: Ending,
    ) -> Self {
        let page_handles = PageHandles::default();
        Self {
            path: mount.mountpoint().to_owned(),
            device: mount.device(),
            vfs: Arc::downgrade(vfs),
            kernel: mount.kernel_side(),
            about,
            refresher,
            ending,
            tags: Arc::new(MountTags::new(None)),
            events: MountEvents::default(),
            drop: Weak::new(),
            servers: Vec::new(),
            files: Arc::new(FilesOfMount::new(vfs, page_handles.clone())),
            page_handles,
        }
    }

    /// Sets the tags that the mount shows.
    pub(crate) fn with_tags(self, tags: Arc<MountTags>) -> Self {
        Self { tags, ..self }
    }

    /// Sets the receiver of events.
    pub(crate) fn with_events(self, events: MountEvents) -> Self {
        Self { events, ..self }
    }

    /// Sets the drop folder, which is unmounted before the mount.
    pub(crate) fn with_drop(self, drop: Option<&Arc<DropService>>) -> Self {
        Self { drop: drop.map(Arc::downgrade).unwrap_or_default(), ..self }
    }

    /// Sets the clients of its servers.
    pub(crate) fn with_servers(self, servers: Vec<NamedServer>) -> Self {
        Self { servers, ..self }
    }

    fn vfs(&self) -> Result<Arc<Vfs<S>>, FailureBody> {
        self.vfs.upgrade().ok_or_else(ended)
    }

    fn readers(&self, vfs: &Vfs<S>) -> Vec<ReaderStatus> {
        let mut callers = self.kernel.callers();
        let passed = self.kernel.passed_through();
        let readers = vfs.readers().into_iter();
        let readers = readers.map(|reader| {
            let caller = callers.remove(&reader.handle);
            let is_passed = passed.contains(&reader.handle);
            let is_of_page = self.page_handles.contains(reader.handle);
            let server = reader.server.and_then(|id| self.about.servers.get(usize::from(id.0)));
            let server = server.map(|server| server.name.clone());
            let mut status = ReaderStatus { server, ..reader_status(reader, caller) };
            if is_passed {
                status.way = WayStatus::Passthrough;
            }
            if is_of_page {
                status.command = Some(PAGE_READER.to_owned());
            }
            status
        });
        let mut readers: Vec<_> = readers.collect();
        // Longest wait first; readers that do not wait keep their order.
        readers.sort_by_key(|reader| {
            std::cmp::Reverse(reader.waits.map_or(0, |wait| wait.for_millis + 1))
        });
        readers
    }

    async fn clear_parts(&self, parts: CacheParts) -> Result<Cleared, FailureBody> {
        let mut cleared = Cleared::default();
        let nodes = {
            let vfs = self.vfs()?;
            if parts.has_metadata() {
                vfs.clear_pieces();
            }
            if parts.has_data() {
                cleared.memory_bytes = vfs.clear_data();
            }
            blocking(move || vfs.known_nodes()).await
        };
        let caches =
            KernelCaches { has_data: parts.has_data(), has_metadata: parts.has_metadata() };
        let kernel = self.kernel.clear(nodes, caches).await;
        cleared.kernel_files = kernel.files;
        cleared.kernel_names = kernel.names;
        cleared.files_in_use = kernel.files_in_use;
        if parts.has_metadata() {
            // A server that does not answer does not make the clearing fail.
            let looks = self.refresher.look_now().await;
            cleared.server_asked = looks.iter().all(Result::is_ok);
        }
        // The user wants the memory back, which the allocator would keep.
        blocking(memory::give_back).await;
        Ok(cleared)
    }

    /// Checks that the mount visible at the path is this one, and not one on top of it.
    fn check_is_on_top(&self) -> Result<(), FailureBody> {
        let table = MountTable::read()
            .map_err(|error| FailureBody::new(FailureKind::Failed, error.to_string()))?;
        let top = table.at(&self.path).map(|entry| entry.device);
        if top == Some(self.device) { Ok(()) } else { Err(ended()) }
    }

    /// Returns the places where it is still mounted after an unmount. A new mount namespace has a
    /// transient copy, which its creator usually unmounts. So such a place is checked twice.
    async fn places_that_stay(&self, before: &[MountPlace]) -> Vec<MountPlace> {
        let device = self.device;
        let left = |before: Vec<MountPlace>| blocking(move || places_left(&before, device));
        let places = left(before.to_vec()).await;
        if places.iter().any(|place| place.seen_by.is_none()) || places.is_empty() {
            return places;
        }
        match timeout(COPY_TIME_MAX, self.ending.over()).await {
            Ok(()) => Vec::new(),
            Err(_elapsed) => left(places).await,
        }
    }

    /// Unmounts the drop folder and then the mount. If the mount stays, so does the folder.
    async fn unmount_by_path(&self, how: Unmount) -> Result<(), FailureBody> {
        self.check_is_on_top()?;
        let folder = self.drop.upgrade();
        if let Some(folder) = &folder {
            folder.unmount(how).await.map_err(unmount_failure)?;
        }
        let path = self.path.clone();
        let unmounted = blocking(move || unmount(&path, how)).await;
        if let (Err(_), Some(folder)) = (&unmounted, &folder) {
            folder.mount_again().await;
        }
        unmounted.map_err(unmount_failure)
    }
}

impl<S: TorrentSource> ControlTarget for MountControl<S> {
    fn id(&self) -> MountId {
        MountId { mountpoint: shown(&self.path), device: self.device.to_string() }
    }

    fn note_command(&self) {
        if let Some(vfs) = self.vfs.upgrade() {
            vfs.note_command();
        }
    }

    fn counters(&self) -> Option<CounterReading> {
        let vfs = self.vfs.upgrade()?;
        let (counters, failures) = (vfs.counters(), vfs.read_summary().failures.into_iter());
        let failures = failures
            .map(|(reason, count)| FailureCount { reason: reason.as_str().to_owned(), count });
        Some(CounterReading {
            given_bytes: counters.total.bytes_given,
            fetched_bytes: counters.total.bytes_fetched,
            local_bytes: counters.total.bytes_local,
            waiting: counters.reads_waiting as u64,
            failures: failures.collect(),
        })
    }

    fn status(&self) -> Result<MountStatus, FailureBody> {
        let vfs = self.vfs()?;
        let MountPresence { trouble, also_mounted } = MountPresence::of(&self.path, self.device);
        let mut status = status_of(&vfs, &self.about);
        if let Some(trouble) = trouble {
            status.trouble = Some(match status.trouble {
                Some(more) => format!("{trouble}; {more}"),
                None => trouble.to_owned(),
            });
        }
        Ok(MountStatus {
            device: self.device.to_string(),
            status,
            recent: recent_of(&vfs, &self.kernel, now()),
            readers: self.readers(&vfs),
            also_mounted,
            preloading: self.about.preloads.running(),
        })
    }

    fn embedded_servers(&self) -> Vec<EmbeddedServerInfo> {
        let accesses = self.about.servers.iter().filter_map(|server| server.access.clone());
        let mountpoint = shown(&self.path);
        accesses
            .map(|access| EmbeddedServerInfo { mountpoint: mountpoint.clone(), access })
            .collect()
    }

    fn servers(&self) -> Vec<NamedServer> {
        self.servers.clone()
    }

    fn files(&self) -> Arc<dyn MountFiles> {
        Arc::clone(&self.files) as _
    }

    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Result<Refreshed, FailureBody>> {
        Box::pin(async move {
            let removed = removed(&request)?;
            let (tags, vfs) = (Arc::clone(&self.tags), self.vfs()?);
            // Another process may have changed them without reaching this one.
            blocking(move || tags.load(&vfs)).await;
            let looks = self.refresher.poll_with(request.accept_removals, &removed).await;
            let mut refreshed = Refreshed {
                torrents: self.vfs()?.counts().torrents as u64,
                ..Refreshed::default()
            };
            for (about, look) in self.about.servers.iter().zip(looks) {
                let server = about.name.clone();
                match look {
                    Ok(changes) => {
                        refreshed.servers.push(server);
                        refreshed.added.extend(changes.added.into_iter().map(|(_, name)| name));
                        let removed = changes.removed.into_iter().map(|(_, name)| name);
                        refreshed.removed.extend(removed);
                    }
                    Err(RefreshError::Ended) => return Err(ended()),
                    Err(RefreshError::Failed(error)) => {
                        let unreachable = error.kind == SourceErrorKind::Unreachable;
                        let error = format!("failed to {}", with_root_cause(&error));
                        refreshed.failed.push(FailedServer { server, error, unreachable });
                    }
                }
            }
            if refreshed.servers.is_empty() {
                let kind = match refreshed.failed.iter().all(|failed| failed.unreachable) {
                    true => FailureKind::ServerUnreachable,
                    false => FailureKind::ServerFailed,
                };
                let errors: Vec<_> =
                    refreshed.failed.into_iter().map(|failed| failed.error).collect();
                return Err(FailureBody::new(kind, errors.join("; ")));
            }
            Ok(refreshed)
        })
    }

    fn cache_stats(&self) -> Result<CacheStats, FailureBody> {
        let vfs = self.vfs()?;
        let counters = vfs.counters();
        let ReadCounters { reads, hits, misses, bytes_fetched, bytes_given, .. } = counters.total;
        Ok(CacheStats {
            memory_bytes_max: counters.memory_bytes_max,
            buffered_bytes: counters.buffered_bytes,
            cached_bytes: counters.cached_bytes,
            unused_bytes: counters.bytes_unused,
            reads,
            hits,
            misses,
            fetched_bytes: bytes_fetched,
            given_bytes: bytes_given,
            kernel_inodes: vfs.known_count() as u64,
        })
    }

    fn clear(&self, parts: CacheParts) -> BoxFuture<'_, Result<Cleared, FailureBody>> {
        Box::pin(self.clear_parts(parts))
    }

    fn unmount(&self, mode: UnmountMode) -> BoxFuture<'_, Result<Unmounted, FailureBody>> {
        Box::pin(async move {
            let device = self.device;
            let before = blocking(move || places(device)).await;
            match mode {
                UnmountMode::Clean => {
                    self.unmount_by_path(Unmount::Clean).await?;
                    let places = self.places_that_stay(&before).await;
                    // A filesystem that is mounted elsewhere does not end.
                    if !places.is_empty() {
                        return Ok(unmounted(places));
                    }
                    self.ending.over().await;
                    Ok(Unmounted::default())
                }
                UnmountMode::Lazy => {
                    self.unmount_by_path(Unmount::Lazy).await?;
                    Ok(unmounted(self.places_that_stay(&before).await))
                }
                UnmountMode::Force => {
                    // The owner of the mount then forces the end.
                    self.ending.ask();
                    self.ending.over().await;
                    Ok(unmounted(blocking(move || places_left(&before, device)).await))
                }
            }
        })
    }

    fn tag(&self, change: &TagChange) -> Result<(), FailureBody> {
        let vfs = self.vfs()?;
        let changed = self.tags.change(&*vfs, change);
        self.events.tell_names(vfs.names_version());
        changed.map_err(|error| {
            FailureBody::new(FailureKind::Failed, format!("failed to {}", chain(&error)))
        })
    }

    fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, FailureBody> {
        search(&*self.vfs()?, request)
            .map_err(|error| FailureBody::new(FailureKind::BadQuery, error.to_string()))
    }

    fn preload(
        &self,
        request: &PreloadRequest,
    ) -> Result<BoxStream<'static, PreloadEvent>, FailureBody> {
        preload(self.vfs()?, request, &self.about.preloads)
    }
}

/// Searches a tree.
///
/// # Errors
/// If the query is malformed.
pub(crate) fn search<S: TorrentSource>(
    vfs: &Vfs<S>,
    request: &SearchRequest,
) -> Result<SearchAnswer, QueryError> {
    let query = match &request.query {
        QueryText::Words(words) => Query::words(words),
        QueryText::Glob(glob) => Query::glob(glob),
        QueryText::Regex(regex) => Query::regex(regex),
    }?;
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX).min(SEARCH_HITS_MAX);
    // One extra result shows whether there are more.
    let mut found = vfs.search(&query, limit + 1);
    let is_cut = found.len() > limit;
    found.truncate(limit);
    let hits = found.into_iter().map(|hit| SearchResult {
        path: hit.path,
        info_hash: hit.file.torrent.to_string(),
        file_index: hit.file.index.0,
        size_bytes: hit.size,
        have_bytes: hit.have_bytes,
    });
    Ok(SearchAnswer { hits: hits.collect(), is_cut })
}

fn reader_status(reader: OpenReader, caller: Option<Caller>) -> ReaderStatus {
    let (pid, command) = caller.map(|Caller { pid, command }| (pid, command)).unzip();
    let origin = reader.origin.as_deref();
    ReaderStatus {
        path: reader.path,
        info_hash: reader.file.torrent.to_string(),
        file_index: reader.file.index.0,
        pid,
        command,
        front: origin.map(|origin| origin.front.to_owned()),
        peer: origin.map(|origin| origin.peer.clone()),
        agent: origin.and_then(|origin| origin.agent.clone()),
        offset: reader.offset,
        file_bytes: reader.file_len,
        given_bytes: reader.bytes_given,
        bytes_per_second: reader.bytes_per_second,
        way: way_status(reader.way),
        server: None,
        waits: reader.wait.map(|wait| WaitStatus {
            offset: wait.offset,
            piece: wait.piece_idx,
            piece_bytes: wait.piece_len,
            for_millis: millis(wait.waited),
            left_millis: wait.left.map(millis),
            peers: wait.peers.map(|peers| peers as u64),
        }),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn way_status(way: ReadWay) -> WayStatus {
    match way {
        ReadWay::Source => WayStatus::Http,
        ReadWay::Local => WayStatus::Local,
    }
}

/// Returns the torrents that a request lists as removed.
fn removed(request: &RefreshRequest) -> Result<Vec<InfoHash>, FailureBody> {
    let bad = |what: String| FailureBody::new(FailureKind::BadRequest, what);
    if request.removed.len() > RefreshRequest::REMOVED_MAX {
        let max = RefreshRequest::REMOVED_MAX;
        return Err(bad(format!("a request may list at most {max} removed torrents")));
    }
    let parsed = request.removed.iter().map(|text| {
        text.parse().map_err(|error| bad(format!("\"removed\" has no info hash: {error}")))
    });
    parsed.collect()
}

fn unmounted(places: Vec<MountPlace>) -> Unmounted {
    Unmounted { still_mounted: places.into_iter().map(place_info).collect() }
}

fn ended() -> FailureBody {
    FailureBody::new(FailureKind::UnknownMount, "the mount has ended")
}

fn unmount_failure(error: UnmountError) -> FailureBody {
    let message = format!("failed to {error}");
    match error {
        UnmountError::Busy { holders, .. } => FailureBody {
            holders: holders.into_iter().map(holder_info).collect(),
            ..FailureBody::new(FailureKind::Busy, message)
        },
        UnmountError::NotMounted { .. } | UnmountError::NotTfs { .. } => ended(),
        UnmountError::NotPermitted { .. } => FailureBody::new(FailureKind::NotPermitted, message),
        UnmountError::Path { .. }
        | UnmountError::Table { .. }
        | UnmountError::NoFusermount { .. }
        | UnmountError::Fusermount { .. }
        | UnmountError::System { .. } => FailureBody::new(FailureKind::Failed, message),
    }
}

fn holder_info(Holder { pid, command, path }: Holder) -> HolderInfo {
    HolderInfo { pid, command, path: shown(&path) }
}
