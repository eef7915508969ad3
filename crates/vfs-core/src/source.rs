//! Traits for torrent sources: listing, metadata, byte streams, local files.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{
    Bitfield, ByteRange, FileId, InfoHash, LocalFile, LocalWanted, NoLocalFile, SourceError,
    StreamBudget, TorrentDetails, TorrentSummary,
};

/// Torrents of one server and their bytes, from a network or from a test.
///
/// Futures may be dropped at any point; their operation then ends.
pub trait TorrentSource: Send + Sync + 'static {
    /// Byte stream returned by [`open_at`](Self::open_at).
    type Stream: SourceStream;

    /// Returns all torrents, in any order.
    ///
    /// # Errors
    /// Any [`SourceError`]. An error implies nothing about the torrents that exist.
    fn list(&self) -> impl Future<Output = Result<Vec<TorrentSummary>, SourceError>> + Send;

    /// Polls the torrents for a caller that calls this repeatedly, with as little effort as the
    /// request permits. The default is [`list`](Self::list).
    ///
    /// # Errors
    /// As [`list`](Self::list).
    ///
    /// # Cancel safety
    /// If the future is dropped, or fails, the next request must be for all torrents.
    fn poll(
        &self,
        request: ListRequest,
    ) -> impl Future<Output = Result<ListAnswer, SourceError>> + Send {
        drop(request);
        async { self.list().await.map(ListAnswer::All) }
    }

    /// Returns whether the server is on this machine, so that requests cost no other network. May
    /// change when the server is first reached.
    fn is_on_this_machine(&self) -> bool {
        true
    }

    /// Returns the immutable data of one torrent, with one small request. Data that needs a larger
    /// request is left to [`metadata`](Self::metadata): the result then has
    /// [`MetadataStatus::Pending`](crate::MetadataStatus::Pending).
    ///
    /// # Errors
    /// `NotFound` if the torrent was removed or is not resolved, otherwise any [`SourceError`].
    fn details(
        &self,
        torrent: InfoHash,
    ) -> impl Future<Output = Result<TorrentDetails, SourceError>> + Send;

    /// Reads the metadata of a torrent, which may be megabytes, and returns `details` completed and
    /// corrected from it. Info hash, name and files (their paths and lengths) do not change.
    ///
    /// It is called for details with [`MetadataStatus::Pending`](crate::MetadataStatus::Pending) or
    /// [`MetadataStatus::Unavailable`](crate::MetadataStatus::Unavailable). A source without usable
    /// metadata of the torrent returns the latter.
    ///
    /// # Errors
    /// `NotFound` if the torrent was removed, otherwise any [`SourceError`]; it is called again
    /// later.
    fn metadata(
        &self,
        details: TorrentDetails,
    ) -> impl Future<Output = Result<TorrentDetails, SourceError>> + Send {
        async { Ok(details) }
    }

    /// Returns the current bitfield of a torrent.
    ///
    /// Called at most once a second, and only while a read needs it. A present piece may be missing
    /// after a restart of the server.
    ///
    /// # Errors
    /// `NotFound` if the torrent was removed, `Failed` while it is unknown, otherwise any
    /// [`SourceError`].
    fn haves(
        &self,
        torrent: InfoHash,
    ) -> impl Future<Output = Result<Bitfield, SourceError>> + Send;

    /// Returns how much of a torrent the server has fetched and its speed, or `None` if unknown.
    ///
    /// Called at most once a second, and only while a read has waited for long.
    fn download_progress(
        &self,
        torrent: InfoHash,
    ) -> impl Future<Output = Option<DownloadProgress>> + Send {
        _ = torrent;
        async { None }
    }

    /// Returns whether the server had all that is selected of a torrent in the last listing. Such a
    /// server may disconnect its peers whenever no stream is open.
    fn has_selected(&self, torrent: InfoHash) -> bool {
        _ = torrent;
        false
    }

    /// Returns the size in bytes of what is selected of a torrent, by the last listing; `None` if
    /// it is unknown. It may count whole pieces, so two selections may have one size.
    fn selected_bytes(&self, torrent: InfoHash) -> Option<u64> {
        _ = torrent;
        None
    }

    /// Takes the torrents whose [`selected_bytes`](Self::selected_bytes) listings have changed
    /// since the last call.
    fn take_reselected(&self) -> Vec<InfoHash> {
        Vec::new()
    }

    /// Takes the selected files of a torrent, a bit for each, by its last
    /// [`details`](Self::details). `None` if all are selected, or if it is unknown.
    fn take_selection(&self, torrent: InfoHash) -> Option<Bitfield> {
        _ = torrent;
        None
    }

    /// Returns the peers of a torrent, or `None` if the source cannot tell.
    ///
    /// Called seldom: while a read has waited for a second or more, once a minute while reads of
    /// missing data go on, and after them.
    fn peer_counts(&self, torrent: InfoHash) -> impl Future<Output = Option<PeerCounts>> + Send {
        _ = torrent;
        async { None }
    }

    /// Makes the server connect to the peers that it has [forgotten](PeerCounts::forgotten).
    fn add_peers(&self, torrent: InfoHash) -> impl Future<Output = ()> + Send {
        _ = torrent;
        async {}
    }

    /// Makes the server search for peers of a torrent, and connect to those that it finds and to
    /// those that have failed. The torrent goes on meanwhile.
    ///
    /// Called while a read waits and no peer is connected: at most once in two minutes for each
    /// torrent, since trackers are asked.
    fn find_peers(&self, torrent: InfoHash) -> impl Future<Output = ()> + Send {
        _ = torrent;
        async {}
    }

    /// Returns how many requests were sent to the server, and how many failed. From memory.
    fn requests(&self) -> SourceRequests {
        SourceRequests::default()
    }

    /// Opens a stream of the bytes `range` of `file`, and resolves only when the server has
    /// confirmed the offset. `range` is not empty and lies inside the file.
    ///
    /// A missing piece is not an error: the stream sends nothing until the piece arrives.
    ///
    /// # Errors
    /// `NotFound` if the torrent or file was removed, otherwise any [`SourceError`].
    fn open_at(
        &self,
        file: FileId,
        file_len: u64,
        range: ByteRange,
    ) -> impl Future<Output = Result<Self::Stream, SourceError>> + Send;

    /// Returns whether [`read_inline`](Self::read_inline) may currently succeed.
    fn can_read_now(&self) -> bool {
        false
    }

    /// Reads a short range of a file on the calling thread, which blocks for at most `time_max`: a
    /// nearby server answers sooner than another thread wakes up. `range` is not empty and lies
    /// inside the file.
    ///
    /// Called only if [`can_read_now`](Self::can_read_now) returns true.
    ///
    /// # Errors
    /// [`InlineUnavailable`]: the range is then read by a stream, which reports the error.
    fn read_inline(
        &self,
        _file: FileId,
        _file_len: u64,
        _range: ByteRange,
        _time_max: Duration,
    ) -> Result<Bytes, InlineUnavailable> {
        Err(InlineUnavailable::NoWay)
    }

    /// Finds a file on the local disk and verifies that it is the source's, as far as the pieces in
    /// `wanted` permit. Until it resolves, the file is read from the source.
    ///
    /// # Errors
    /// [`NoLocalFile`]: the file is read from the source, and this is called again some time later.
    fn local_file(
        &self,
        file: FileId,
        wanted: LocalWanted,
    ) -> impl Future<Output = Result<Arc<dyn LocalFile>, NoLocalFile>> + Send {
        drop((file, wanted));
        async { Err(NoLocalFile::Off) }
    }

    /// Returns whether [`local_file`](Self::local_file) of a complete file needs neither a
    /// verification nor a request to the server, because it was verified before, possibly in an
    /// earlier run. It then takes a few system calls, and reads wait for it.
    fn is_local_known(&self, file: FileId) -> bool {
        _ = file;
        false
    }

    /// Drops the local files of torrents that the source no longer has, with their verifications.
    fn forget_local(&self, torrents: &[InfoHash]) {
        _ = torrents;
    }

    /// Returns the display name of the server: a name, or a URL without credentials. `None` if
    /// there is none.
    fn name(&self) -> Option<Arc<str>> {
        None
    }

    /// Returns the torrent's name in the last listing, if any. For messages about torrents without
    /// details.
    fn listed_name(&self, torrent: InfoHash) -> Option<String> {
        _ = torrent;
        None
    }

    /// Returns the torrent's failure in the last listing as one line, if any. For messages.
    fn listed_failure(&self, torrent: InfoHash) -> Option<String> {
        _ = torrent;
        None
    }

    /// Returns false if a folder with files of one of these torrents is missing, or may be missing,
    /// from a disk that this machine shares with the server. Called when a listing lacks them after
    /// a restart of the server; may wait for a disk for some seconds.
    fn are_folders_there(&self, torrents: Vec<InfoHash>) -> impl Future<Output = bool> + Send {
        drop(torrents);
        async { true }
    }

    /// Returns the uptime of the server, rounded down, or `None` if unknown. Called when a listing
    /// lacks known torrents.
    fn uptime(&self) -> impl Future<Output = Option<Duration>> + Send {
        async { None }
    }

    /// Returns the limits of the server.
    fn limits(&self) -> SourceLimits;

    /// Returns the shared budget of this filesystem's streams, if other filesystems use the server.
    /// Without one, all streams of [`limits`](Self::limits) are its own.
    fn budget(&self) -> Option<Arc<dyn StreamBudget>> {
        None
    }
}

/// The bytes of one range, in order. Dropping it ends the stream on the server at once.
pub trait SourceStream: Send + 'static {
    /// Returns the next bytes, at least one, or `None` at the end of the range.
    ///
    /// # Errors
    /// Any [`SourceError`]; the stream must not be used afterwards.
    ///
    /// # Cancel safety
    /// Dropping the future loses no bytes: the next call returns them.
    fn next_chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, SourceError>> + Send;

    /// Returns the offset in the file of the first byte of the next chunk.
    fn position(&self) -> u64;
}

/// How current the states and the progress in a listing must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// Torrents that may change by themselves (incomplete ones, and those that are read) are
    /// current. Of the others, a change that the server does not announce may be late.
    #[default]
    Usual,
    /// As `Usual`, and no torrent is older than a minute.
    Recent,
    /// All torrents are current.
    Current,
}

/// A request of a poller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListRequest {
    /// Whether [`ListAnswer::Changed`] is useful: the caller has the previous result.
    pub accepts_changes: bool,
    /// Required freshness.
    pub freshness: Freshness,
    /// Torrents that are being read.
    pub in_use: Vec<InfoHash>,
}

/// The answer to a [`ListRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListAnswer {
    /// All torrents, in any order.
    All(Vec<TorrentSummary>),
    /// The torrents are those of the previous listing; these differ from it.
    Changed(Vec<TorrentSummary>),
}

/// Why an inline read failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InlineUnavailable {
    /// Not available, or not yet. No request was sent.
    NoWay,
    /// The bytes did not arrive, or not in time: inline reads are currently not worthwhile.
    Missed,
}

/// Requests of a source since its creation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceRequests {
    /// Requests that were sent, or could not be.
    pub sent: u64,
    /// Errors for each reason: one word with `_`. All reasons in a fixed order, also those with 0.
    pub errors: Vec<(&'static str, u64)>,
}

/// Download progress of a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DownloadProgress {
    /// Bytes fetched from peers since the torrent was started, including those of incomplete
    /// pieces. Decreases after a restart.
    pub fetched_bytes: u64,
    /// Current download speed in bytes per second.
    pub bytes_per_second: u64,
    /// Connected peers; `None` if the source does not tell it.
    pub peers: Option<usize>,
}

/// The peers of a torrent, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerCounts {
    /// Connected.
    pub live: usize,
    /// Being connected to, or about to be.
    pub coming: usize,
    /// Disconnected, because the server needed nothing. The next stream connects them again.
    pub not_needed: usize,
    /// Failed. The server tries them again after a back-off.
    pub dead: usize,
    /// Peers that the source has seen connected, and that the server no longer knows.
    pub forgotten: usize,
}

/// Limits of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// Maximum number of open streams, at least 1.
    ///
    /// rqbit's eighth open stream stops its downloads, see `docs/dev/service.md`.
    pub streams_max: usize,
}
