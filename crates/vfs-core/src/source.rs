//! The seam to the world: where torrents and their bytes come from.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{
    Bitfield, ByteRange, FileId, InfoHash, LocalFile, LocalWanted, NoLocalFile, SourceError,
    StreamBudget, TorrentDetails, TorrentSummary,
};

/// The torrents of one server and their bytes, from a network or from a test.
///
/// Futures may be dropped at any point; what they were doing ends then.
pub trait TorrentSource: Send + Sync + 'static {
    /// The byte stream that [`open_at`](Self::open_at) gives.
    type Stream: SourceStream;

    /// Returns all torrents, in any order.
    ///
    /// # Errors
    /// Any [`SourceError`]. An error says nothing about which torrents there are.
    fn list(&self) -> impl Future<Output = Result<Vec<TorrentSummary>, SourceError>> + Send;

    /// Returns what never changes about one torrent, by one small request. What a source learns
    /// by a larger one only is left to [`metadata`](Self::metadata): then the answer has
    /// [`MetadataStatus::Pending`](crate::MetadataStatus::Pending).
    ///
    /// # Errors
    /// `NotFound` if the torrent is gone or not resolved, else any [`SourceError`].
    fn details(
        &self,
        torrent: InfoHash,
    ) -> impl Future<Output = Result<TorrentDetails, SourceError>> + Send;

    /// Reads the metadata of a torrent, which may be megabytes, and returns `details` completed
    /// and corrected by it. Info hash, name and files (their paths and lengths) stay as they are.
    ///
    /// It is called for details with [`MetadataStatus::Pending`](crate::MetadataStatus::Pending)
    /// or [`MetadataStatus::Unavailable`](crate::MetadataStatus::Unavailable). A source that has
    /// no usable metadata of the torrent returns the latter.
    ///
    /// # Errors
    /// `NotFound` if the torrent is gone, else any [`SourceError`]; it is called again later.
    fn metadata(
        &self,
        details: TorrentDetails,
    ) -> impl Future<Output = Result<TorrentDetails, SourceError>> + Send {
        async { Ok(details) }
    }

    /// Returns which pieces of a torrent are there at the moment.
    ///
    /// It is asked at most once a second, and only while a read needs it. A piece that was there
    /// may be gone after the other side was restarted.
    ///
    /// # Errors
    /// `NotFound` if the torrent is gone, `Failed` while nobody knows, else any [`SourceError`].
    fn haves(
        &self,
        torrent: InfoHash,
    ) -> impl Future<Output = Result<Bitfield, SourceError>> + Send;

    /// Returns how much the other side has fetched of a torrent and how fast, or `None` if it
    /// cannot say.
    ///
    /// It is asked at most once a second, and only while a read has waited for long.
    fn download_progress(
        &self,
        torrent: InfoHash,
    ) -> impl Future<Output = Option<DownloadProgress>> + Send {
        _ = torrent;
        async { None }
    }

    /// Opens a stream of the bytes `range` of `file`, and resolves only when the other side has
    /// confirmed that offset. `range` is not empty and lies inside the file.
    ///
    /// A piece that is not there yet does not fail: the stream stays silent until it comes.
    ///
    /// # Errors
    /// `NotFound` if the torrent or file is gone, else any [`SourceError`].
    fn open_at(
        &self,
        file: FileId,
        file_len: u64,
        range: ByteRange,
    ) -> impl Future<Output = Result<Self::Stream, SourceError>> + Send;

    /// Returns whether [`read_inline`](Self::read_inline) may bring bytes at the moment.
    fn can_read_now(&self) -> bool {
        false
    }

    /// Reads a short range of a file on the thread that calls, which waits for `time_max` at most:
    /// what a server nearby has comes sooner than other threads would be woken for it. `range` is
    /// not empty and lies inside the file.
    ///
    /// It is called if [`can_read_now`](Self::can_read_now) says that it may be of use.
    ///
    /// # Errors
    /// [`InlineUnavailable`]: the range is read by a stream then, which says what is wrong.
    fn read_inline(
        &self,
        _file: FileId,
        _file_len: u64,
        _range: ByteRange,
        _time_max: Duration,
    ) -> Result<Bytes, InlineUnavailable> {
        Err(InlineUnavailable::NoWay)
    }

    /// Finds a file on the disk of this machine and proves that it is the one that the source has,
    /// as far as `wanted` says what that has of it. Until it resolves, the file is read from the
    /// source.
    ///
    /// # Errors
    /// [`NoLocalFile`]: it is read from the source, and asked for again some time later.
    fn local_file(
        &self,
        file: FileId,
        wanted: LocalWanted,
    ) -> impl Future<Output = Result<Arc<dyn LocalFile>, NoLocalFile>> + Send {
        drop((file, wanted));
        async { Err(NoLocalFile::Off) }
    }

    /// Returns whether [`local_file`](Self::local_file) of a complete file would need no proof and
    /// nothing from the other side, since there was one before, be it in an earlier run. Then it
    /// takes a few system calls, whatever comes of it, and reads wait for that.
    fn is_local_known(&self, file: FileId) -> bool {
        _ = file;
        false
    }

    /// Takes note that these torrents are not of the source any more: what was proven of their
    /// files is nobody's word.
    fn forget_local(&self, torrents: &[InfoHash]) {
        _ = torrents;
    }

    /// Returns what users call the server: a name, or an URL without credentials. `None` if there
    /// is nothing to say.
    fn name(&self) -> Option<Arc<str>> {
        None
    }

    /// Returns the name that the last listing had of a torrent, if it had one. For messages about
    /// torrents whose details cannot be had.
    fn listed_name(&self, torrent: InfoHash) -> Option<String> {
        _ = torrent;
        None
    }

    /// Returns in one line why the last listing had a torrent as failed, if it said so. For
    /// messages.
    fn listed_failure(&self, torrent: InfoHash) -> Option<String> {
        _ = torrent;
        None
    }

    /// Returns false if a folder in which the files of one of these torrents were is missing from
    /// a disk that this machine shares with the other side, or may be. It is asked when a listing
    /// lacks them after a restart of the other side, and may wait for a disk for some seconds.
    fn are_folders_there(&self, torrents: Vec<InfoHash>) -> impl Future<Output = bool> + Send {
        drop(torrents);
        async { true }
    }

    /// Returns how long the other side has been running without a restart, rounded down, or `None`
    /// if it cannot say. It is asked when a listing lacks torrents that were there.
    fn uptime(&self) -> impl Future<Output = Option<Duration>> + Send {
        async { None }
    }

    /// Returns what the other side can bear.
    fn limits(&self) -> SourceLimits;

    /// Returns the budget that this filesystem's streams are to be taken from, where others share
    /// the other side. Without one, all streams of [`limits`](Self::limits) are its own.
    fn budget(&self) -> Option<Arc<dyn StreamBudget>> {
        None
    }
}

/// The bytes of one range, in order. Dropping it ends the stream on the other side at once.
pub trait SourceStream: Send + 'static {
    /// Returns the next bytes, at least one, or `None` at the end of the range.
    ///
    /// # Errors
    /// Any [`SourceError`]; the stream is of no use afterwards.
    ///
    /// # Cancel safety
    /// Dropping the future loses no bytes: the next call returns them.
    fn next_chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, SourceError>> + Send;

    /// Returns the offset in the file of the first byte of the next chunk.
    fn position(&self) -> u64;
}

/// Why a source did not read a range at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InlineUnavailable {
    /// It has no way for that, or none yet. Nothing was asked of the other side.
    NoWay,
    /// The bytes did not come, or not in time: it is not worth while for now.
    Missed,
}

/// How far the download of a torrent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DownloadProgress {
    /// The bytes fetched from peers since the torrent was started, also of pieces that are not
    /// complete. Less than before after a restart.
    pub fetched_bytes: u64,
    /// The download speed of late in bytes a second.
    pub bytes_per_second: u64,
}

/// What a source can bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLimits {
    /// How many streams may be open at a time, at least 1.
    ///
    /// rqbit's eighth open stream stops its downloads, see `docs/dev/service.md`.
    pub streams_max: usize,
}
