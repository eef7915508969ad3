//! A source of torrents whose completion the test triggers. It is stricter than a real server: it
//! records forbidden calls as [violations](FakeSource::violations).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;
use vfs_core::{
    Bitfield, ByteRange, DownloadProgress, FileEntry, FileId, FileIndex, FileKind, InfoHash,
    Layout, LocalFile, LocalPieces, LocalWanted, MetadataStatus, NoLocalFile, SourceError,
    SourceErrorKind, SourceLimits, SourceStream, TorrentDetails, TorrentSource, TorrentState,
    TorrentSummary,
};

use crate::content::Content;
use crate::fake_local::FakeLocal;

/// The default length of a chunk: small, so that a response needs several.
const CHUNK_BYTES: usize = 1000;

/// A fault of the streams that are opened from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misbehaviour {
    /// The stream reports a start that is one byte too late.
    WrongOffset,
    /// The stream ends one byte early.
    EndsEarly,
    /// The stream has one byte too many.
    GoesOn,
    /// The stream fails after its first chunk.
    Breaks,
}

/// A source that keeps everything in memory and waits only where a test holds it. Clones share the
/// source.
#[derive(Debug, Clone)]
pub struct FakeSource {
    shared: Arc<FakeShared>,
    name: Option<Arc<str>>,
}

#[derive(Debug)]
struct FakeShared {
    /// The state that tests set and read; never held across an await.
    state: Mutex<FakeState>,
    /// Files whose streams send nothing, with the offset from which on.
    held: watch::Sender<HashMap<FileId, u64>>,
    streams_max: usize,
}

#[derive(Debug)]
struct FakeState {
    torrents: Vec<(TorrentSummary, TorrentDetails)>,
    added_count: u64,
    misbehaviour: Option<Misbehaviour>,
    open_errors: HashMap<FileId, SourceErrorKind>,
    chunk_bytes: usize,
    open_now: usize,
    opened: Vec<(FileId, ByteRange)>,
    haves: HashMap<InfoHash, Bitfield>,
    bitfield_requests: usize,
    /// Why torrents failed.
    failures: HashMap<InfoHash, String>,
    locals: HashMap<FileId, FakeLocal>,
    /// The pieces of each request to verify a local file.
    proofs: Vec<LocalPieces>,
    violations: Vec<String>,
    /// The download speed in bytes per second that the source reports, and since when.
    download: Option<(u64, Instant)>,
}

impl FakeSource {
    /// Returns a source without torrents that allows `streams_max` streams.
    #[must_use]
    pub fn new(streams_max: usize) -> Self {
        let shared = Arc::new(FakeShared {
            state: Mutex::new(FakeState {
                torrents: Vec::new(),
                added_count: 0,
                misbehaviour: None,
                open_errors: HashMap::new(),
                chunk_bytes: CHUNK_BYTES,
                open_now: 0,
                opened: Vec::new(),
                haves: HashMap::new(),
                bitfield_requests: 0,
                failures: HashMap::new(),
                locals: HashMap::new(),
                proofs: Vec::new(),
                violations: Vec::new(),
                download: None,
            }),
            held: watch::Sender::new(HashMap::new()),
            streams_max,
        });
        Self { shared, name: None }
    }

    /// Returns the same source with a name for its server.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Adds a complete torrent and returns its info hash.
    pub fn add(&self, details: TorrentDetails) -> InfoHash {
        let mut state = self.state();
        state.added_count += 1;
        let summary = TorrentSummary {
            info_hash: details.info_hash,
            added_order: state.added_count,
            is_resolved: true,
            is_listed: true,
            state: TorrentState::Live,
            file_progress: Some(details.files.iter().map(|file| file.len).collect()),
        };
        let info_hash = details.info_hash;
        state.torrents.push((summary, details));
        info_hash
    }

    /// Changes the list entry of a torrent.
    pub fn update(&self, torrent: InfoHash, change: impl FnOnce(&mut TorrentSummary)) {
        let mut state = self.state();
        let known = state.torrents.iter_mut().find(|(summary, _)| summary.info_hash == torrent);
        if let Some((summary, _)) = known {
            change(summary);
        }
    }

    /// Makes a torrent fail with a reason.
    pub fn fail(&self, torrent: InfoHash, reason: &str) {
        self.update(torrent, |summary| summary.state = TorrentState::Failed);
        self.state().failures.insert(torrent, reason.to_owned());
    }

    /// Removes a torrent.
    pub fn remove(&self, torrent: InfoHash) {
        self.state().torrents.retain(|(summary, _)| summary.info_hash != torrent);
    }

    /// Sets the bitfield of a torrent. Until then it is unavailable.
    pub fn set_haves(&self, torrent: InfoHash, haves: Bitfield) {
        self.state().haves.insert(torrent, haves);
    }

    /// Returns the number of bitfield requests.
    #[must_use]
    pub fn bitfield_requests(&self) -> usize {
        self.state().bitfield_requests
    }

    /// Puts a file on the local disk, or removes it for later requests.
    pub fn set_local(&self, file: FileId, local: Option<FakeLocal>) {
        let locals = &mut self.state().locals;
        match local {
            Some(local) => locals.insert(file, local),
            None => locals.remove(&file),
        };
    }

    /// Returns the pieces of each request to verify a local file.
    #[must_use]
    pub fn proofs(&self) -> Vec<LocalPieces> {
        self.state().proofs.clone()
    }

    /// Returns the list that the source reports.
    #[must_use]
    pub fn listing(&self) -> Vec<TorrentSummary> {
        self.state().torrents.iter().map(|(summary, _)| summary.clone()).collect()
    }

    /// Returns the details of all torrents.
    #[must_use]
    pub fn all_details(&self) -> Vec<TorrentDetails> {
        self.state().torrents.iter().map(|(_, details)| details.clone()).collect()
    }

    /// Sets the speed, in bytes per second, at which the source downloads from now on.
    pub fn set_download(&self, bytes_per_second: u64) {
        self.state().download = Some((bytes_per_second, Instant::now()));
    }

    /// Makes the streams of a file send nothing, including open ones.
    pub fn hold(&self, file: FileId) {
        self.hold_from(file, 0);
    }

    /// Makes the streams of a file send nothing from an offset on: the data after it is missing.
    pub fn hold_from(&self, file: FileId, offset: u64) {
        self.shared.held.send_modify(|held| {
            held.insert(file, offset);
        });
    }

    /// Lets the streams of a file continue.
    pub fn let_go(&self, file: FileId) {
        self.shared.held.send_modify(|held| {
            held.remove(&file);
        });
    }

    /// Makes every open of a file fail, or succeed again.
    pub fn fail_opens(&self, file: FileId, kind: Option<SourceErrorKind>) {
        let mut state = self.state();
        match kind {
            Some(kind) => state.open_errors.insert(file, kind),
            None => state.open_errors.remove(&file),
        };
    }

    /// Sets or clears the fault of streams that are opened from now on.
    pub fn misbehave(&self, misbehaviour: Option<Misbehaviour>) {
        self.state().misbehaviour = misbehaviour;
    }

    /// Sets the chunk length of streams that are opened from now on.
    pub fn set_chunk_bytes(&self, chunk_bytes: usize) {
        self.state().chunk_bytes = chunk_bytes.max(1);
    }

    /// Returns how many streams are open.
    #[must_use]
    pub fn open_now(&self) -> usize {
        self.state().open_now
    }

    /// Returns the opened streams, in order.
    #[must_use]
    pub fn opened(&self) -> Vec<(FileId, ByteRange)> {
        self.state().opened.clone()
    }

    /// Returns the forbidden calls so far.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// Returns the bytes of a file.
    #[must_use]
    pub fn content(file: FileId, len: u64) -> Content {
        let seed = file.torrent.as_bytes().iter().fold(u64::from(file.index.0), |seed, byte| {
            seed.wrapping_mul(31).wrapping_add(u64::from(*byte))
        });
        Content::new(seed, len)
    }

    fn state(&self) -> MutexGuard<'_, FakeState> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, file: FileId, file_len: u64, range: ByteRange) -> Result<(), SourceError> {
        let mut state = self.state();
        let index = usize::try_from(file.index.0).unwrap_or(usize::MAX);
        let known = state.torrents.iter().find(|(_, d)| d.info_hash == file.torrent);
        let entry = known.and_then(|(_, details)| details.files.get(index));
        let Some(len) = entry.map(|entry| entry.len) else {
            return Err(SourceError::new(SourceErrorKind::NotFound, "open a file of the fake"));
        };
        if file_len != len || range.is_empty() || range.end() > len {
            state.violations.push(format!("{file:?} of {len} bytes opened at {range:?}"));
        }
        if let Some(kind) = state.open_errors.get(&file) {
            return Err(SourceError::new(*kind, "open a file of the fake"));
        }
        state.opened.push((file, range));
        state.open_now += 1;
        if state.open_now > self.shared.streams_max {
            let open_now = state.open_now;
            state.violations.push(format!("{open_now} streams are open"));
        }
        Ok(())
    }
}

/// Returns a torrent that is a directory of regular files, each given as path and length.
#[must_use]
pub fn directory(id: u8, name: &str, files: &[(&str, u64)]) -> TorrentDetails {
    let files = files.iter().map(|(path, len)| FileEntry {
        path: path.split('/').map(str::to_owned).collect(),
        len: *len,
        kind: FileKind::Regular,
    });
    TorrentDetails {
        info_hash: InfoHash::from_bytes([id; InfoHash::BYTES]),
        name: name.to_owned(),
        layout: Layout::Directory,
        created: Some(1_000_000_000 + i64::from(id)),
        piece_len: None,
        metadata: MetadataStatus::Known,
        files: files.collect(),
    }
}

/// Returns a torrent of one file.
#[must_use]
pub fn single_file(id: u8, name: &str, len: u64) -> TorrentDetails {
    let mut details = directory(id, name, &[(name, len)]);
    details.layout = Layout::SingleFile;
    details
}

/// Returns the identity of a file of a torrent that was created with `id`.
#[must_use]
pub fn file_id(id: u8, index: u32) -> FileId {
    FileId { torrent: InfoHash::from_bytes([id; InfoHash::BYTES]), index: FileIndex(index) }
}

impl TorrentSource for FakeSource {
    type Stream = FakeStream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        Ok(self.listing())
    }

    async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
        let found = self.all_details().into_iter().find(|details| details.info_hash == torrent);
        found.ok_or_else(|| SourceError::new(SourceErrorKind::NotFound, "find a torrent"))
    }

    async fn haves(&self, torrent: InfoHash) -> Result<Bitfield, SourceError> {
        let mut state = self.state();
        state.bitfield_requests += 1;
        let known = state.torrents.iter().find(|(summary, _)| summary.info_hash == torrent);
        let Some((summary, _)) = known else {
            return Err(SourceError::new(SourceErrorKind::NotFound, "find a torrent"));
        };
        let is_known = match summary.state {
            TorrentState::Live | TorrentState::Paused => true,
            TorrentState::Initializing | TorrentState::Failed => false,
        };
        let haves = state.haves.get(&torrent).filter(|_| is_known).cloned();
        haves.ok_or_else(|| SourceError::new(SourceErrorKind::Failed, "read pieces"))
    }

    async fn download_progress(&self, _torrent: InfoHash) -> Option<DownloadProgress> {
        let (bytes_per_second, since) = self.state().download?;
        let fetched_bytes = bytes_per_second * since.elapsed().as_secs();
        Some(DownloadProgress { fetched_bytes, bytes_per_second, peers: None })
    }

    async fn open_at(
        &self,
        file: FileId,
        file_len: u64,
        range: ByteRange,
    ) -> Result<FakeStream, SourceError> {
        self.begin(file, file_len, range)?;
        let state = self.state();
        let (start, end) = (range.start(), range.end());
        let (position, end) = match state.misbehaviour {
            Some(Misbehaviour::WrongOffset) => (start + 1, end),
            Some(Misbehaviour::EndsEarly) => (start, end - 1),
            Some(Misbehaviour::GoesOn) => (start, end + 1),
            Some(Misbehaviour::Breaks) | None => (start, end),
        };
        Ok(FakeStream {
            source: self.clone(),
            held: self.shared.held.subscribe(),
            file,
            content: Self::content(file, end.max(file_len)),
            position,
            end,
            chunk_bytes: state.chunk_bytes,
            chunks_until_break: (state.misbehaviour == Some(Misbehaviour::Breaks)).then_some(1),
        })
    }

    fn name(&self) -> Option<Arc<str>> {
        self.name.clone()
    }

    fn listed_name(&self, torrent: InfoHash) -> Option<String> {
        let state = self.state();
        let (_, details) = state.torrents.iter().find(|(it, _)| it.info_hash == torrent)?;
        Some(details.name.clone())
    }

    fn listed_failure(&self, torrent: InfoHash) -> Option<String> {
        self.state().failures.get(&torrent).cloned()
    }

    async fn local_file(
        &self,
        file: FileId,
        wanted: LocalWanted,
    ) -> Result<Arc<dyn LocalFile>, NoLocalFile> {
        let mut state = self.state();
        let local = state.locals.get(&file).cloned();
        if let Some(known) = local.as_ref().filter(|local| local.is_known()) {
            known.reopen()?;
        } else if wanted.may_verify {
            state.proofs.push(wanted.pieces);
        } else {
            return Err(NoLocalFile::Changed);
        }
        match local {
            Some(local) => Ok(Arc::new(local)),
            None => Err(NoLocalFile::Refused("the fake has no such file".into())),
        }
    }

    fn is_local_known(&self, file: FileId) -> bool {
        self.state().locals.get(&file).is_some_and(FakeLocal::is_known)
    }

    fn limits(&self) -> SourceLimits {
        SourceLimits { streams_max: self.shared.streams_max }
    }
}

/// A stream of a [`FakeSource`].
#[derive(Debug)]
pub struct FakeStream {
    source: FakeSource,
    held: watch::Receiver<HashMap<FileId, u64>>,
    file: FileId,
    content: Content,
    position: u64,
    end: u64,
    chunk_bytes: usize,
    chunks_until_break: Option<usize>,
}

impl SourceStream for FakeStream {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        let (file, position, end) = (self.file, self.position, self.end);
        let is_silent = |from: u64| position >= from && (position < end || from == 0);
        let held_from = |held: &HashMap<FileId, u64>| held.get(&file).copied();
        // The sender lives in the source, which this stream holds.
        let held = self.held.wait_for(|held| !held_from(held).is_some_and(is_silent)).await;
        let Ok(here_until) = held.map(|held| held_from(&held).unwrap_or(u64::MAX)) else {
            return Err(SourceError::new(SourceErrorKind::Failed, "wait for the fake"));
        };
        if self.chunks_until_break == Some(0) {
            return Err(SourceError::new(SourceErrorKind::Unreachable, "read from the fake"));
        }
        self.chunks_until_break = self.chunks_until_break.map(|chunks| chunks - 1);
        let left = self.end.min(here_until.max(position)) - position;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; left.min(self.chunk_bytes)];
        self.content.fill(self.position, &mut chunk);
        self.position += chunk.len() as u64;
        Ok(Some(chunk.into()))
    }

    fn position(&self) -> u64 {
        self.position
    }
}

impl Drop for FakeStream {
    fn drop(&mut self) {
        self.source.state().open_now -= 1;
    }
}
