//! API calls to one server.

mod add;
mod peers;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderValue};
use serde::de::DeserializeOwned;

pub use self::add::{AddOptions, AddSource};
use crate::http::{HttpRequest, Transport};
use crate::wire::{
    Limits, OnlyFiles, ServerInfo, SessionStats, TorrentDetails, TorrentList, TorrentProgress,
    TorrentStats,
};
use crate::{
    BaseUrl, Bitfield, CallCounts, ClientConfig, DirectError, Endpoint, ErrorKind, FilePosition,
    ListChanges, ListPrint, RangeStream, RequestedRange, Result, TorrentRef, json,
};

/// Maximum size of a JSON answer: fits a list of about 200,000 files with stats, and fits in
/// memory.
const JSON_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Maximum size of a torrent's details: fits a torrent of 250,000 files. The parsed value may take
/// eight times as much memory.
const DETAILS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Maximum size of a list with stats: some millions of files. It is parsed one torrent at a time.
const LIST_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Maximum size of a .torrent file. A torrent of 100,000 files and 100,000 pieces has about 12 MB
/// of metadata.
const METADATA_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Maximum size of a bitfield, one bit for each piece: 64 million pieces, far more than any torrent
/// has.
const HAVES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Header with the number of pieces of a bitfield.
const BITFIELD_LEN: &str = "x-bitfield-len";

/// Returns the memory of an entry of a list.
fn weight(torrent: &TorrentProgress) -> usize {
    let error_bytes = torrent.stats.error.as_ref().map_or(0, String::len);
    let files_bytes = size_of_val(torrent.stats.file_progress.as_slice());
    size_of::<TorrentProgress>() + files_bytes + error_bytes
}

/// A client of one rqbit server.
///
/// Cheap to clone; the clones share their kept-alive connections. All methods take `&self` and may
/// be called concurrently from any thread of a tokio runtime with time and I/O enabled; each call
/// in flight has its own connection.
///
/// # Errors
///
/// Every method may return any [`ErrorKind`] of connecting, time-outs and malformed answers; the
/// methods document only additional ones.
///
/// # Cancel safety
///
/// Dropping the future of a call closes its connection. A call that changes state may or may not
/// have taken effect by then.
#[derive(Clone)]
pub struct Client {
    transport: Arc<Transport>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", self.base_url()).finish_non_exhaustive()
    }
}

impl Client {
    /// Creates a client; sends nothing.
    ///
    /// For `https` it reads the system's trusted roots from disk.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Tls`] for `https` without the feature `tls`, or without any trusted root.
    pub fn new(config: ClientConfig) -> Result<Self> {
        Ok(Self { transport: Arc::new(Transport::new(config)?) })
    }

    /// Returns the address of the server.
    pub fn base_url(&self) -> &BaseUrl {
        self.transport.base_url()
    }

    /// Returns whether the server is on this machine, judged by all connections so far: loopback,
    /// or an address of a local interface. `None` before the first connection.
    ///
    /// A tunnel or a reverse proxy on this machine counts as this machine, wherever it leads. A
    /// server behind a configured proxy is never on this machine.
    pub fn is_on_this_machine(&self) -> Option<bool> {
        self.transport.is_on_this_machine()
    }

    /// Returns how many requests this client and its clones have made, and how many have failed.
    pub fn call_counts(&self) -> CallCounts {
        self.transport.counters().counts()
    }

    /// Closes all idle connections.
    ///
    /// No background task closes them: up to eight stay open until a later call finds them too old.
    pub fn close_idle(&self) {
        self.transport.close_idle();
    }

    /// Requests the version. This is the cheapest check that the server responds and is rqbit.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotRqbit`] if the answer does not name rqbit.
    pub async fn server_info(&self) -> Result<ServerInfo> {
        Ok(self.server_info_with_time().await?.0)
    }

    /// Requests the version, and also returns the server's time, with a resolution of one second.
    /// The time is present only if the answer has a `Date` header, which rqbit sends and a proxy
    /// may omit.
    ///
    /// # Errors
    ///
    /// As [`server_info`](Self::server_info).
    pub async fn server_info_with_time(&self) -> Result<(ServerInfo, Option<SystemTime>)> {
        let call = HttpRequest::get(Endpoint::ServerInfo, String::new());
        let answer = self.transport.collect(&call, JSON_BYTES_MAX).await?;
        let info: ServerInfo =
            json::parse(answer.body()).map_err(|failure| self.transport.error(&call, failure))?;
        if info.server != "rqbit" {
            let kind = ErrorKind::NotRqbit { reason: "it does not name itself rqbit" };
            return Err(self.transport.error(&call, kind.into()));
        }
        let date = answer.headers().get(DATE).and_then(|value| value.to_str().ok());
        Ok((info, date.and_then(|date| httpdate::parse_http_date(date).ok())))
    }

    /// Lists the torrents without files and stats, in no particular order.
    pub async fn torrents(&self) -> Result<Vec<TorrentDetails>> {
        let call = HttpRequest::get(Endpoint::List, "torrents".into());
        Ok(self.json::<TorrentList>(&call).await?.torrents)
    }

    /// Lists the torrents with stats, in no particular order.
    ///
    /// One call polls everything; its size grows with the number of files of all torrents.
    pub async fn torrents_with_stats(&self) -> Result<Vec<TorrentDetails>> {
        let call = HttpRequest::get(Endpoint::List, "torrents?with_stats=true".into());
        Ok(self.json::<TorrentList>(&call).await?.torrents)
    }

    /// Lists the torrents with their progress, in no particular order.
    ///
    /// Uses the request of [`torrents_with_stats`](Self::torrents_with_stats), but needs far less
    /// memory and time: the answer is parsed as it arrives, one torrent at a time.
    pub async fn torrents_with_progress(&self) -> Result<Vec<TorrentProgress>> {
        let call = HttpRequest::get(Endpoint::List, "torrents?with_stats=true".into());
        self.transport.collect_list(&call, LIST_BYTES_MAX, weight).await
    }

    /// Lists the torrents without stats, in no particular order, but in the same order each time
    /// while none is added or removed. Returns those whose entry differs from that at the same
    /// index in the list of `known`, an empty print for all.
    ///
    /// The answer has about a fifth of the bytes of
    /// [`torrents_with_progress`](Self::torrents_with_progress), and most of it is not parsed.
    pub async fn torrents_changed(
        &self,
        known: &ListPrint,
    ) -> Result<ListChanges<TorrentProgress>> {
        let call = HttpRequest::get(Endpoint::List, "torrents".into());
        self.transport.collect_list_changes(&call, LIST_BYTES_MAX, known, weight).await
    }

    /// Requests one torrent with its files, without stats.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if the server has no such torrent.
    pub async fn torrent_details(&self, torrent: TorrentRef) -> Result<TorrentDetails> {
        let call = HttpRequest::get(Endpoint::Details, format!("torrents/{torrent}"));
        self.json_within(&call, DETAILS_BYTES_MAX).await
    }

    /// Requests the .torrent file, at most 64 MiB.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if the server has no such torrent, [`ErrorKind::Status`] of 500
    /// while a magnet is being resolved.
    pub async fn torrent_metadata(&self, torrent: TorrentRef) -> Result<Bytes> {
        let call = HttpRequest::get(Endpoint::Metadata, format!("torrents/{torrent}/metadata"));
        Ok(self.transport.collect(&call, METADATA_BYTES_MAX).await?.into_body())
    }

    /// Requests the bitfield of the pieces that the server has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Initializing`] while the torrent is being checked or in state error,
    /// [`ErrorKind::NotFound`] if the server has no such torrent, [`ErrorKind::Protocol`] if the
    /// bitfield and its length do not match.
    pub async fn torrent_haves(&self, torrent: TorrentRef) -> Result<Bitfield> {
        let mut call = HttpRequest::get(Endpoint::Haves, format!("torrents/{torrent}/haves"));
        // Without this header the answer is an image.
        call.header(ACCEPT, HeaderValue::from_static("application/octet-stream"));
        let answer = self.transport.collect(&call, HAVES_BYTES_MAX).await?;
        let protocol = |reason| self.transport.error(&call, ErrorKind::Protocol { reason }.into());
        let piece_count = answer.headers().get(BITFIELD_LEN).and_then(|it| it.to_str().ok());
        let piece_count = piece_count
            .and_then(|it| it.parse().ok())
            .ok_or_else(|| protocol("bitfield without its number of pieces"))?;
        Bitfield::new(answer.into_body(), piece_count)
            .ok_or_else(|| protocol("bitfield of another length than its number of pieces"))
    }

    /// Requests the stats of one torrent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if the server has no such torrent.
    pub async fn torrent_stats(&self, torrent: TorrentRef) -> Result<TorrentStats> {
        self.json(&HttpRequest::get(Endpoint::Stats, format!("torrents/{torrent}/stats/v1"))).await
    }

    /// Opens a byte stream of one file, and returns when the server has confirmed the range.
    ///
    /// The range is clamped to `file_len`, if given. Without it, a bounded range past the end of
    /// the file fails with status 416. An empty range causes no request.
    ///
    /// Confirmed means status 206 with the same start, end and length. If a proxy removed the range
    /// header, it may also be status 200 with the whole file and an offset of at most 4 MiB: the
    /// bytes before the range are then read and dropped.
    ///
    /// An open stream uses one of rqbit's eight permits, and makes it fetch the next 32 MiB of
    /// pieces first. The response headers wait for a permit, and for the check of an initializing
    /// torrent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown torrent, [`ErrorKind::Status`] of 500 for an unknown
    /// file (see [`ServerError::is_invalid_file`](crate::ServerError::is_invalid_file)),
    /// [`ErrorKind::WrongRange`] if the server sends another range.
    pub async fn stream(
        &self,
        torrent: TorrentRef,
        file_idx: usize,
        range: RequestedRange,
        file_len: Option<u64>,
    ) -> Result<RangeStream> {
        let path = format!("torrents/{torrent}/stream/{file_idx}");
        RangeStream::open(&self.transport, path, range.clamp(file_len), file_len).await
    }

    /// Returns whether [`read_direct`](Self::read_direct) is available: the server was reached
    /// before, and not over TLS.
    pub fn has_direct_way(&self) -> bool {
        self.transport.has_direct_way()
    }

    /// Fills `buffer` with the bytes of a file from `position`. Blocks the calling thread for at
    /// most `time_max`.
    ///
    /// Meant for short ranges that the server has: without thread switches they take a fraction of
    /// the time of a stream. The request costs the server as much as a stream. The range must be
    /// non-empty and inside the file. After an error the content of `buffer` is undefined.
    ///
    /// # Errors
    ///
    /// [`DirectError`]. A stream reports every failure of the server more precisely, so the caller
    /// should then open one.
    pub fn read_direct(
        &self,
        torrent: TorrentRef,
        file_idx: usize,
        position: FilePosition,
        buffer: &mut [u8],
        time_max: Duration,
    ) -> std::result::Result<(), DirectError> {
        let path = format!("torrents/{torrent}/stream/{file_idx}");
        self.transport.read_direct(&path, position, buffer, time_max)
    }

    /// Requests the totals of the server.
    pub async fn session_stats(&self) -> Result<SessionStats> {
        self.json(&HttpRequest::get(Endpoint::SessionStats, "stats".into())).await
    }

    /// Requests the speed limits of the server.
    pub async fn limits(&self) -> Result<Limits> {
        self.json(&HttpRequest::get(Endpoint::Limits, "torrents/limits".into())).await
    }

    /// Sets both speed limits of the server; `None` removes a limit.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`] of 405 if the server is read-only.
    pub async fn set_limits(&self, limits: Limits) -> Result<()> {
        let mut call = HttpRequest::post(Endpoint::SetLimits, "torrents/limits".into());
        set_json(&mut call, &limits);
        self.done(&call).await
    }

    /// Stops a torrent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown torrent, [`ErrorKind::Status`] of 400 if it is
    /// already paused, or of 405 if the server is read-only.
    pub async fn pause(&self, torrent: TorrentRef) -> Result<()> {
        self.act(Endpoint::Pause, torrent, "pause").await
    }

    /// Starts a torrent that is paused or in state error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown torrent, [`ErrorKind::Status`] of 400 if it is
    /// already live, or of 405 if the server is read-only.
    pub async fn start(&self, torrent: TorrentRef) -> Result<()> {
        self.act(Endpoint::Start, torrent, "start").await
    }

    /// Removes a torrent from the server and keeps its files.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown torrent, [`ErrorKind::Status`] of 405 if the server
    /// is read-only.
    pub async fn forget(&self, torrent: TorrentRef) -> Result<()> {
        self.act(Endpoint::Forget, torrent, "forget").await
    }

    /// Removes a torrent from the server **and its files from the server's disk**.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown torrent, [`ErrorKind::Status`] of 405 if the server
    /// is read-only.
    pub async fn delete(&self, torrent: TorrentRef) -> Result<()> {
        self.act(Endpoint::Delete, torrent, "delete").await
    }

    /// Selects the files to download, by index; an empty list selects none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown torrent, [`ErrorKind::Status`] of 500 for an unknown
    /// file, or of 405 if the server is read-only.
    pub async fn update_only_files(&self, torrent: TorrentRef, only_files: &[usize]) -> Result<()> {
        let path = format!("torrents/{torrent}/update_only_files");
        let mut call = HttpRequest::post(Endpoint::UpdateOnlyFiles, path);
        set_json(&mut call, &OnlyFiles { only_files });
        self.done(&call).await
    }

    /// Sends a `POST` without a body to a path below a torrent.
    async fn act(&self, endpoint: Endpoint, torrent: TorrentRef, action: &str) -> Result<()> {
        self.done(&HttpRequest::post(endpoint, format!("torrents/{torrent}/{action}"))).await
    }

    /// Makes a call and discards the body of its answer.
    async fn done(&self, call: &HttpRequest) -> Result<()> {
        self.transport.collect(call, JSON_BYTES_MAX).await.map(|_answer| ())
    }

    /// Makes a call whose answer is JSON.
    async fn json<T: DeserializeOwned>(&self, call: &HttpRequest) -> Result<T> {
        self.json_within(call, JSON_BYTES_MAX).await
    }

    async fn json_within<T: DeserializeOwned>(
        &self,
        call: &HttpRequest,
        limit_bytes: usize,
    ) -> Result<T> {
        let answer = self.transport.collect(call, limit_bytes).await?;
        json::parse(answer.body()).map_err(|failure| self.transport.error(call, failure))
    }
}

/// Sets a serialized value as the JSON body of a call.
fn set_json<T: serde::Serialize>(call: &mut HttpRequest, value: &T) {
    let body = serde_json::to_vec(value).expect("numbers and strings can be written as json");
    call.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    call.body = body.into();
}
