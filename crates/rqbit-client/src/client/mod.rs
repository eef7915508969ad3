//! The calls of one server.

mod add;
mod create;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderValue};
use serde::de::DeserializeOwned;

pub use self::add::{AddOptions, AddSource};
pub use self::create::{CreateOptions, CreatedTorrent};
use crate::http::{HttpRequest, Transport};
use crate::wire::{
    Limits, OnlyFiles, ServerInfo, SessionStats, TorrentDetails, TorrentList, TorrentProgress,
    TorrentStats,
};
use crate::{
    BaseUrl, ByteRange, ClientConfig, DirectError, Endpoint, ErrorKind, HaveBitfield, RangeStream,
    Result, TorrentRef, json,
};

/// Large enough for a list of some 200,000 files with stats, small enough to hold in memory.
const JSON_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Large enough for a torrent of a quarter of a million files. What is made of the text may take
/// eight times as much.
const DETAILS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A list of some millions of files with stats, of which one torrent at a time is held.
const LIST_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// A torrent of 100,000 files and 100,000 pieces has some 12 MB of metadata.
const METADATA_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One bit a piece: 64 million pieces, far more than any torrent has.
const HAVES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The number of pieces, beside the bitfield.
const BITFIELD_LEN: &str = "x-bitfield-len";

/// A client of one rqbit server.
///
/// Cheap to clone; the clones share their kept-alive connections.
/// All methods take `&self` and may be called at the same time from any thread of a tokio
/// runtime with time and I/O enabled; each call in flight has a connection of its own.
///
/// # Errors
///
/// Every method may fail by any [`ErrorKind`] of connecting, time-outs and malformed answers;
/// only what is special is named at the methods.
///
/// # Cancel safety
///
/// Dropping the future of a call closes its connection. A call that changes something may or may
/// not have had its effect then.
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
    /// Makes a client; nothing is sent.
    ///
    /// For `https` it reads the trusted roots of the system from its disk.
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

    /// Returns whether the server is at an address of this machine, by all connections to it so
    /// far: loopback, or an address of one of its interfaces. `None` before the first connection.
    ///
    /// A tunnel or a proxy on this machine counts as this machine, wherever it leads.
    pub fn is_on_this_machine(&self) -> Option<bool> {
        self.transport.is_on_this_machine()
    }

    /// Closes all connections that are kept for later calls.
    ///
    /// Nothing closes them in the background: up to eight stay open until a
    /// later call finds them too old.
    pub fn close_idle(&self) {
        self.transport.close_idle();
    }

    /// Asks for the version: the cheapest check that the server is there, and is rqbit.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotRqbit`] if the answer does not name rqbit.
    pub async fn server_info(&self) -> Result<ServerInfo> {
        Ok(self.server_info_with_time().await?.0)
    }

    /// Asks for the version, and returns with it what time it is for the server: to the second,
    /// and only if it sends a `Date`, which rqbit does and a proxy need not.
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

    /// Lists the torrents without files and stats, in no order.
    pub async fn torrents(&self) -> Result<Vec<TorrentDetails>> {
        let call = HttpRequest::get(Endpoint::List, "torrents".into());
        Ok(self.json::<TorrentList>(&call).await?.torrents)
    }

    /// Lists the torrents with stats, in no order.
    ///
    /// One call polls everything, but its size grows with the number of files of all torrents.
    pub async fn torrents_with_stats(&self) -> Result<Vec<TorrentDetails>> {
        let call = HttpRequest::get(Endpoint::List, "torrents?with_stats=true".into());
        Ok(self.json::<TorrentList>(&call).await?.torrents)
    }

    /// Lists the torrents with what is there of them, in no order.
    ///
    /// It is the call of [`torrents_with_stats`](Self::torrents_with_stats), but what it costs in
    /// memory and time is less by far: the answer is parsed as it arrives, one torrent at a time.
    pub async fn torrents_with_progress(&self) -> Result<Vec<TorrentProgress>> {
        let call = HttpRequest::get(Endpoint::List, "torrents?with_stats=true".into());
        let weight = |torrent: &TorrentProgress| {
            let error_bytes = torrent.stats.error.as_ref().map_or(0, String::len);
            let files_bytes = size_of_val(torrent.stats.file_progress.as_slice());
            size_of::<TorrentProgress>() + files_bytes + error_bytes
        };
        self.transport.collect_list(&call, LIST_BYTES_MAX, weight).await
    }

    /// Reads one torrent with its files, without stats.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if the server has no such torrent.
    pub async fn torrent_details(&self, torrent: TorrentRef) -> Result<TorrentDetails> {
        let call = HttpRequest::get(Endpoint::Details, format!("torrents/{torrent}"));
        self.json_within(&call, DETAILS_BYTES_MAX).await
    }

    /// Reads the .torrent file, at most 64 MiB.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if the server has no such torrent, [`ErrorKind::Status`] of 500
    /// while a magnet is being resolved.
    pub async fn torrent_metadata(&self, torrent: TorrentRef) -> Result<Bytes> {
        let call = HttpRequest::get(Endpoint::Metadata, format!("torrents/{torrent}/metadata"));
        Ok(self.transport.collect(&call, METADATA_BYTES_MAX).await?.into_body())
    }

    /// Reads which pieces the server has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Initializing`] while the torrent is being checked or in state error,
    /// [`ErrorKind::NotFound`] if the server has no such torrent, [`ErrorKind::Protocol`] if the
    /// bitfield and its length do not agree.
    pub async fn torrent_haves(&self, torrent: TorrentRef) -> Result<HaveBitfield> {
        let mut call = HttpRequest::get(Endpoint::Haves, format!("torrents/{torrent}/haves"));
        // Without it the answer is a picture.
        call.header(ACCEPT, HeaderValue::from_static("application/octet-stream"));
        let answer = self.transport.collect(&call, HAVES_BYTES_MAX).await?;
        let protocol = |reason| self.transport.error(&call, ErrorKind::Protocol { reason }.into());
        let piece_count = answer.headers().get(BITFIELD_LEN).and_then(|it| it.to_str().ok());
        let piece_count = piece_count
            .and_then(|it| it.parse().ok())
            .ok_or_else(|| protocol("bitfield without its number of pieces"))?;
        HaveBitfield::new(answer.into_body(), piece_count)
            .ok_or_else(|| protocol("bitfield of another length than its number of pieces"))
    }

    /// Reads the stats of one torrent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if the server has no such torrent.
    pub async fn torrent_stats(&self, torrent: TorrentRef) -> Result<TorrentStats> {
        self.json(&HttpRequest::get(Endpoint::Stats, format!("torrents/{torrent}/stats/v1"))).await
    }

    /// Opens a stream of bytes of one file, and returns when the server has confirmed the range.
    ///
    /// The range is cut to `file_len` bytes, the length of the file if the caller knows it.
    /// Without it, a bounded range past the end of the file is answered by status 416.
    /// An empty range is answered without asking the server.
    ///
    /// Confirmed means status 206 with the same start, end and length; or, where a proxy ate the
    /// range, status 200 of the whole file, if the offset is at most 4 MiB into it: then the
    /// bytes before are read and dropped.
    ///
    /// An open stream costs rqbit one of eight permits, and makes it fetch the next 32 MiB of
    /// pieces first. The headers of the answer wait for a permit, and for the check of an
    /// initializing torrent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown torrent, [`ErrorKind::Status`] of 500 for an unknown
    /// file (see [`ServerError::is_invalid_file`](crate::ServerError::is_invalid_file)),
    /// [`ErrorKind::WrongRange`] if the server answers other bytes.
    pub async fn stream(
        &self,
        torrent: TorrentRef,
        file_idx: usize,
        range: ByteRange,
        file_len: Option<u64>,
    ) -> Result<RangeStream> {
        let path = format!("torrents/{torrent}/stream/{file_idx}");
        RangeStream::open(&self.transport, path, range.clamp(file_len), file_len).await
    }

    /// Returns whether [`read_direct`](Self::read_direct) has a way: the server was reached before,
    /// and not over TLS.
    pub fn has_direct_way(&self) -> bool {
        self.transport.has_direct_way()
    }

    /// Fills `buffer` with the bytes of a file of `file_len` bytes from `start` on, on the thread
    /// that calls, which waits for `time_max` at most.
    ///
    /// It is for short ranges of what the server has: without a change of threads they come in a
    /// fraction of the time that a stream takes. The range costs the server what a stream costs it.
    /// It lies inside the file and is not empty; where an error leaves `buffer` half full, its
    /// content is of no use.
    ///
    /// # Errors
    ///
    /// [`DirectError`]. None says anything about the server that a stream would not say better, so
    /// that the caller is to open one then.
    pub fn read_direct(
        &self,
        torrent: TorrentRef,
        file_idx: usize,
        (start, file_len): (u64, u64),
        buffer: &mut [u8],
        time_max: Duration,
    ) -> std::result::Result<(), DirectError> {
        let path = format!("torrents/{torrent}/stream/{file_idx}");
        self.transport.read_direct(&path, (start, file_len), buffer, time_max)
    }

    /// Reads the totals of the server.
    pub async fn session_stats(&self) -> Result<SessionStats> {
        self.json(&HttpRequest::get(Endpoint::SessionStats, "stats".into())).await
    }

    /// Reads the speed limits of the server.
    pub async fn limits(&self) -> Result<Limits> {
        self.json(&HttpRequest::get(Endpoint::Limits, "torrents/limits".into())).await
    }

    /// Sets both speed limits of the server; `None` lifts a limit.
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
    /// paused already, or of 405 if the server is read-only.
    pub async fn pause(&self, torrent: TorrentRef) -> Result<()> {
        self.act(Endpoint::Pause, torrent, "pause").await
    }

    /// Starts a torrent that is paused or in state error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an unknown torrent, [`ErrorKind::Status`] of 400 if it is
    /// live already, or of 405 if the server is read-only.
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

    /// Selects which files, by their index, are to be downloaded; an empty list is none of them.
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

    /// Posts to a path below a torrent, without a body.
    async fn act(&self, endpoint: Endpoint, torrent: TorrentRef, action: &str) -> Result<()> {
        self.done(&HttpRequest::post(endpoint, format!("torrents/{torrent}/{action}"))).await
    }

    /// Makes a call whose answer says nothing but that it worked.
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

/// Makes a value of this library the JSON body of a call.
fn set_json<T: serde::Serialize>(call: &mut HttpRequest, value: &T) {
    let body = serde_json::to_vec(value).expect("numbers and strings can be written as json");
    call.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    call.body = body.into();
}
