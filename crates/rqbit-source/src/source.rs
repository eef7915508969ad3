//! One rqbit server as a torrent source.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rqbit_client::{
    Client, DirectError, ErrorKind, FilePosition, RangeStream, RequestedRange, TorrentRef,
};
use vfs_core::{
    Bitfield, ByteRange, DownloadProgress, FileId, FileIndex, FileKind, Freshness, Geometry,
    InfoHash, InlineUnavailable, ListAnswer, ListRequest, LocalFile, LocalPieces, LocalWanted,
    MetadataStatus, NoLocalFile, PeerCounts, SourceError, SourceErrorKind, SourceLimits,
    SourceRequests, SourceStream, StreamBudget, TorrentDetails, TorrentSource, TorrentSummary,
};

use crate::buffers::{Buffers, len_of};
use crate::error::to_source_error;
use crate::listed::ListedTorrents;
use crate::local::{LocalFiles, LocalPaths, VerificationStore, VerifiedFileRecord};
use crate::mapping;
use crate::peer_search::{PeerFinder, PeerSearch};
use crate::peers::KnownPeers;
use crate::poll::Poller;
use crate::selections::FileSelections;

/// Default maximum number of open streams.
///
/// Each stream holds one of the permits that rqbit also needs to write and check downloads. It has
/// eight by default (`--max-blocking-threads`), and stops when the last is taken: four streams
/// leave it half of them.
pub const STREAMS_MAX_DEFAULT: usize = 4;

/// How long the server's folder of a torrent is cached: the torrent may be removed and added with
/// another folder.
pub const TORRENT_TTL_DEFAULT: Duration = Duration::from_secs(60);

/// The torrents of one rqbit server.
#[derive(Debug, Clone)]
pub struct RqbitSource {
    client: Client,
    streams_max: usize,
    /// Display name of the server.
    name: Arc<str>,
    local: Arc<LocalFiles>,
    listed: Arc<ListedTorrents>,
    selections: Arc<FileSelections>,
    peers: Arc<KnownPeers>,
    finder: Arc<PeerFinder>,
    poller: Arc<Poller>,
    buffers: Arc<Buffers>,
    /// Budget of the streams, if the server is shared with other mounts.
    budget: Option<Arc<dyn StreamBudget>>,
}

impl RqbitSource {
    /// Returns the source of the client's server, with at most `streams_max` open streams (at least
    /// 1). All reads go to the server.
    #[must_use]
    pub fn new(client: Client, streams_max: usize) -> Self {
        let name = client.base_url().to_string().into();
        let local = Arc::new(LocalFiles::new(LocalPaths::Off, TORRENT_TTL_DEFAULT));
        let (listed, selections, peers, finder, poller, buffers) = Default::default();
        let streams_max = streams_max.max(1);
        Self {
            client,
            streams_max,
            name,
            local,
            listed,
            selections,
            peers,
            finder,
            poller,
            buffers,
            budget: None,
        }
    }

    /// Returns the same source with files on the local disk enabled. The server's folder of a
    /// torrent is cached for `torrent_ttl`; zero disables the cache.
    ///
    /// [`LocalPaths::Auto`] requires that all connections to the server have gone to addresses of
    /// this machine. Before the first one, its host must be a loopback address or `localhost`, or
    /// [`on_this_machine`](Self::on_this_machine) must have been called.
    #[must_use]
    pub fn with_local_paths(self, paths: LocalPaths, torrent_ttl: Duration) -> Self {
        let is_own = self.may_be_loopback();
        let local = LocalFiles::new(paths, torrent_ttl).presuming(is_own);
        Self { local: Arc::new(local), ..self }
    }

    /// Returns the same source, presuming that the server's host has an address of this machine. So
    /// files that were verified in an earlier run can be read before the server is reached. Must be
    /// called between [`with_local_paths`](Self::with_local_paths) and
    /// [`with_kept_proofs`](Self::with_kept_proofs).
    #[must_use]
    pub fn on_this_machine(self) -> Self {
        let local = self.local.keeping_nothing().presuming(true);
        Self { local: Arc::new(local), ..self }
    }

    /// Returns the same source with the verifications of an earlier run, and a store for new ones.
    /// Must be called after [`with_local_paths`](Self::with_local_paths).
    #[must_use]
    pub fn with_kept_proofs(
        self,
        kept: impl IntoIterator<Item = (FileId, VerifiedFileRecord)>,
        keeper: Arc<dyn VerificationStore>,
    ) -> Self {
        let local = self.local.keeping(kept, keeper);
        Self { local: Arc::new(local), ..self }
    }

    /// Returns the same source whose streams use a shared budget.
    #[must_use]
    pub fn with_budget(self, budget: Arc<dyn StreamBudget>) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// Returns the same source with a way to find peers that the server's API does not have.
    #[must_use]
    pub fn with_peer_search(self, search: Arc<dyn PeerSearch>) -> Self {
        Self { finder: Arc::new(PeerFinder::new(Some(search))), ..self }
    }

    /// Returns the same source with a display name for its server; the default is the URL.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Tests whether the files of a torrent can be read from the local disk, with its largest
    /// complete file. `None` if no file is complete.
    ///
    /// # Errors
    /// Why the file cannot be read locally.
    pub async fn try_local(&self, torrent: &TorrentSummary) -> Option<Result<(), NoLocalFile>> {
        let details = match self.details(torrent.info_hash).await {
            Ok(details) => details,
            Err(error) => return Some(Err(NoLocalFile::Unknown(error.into()))),
        };
        let progress = torrent.file_progress.as_deref()?;
        let mut file_offset = 0_u64;
        let mut largest: Option<(u32, u64, u64)> = None;
        for ((index, file), have_bytes) in (0..).zip(&details.files).zip(progress) {
            let is_data = file.kind == FileKind::Regular && !file.is_padding();
            let is_finished = is_data && *have_bytes >= file.len;
            if is_finished && file.len > largest.map_or(0, |(.., len)| len) {
                largest = Some((index, file_offset, file.len));
            }
            file_offset = file_offset.checked_add(file.len)?;
        }
        let (index, file_offset, len) = largest?;
        let file = FileId { torrent: torrent.info_hash, index: FileIndex(index) };
        let geometry = Geometry { file_offset, piece_len: details.piece_len? };
        let wanted =
            LocalWanted { len, geometry, pieces: LocalPieces::All, proven: None, may_verify: true };
        Some(self.local_file(file, wanted).await.map(drop))
    }

    /// Returns whether the server's address is one of loopback, and not that of a proxy's machine.
    fn may_be_loopback(&self) -> bool {
        self.client.base_url().is_loopback() && self.client.is_on_this_machine() != Some(false)
    }

    /// Returns the client of the server.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl TorrentSource for RqbitSource {
    type Stream = RqbitStream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        let request = ListRequest { freshness: Freshness::Current, ..ListRequest::default() };
        match self.poll(request).await? {
            // The second only by request.
            ListAnswer::All(torrents) | ListAnswer::Changed(torrents) => Ok(torrents),
        }
    }

    async fn poll(&self, request: ListRequest) -> Result<ListAnswer, SourceError> {
        let polled = self.poller.poll(&self.client, &self.listed, &request).await;
        let listing = polled.map_err(to_source_error)?;
        let (ListAnswer::All(torrents) | ListAnswer::Changed(torrents)) = &listing;
        let is_listed = |torrent| self.listed.is_listed(torrent);
        self.local.confirm(&self.client, torrents, is_listed).await;
        Ok(listing)
    }

    fn is_on_this_machine(&self) -> bool {
        let is_presumed = || self.may_be_loopback() || self.local.is_presumed_own();
        self.client.is_on_this_machine().unwrap_or_else(is_presumed)
    }

    async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
        let of = TorrentRef::from(torrent);
        let details = self.client.torrent_details(of).await.map_err(to_source_error)?;
        self.selections.on_details(&details);
        let has_files = details.files.as_ref().is_some_and(|files| !files.is_empty());
        // rqbit lists no files both for a torrent without files and for an unresolved one.
        let torrent_file = match has_files {
            true => None,
            false => Some(self.client.torrent_metadata(of).await.map_err(to_source_error)?),
        };
        mapping::to_details(details, torrent_file.as_deref()).ok_or_else(|| {
            SourceError::new(SourceErrorKind::NotFound, format!("resolve the torrent {torrent}"))
        })
    }

    async fn metadata(&self, details: TorrentDetails) -> Result<TorrentDetails, SourceError> {
        match self.client.torrent_metadata(details.info_hash.into()).await {
            Ok(torrent_file) => Ok(mapping::complete(details, &torrent_file)),
            Err(error) if is_no_metadata(error.kind()) => {
                tracing::debug!(torrent = %details.info_hash, %error, "no metadata");
                Ok(TorrentDetails { metadata: MetadataStatus::Unavailable, ..details })
            }
            Err(error) => Err(to_source_error(error)),
        }
    }

    async fn haves(&self, torrent: InfoHash) -> Result<Bitfield, SourceError> {
        self.client.torrent_haves(torrent.into()).await.map_err(to_source_error)
    }

    async fn download_progress(&self, torrent: InfoHash) -> Option<DownloadProgress> {
        match self.client.torrent_stats(torrent.into()).await {
            // Only a live torrent downloads.
            Ok(stats) => stats.live.map(|live| DownloadProgress {
                fetched_bytes: live.snapshot.fetched_bytes,
                bytes_per_second: live.download_speed.bytes_per_second(),
                peers: usize::try_from(live.snapshot.peer_stats.live).ok(),
            }),
            Err(error) => {
                tracing::debug!(%torrent, %error, "no download progress");
                None
            }
        }
    }

    fn has_selected(&self, torrent: InfoHash) -> bool {
        self.listed.has_selected(torrent)
    }

    fn selected_bytes(&self, torrent: InfoHash) -> Option<u64> {
        self.listed.selected_bytes(torrent)
    }

    fn take_reselected(&self) -> Vec<InfoHash> {
        self.listed.take_reselected()
    }

    fn take_selection(&self, torrent: InfoHash) -> Option<Bitfield> {
        self.selections.take(torrent)
    }

    async fn peer_counts(&self, torrent: InfoHash) -> Option<PeerCounts> {
        match self.client.torrent_peers(torrent.into()).await {
            Ok(answer) => Some(self.peers.on_peers(torrent, &answer.peers)),
            Err(error) => {
                tracing::debug!(%torrent, %error, "no peers");
                None
            }
        }
    }

    async fn add_peers(&self, torrent: InfoHash) {
        let forgotten = self.peers.take_forgotten(torrent);
        if forgotten.is_empty() {
            return;
        }
        match self.client.add_peers(torrent.into(), &forgotten).await {
            Ok(added) => tracing::debug!(%torrent, added, "forgotten peers were added again"),
            Err(error) => tracing::debug!(%torrent, %error, "forgotten peers cannot be added"),
        }
    }

    async fn find_peers(&self, torrent: InfoHash) {
        match self.finder.find(&self.client, torrent).await {
            Ok(added) => tracing::debug!(%torrent, added, "searched for peers"),
            Err(error) => tracing::debug!(%torrent, %error, "cannot search for peers"),
        }
    }

    fn requests(&self) -> SourceRequests {
        let counts = self.client.call_counts();
        let errors = counts.errors.into_iter().map(|(reason, count)| (reason.as_str(), count));
        SourceRequests { sent: counts.requests, errors: errors.collect() }
    }

    async fn open_at(
        &self,
        file: FileId,
        file_len: u64,
        range: ByteRange,
    ) -> Result<RqbitStream, SourceError> {
        let index = usize::try_from(file.index.0).map_err(|error| {
            SourceError::new(SourceErrorKind::NotFound, "address a file").with_source(error)
        })?;
        let asked = RequestedRange::new(range.start(), range.end());
        let stream = self.client.stream(file.torrent.into(), index, asked, Some(file_len)).await;
        stream.map(|stream| RqbitStream { stream }).map_err(to_source_error)
    }

    fn can_read_now(&self) -> bool {
        self.client.has_direct_way()
    }

    fn read_inline(
        &self,
        file: FileId,
        file_len: u64,
        range: ByteRange,
        time_max: Duration,
    ) -> Result<Bytes, InlineUnavailable> {
        let index = usize::try_from(file.index.0).map_err(|_beyond| InlineUnavailable::NoWay)?;
        let position = FilePosition { start: range.start(), file_len };
        let mut buffer = self.buffers.take(len_of(range));
        let of = TorrentRef::from(file.torrent);
        match self.client.read_direct(of, index, position, buffer.bytes_mut(), time_max) {
            Ok(()) => Ok(buffer.into_bytes()),
            Err(DirectError::NoWay) => Err(InlineUnavailable::NoWay),
            Err(error @ (DirectError::Late | DirectError::Broken(_) | DirectError::Unexpected)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "not read at once");
                Err(InlineUnavailable::Missed)
            }
        }
    }

    async fn local_file(
        &self,
        file: FileId,
        wanted: LocalWanted,
    ) -> Result<Arc<dyn LocalFile>, NoLocalFile> {
        self.local.find(&self.client, file, wanted).await
    }

    fn is_local_known(&self, file: FileId) -> bool {
        self.local.may_look(&self.client) && self.local.is_known(file)
    }

    fn forget_local(&self, torrents: &[InfoHash]) {
        self.local.forget(torrents);
    }

    fn name(&self) -> Option<Arc<str>> {
        Some(Arc::clone(&self.name))
    }

    fn listed_name(&self, torrent: InfoHash) -> Option<String> {
        self.listed.name(torrent)
    }

    fn listed_failure(&self, torrent: InfoHash) -> Option<String> {
        self.listed.failure(torrent)
    }

    async fn are_folders_there(&self, torrents: Vec<InfoHash>) -> bool {
        let has_disks = self.local.may_look(&self.client);
        !has_disks || self.listed.are_folders_there(self.local.paths(), &torrents).await
    }

    async fn uptime(&self) -> Option<Duration> {
        match self.client.session_stats().await {
            Ok(stats) => Some(Duration::from_secs(stats.uptime_seconds)),
            Err(error) => {
                tracing::debug!(%error, "no uptime");
                None
            }
        }
    }

    fn limits(&self) -> SourceLimits {
        SourceLimits { streams_max: self.streams_max }
    }

    fn budget(&self) -> Option<Arc<dyn StreamBudget>> {
        self.budget.clone()
    }
}

/// The bytes of one range of a file on an rqbit server.
#[derive(Debug)]
pub struct RqbitStream {
    stream: RangeStream,
}

impl SourceStream for RqbitStream {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        self.stream.next_chunk().await.map_err(to_source_error)
    }

    fn position(&self) -> u64 {
        self.stream.position()
    }
}

/// Returns whether the server's answer means that it has no usable metadata.
///
/// rqbit 9.1.0 returns 500 "failed to parse header value" for a torrent whose name has a control
/// character, since it writes the name into a header.
fn is_no_metadata(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::Status(answer) => answer.status == 500 || !kind.is_retryable(),
        ErrorKind::BodyTooLarge { .. }
        | ErrorKind::Protocol { .. }
        | ErrorKind::Redirect { .. } => true,
        ErrorKind::Resolve
        | ErrorKind::Refused
        | ErrorKind::Connect
        | ErrorKind::Timeout { .. }
        | ErrorKind::Closed
        | ErrorKind::Initializing
        | ErrorKind::ShortBody { .. }
        | ErrorKind::Proxy { .. }
        | ErrorKind::Tls(_)
        | ErrorKind::Unauthorized
        | ErrorKind::LoginPage { .. }
        | ErrorKind::NotFound(_)
        | ErrorKind::NotRqbit { .. }
        | ErrorKind::MalformedJson { .. }
        | ErrorKind::LongBody
        | ErrorKind::WrongRange { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use rqbit_client::{ClientConfig, Credentials};

    use super::*;

    #[test]
    fn a_server_is_called_by_its_url_without_credentials_or_by_its_name() {
        let mut config = ClientConfig::new("https://host/rqbit/".parse().unwrap());
        config.credentials = Some(Credentials::new("user", "secret").unwrap());
        let source = RqbitSource::new(Client::new(config).unwrap(), 1);
        assert_eq!(source.name().as_deref(), Some("https://host/rqbit/"));
        assert_eq!(source.named("home").name().as_deref(), Some("home"));
    }
}
