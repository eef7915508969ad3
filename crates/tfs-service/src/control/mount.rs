//! A running mount as a target of the control API.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tfs_api::status::FailureCount;
use tfs_api::wire::{
    CacheParts, CacheStats, Cleared, EmbeddedServerInfo, FailedServer, FailureBody, FailureKind,
    MountId, MountStatus, PreloadEvent, PreloadRequest, QueryText, ReaderStatus, RefreshRequest,
    Refreshed, SEARCH_HITS_MAX, SearchAnswer, SearchRequest, SearchResult, UnmountMode, Unmounted,
    WaitStatus, WayStatus,
};
use tfs_state::TagChange;
use tfs_sys::clock::now;
use tfs_sys::mountinfo::Device;
use tfs_sys::{blocking, memory};
use tfs_types::chain;
use vfs_core::{
    InfoHash, OpenReader, Query, QueryError, ReadCounters, ReadWay, SourceErrorKind, TorrentSource,
    Vfs,
};

use super::controlled::ControlTarget;
use super::ending::Ending;
use super::presence::MountPresence;
use super::unmounting::{MountEnd, ended};
use crate::discovery::with_root_cause;
use crate::drop::DropService;
use crate::events::MountEvents;
use crate::history::CounterReading;
use crate::mounting::{KernelSide, LibraryPlace, Mounting, ReadingProgram};
use crate::page_files::{FilesOfMount, MountFiles};
use crate::preload::preload;
use crate::server::NamedServer;
use crate::status::{MountInfo, recent_of, status_of};
use crate::tags::MountTags;
use crate::{RefreshError, Refresher};

/// The parts of a mount that the API uses. It keeps none of them alive.
pub(crate) struct MountControl<S> {
    place: LibraryPlace,
    device: Option<Device>,
    vfs: Weak<Vfs<S>>,
    kernel: KernelSide,
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
}

impl<S: TorrentSource> MountControl<S> {
    pub(crate) fn new(
        mount: &Mounting,
        vfs: &Arc<Vfs<S>>,
        about: MountInfo,
        refresher: Refresher,
        ending: Ending,
    ) -> Self {
        Self {
            place: about.place.clone(),
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
            files: Arc::new(FilesOfMount::new(vfs)),
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

    /// Returns the device number as in [`MountId`].
    fn device_text(&self) -> String {
        self.device.map(|device| device.to_string()).unwrap_or_default()
    }

    /// Refuses the end of a library that clients read. A mount is checked by the kernel.
    fn check_is_unused(&self) -> Result<(), FailureBody> {
        let readers = self.vfs()?.readers();
        let Some(reader) = readers.first() else { return Ok(()) };
        let peer = reader.origin.as_ref().map_or("a client", |origin| &origin.peer);
        let file = reader.path.as_deref().unwrap_or("a file");
        let others = match readers.len() {
            0 | 1 => String::new(),
            count => format!(", and {} more", count - 1),
        };
        let message = format!("failed to end {}: {peer} has {file} open{others}", self.place);
        Err(FailureBody::new(FailureKind::Busy, message))
    }

    fn readers(&self, vfs: &Vfs<S>) -> Vec<ReaderStatus> {
        let mut programs = self.kernel.programs();
        let passed = self.kernel.passed_through();
        let readers = vfs.readers().into_iter();
        let readers = readers.map(|reader| {
            let program = programs.remove(&reader.handle);
            let is_passed = passed.contains(&reader.handle);
            let server = reader.server.and_then(|id| self.about.servers.get(usize::from(id.0)));
            let server = server.map(|server| server.name.clone());
            let mut status = ReaderStatus { server, ..reader_status(reader, program) };
            if is_passed {
                status.way = WayStatus::Passthrough;
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
        self.kernel.clear(nodes, parts, &mut cleared).await;
        if parts.has_metadata() {
            // A server that does not answer does not make the clearing fail.
            let looks = self.refresher.look_now().await;
            self.kernel.settled().await;
            cleared.server_asked = looks.iter().all(Result::is_ok);
        }
        // The user wants the memory back, which the allocator would keep.
        blocking(memory::give_back).await;
        Ok(cleared)
    }
}

impl<S: TorrentSource> ControlTarget for MountControl<S> {
    fn id(&self) -> MountId {
        MountId { mountpoint: self.place.to_string(), device: self.device_text() }
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
        let presence = match (self.place.path(), self.device) {
            (Some(path), Some(device)) => MountPresence::of(path, device),
            _ => MountPresence::default(),
        };
        let MountPresence { trouble, also_mounted } = presence;
        let mut status = status_of(&vfs, &self.about);
        if let Some(trouble) = trouble {
            status.trouble = Some(match status.trouble {
                Some(more) => format!("{trouble}; {more}"),
                None => trouble.to_owned(),
            });
        }
        Ok(MountStatus {
            device: self.device_text(),
            status,
            recent: recent_of(&vfs, &self.kernel, now()),
            readers: self.readers(&vfs),
            also_mounted,
            preloading: self.about.preloads.running(),
        })
    }

    fn embedded_servers(&self) -> Vec<EmbeddedServerInfo> {
        let accesses = self.about.servers.iter().filter_map(|server| server.access.clone());
        let mountpoint = self.place.to_string();
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
            self.kernel.settled().await;
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
        let end = MountEnd {
            place: &self.place,
            device: self.device,
            drop: self.drop.upgrade(),
            ending: &self.ending,
        };
        Box::pin(async move {
            if mode == UnmountMode::Clean && self.place.path().is_none() {
                self.check_is_unused()?;
            }
            end.unmount(mode).await
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

fn reader_status(reader: OpenReader, program: Option<ReadingProgram>) -> ReaderStatus {
    let (pid, command) = program.map(|ReadingProgram { pid, command }| (pid, command)).unzip();
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
        bytes_downloaded: reader.bytes_downloaded,
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
