//! Inputs and outputs of the plan: reads, streams, actions.

use std::time::Duration;

use bytes::Bytes;

use crate::tree::FileState;
use crate::{ByteRange, FileId, Geometry, HandleId, InfoHash, Timestamp, VfsError};

/// The id of a read. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReadId(pub(crate) u64);

/// The id of a stream, from the request to open it until it is closed. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId(pub(crate) u64);

/// The order in which reads get streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Priority {
    /// A program waits for the data.
    Foreground,
    /// A program will probably request the data soon.
    #[cfg_attr(not(test), expect(dead_code, reason = "windows read ahead on their own"))]
    ReadAhead,
    /// The data is wanted on the server later.
    Preload,
}

/// The conditions under which a read waits until its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum WaitPolicy {
    /// Waits through missing data and retryable failures. No other server could answer it.
    #[default]
    UntilDeadline,
    /// Waits for missing data, but fails on an error: another server may be reachable.
    FailOnError,
    /// Fails on missing data and on errors: another server may have the bytes.
    FailFast,
}

/// Whether a read may end with [`VfsError::Partial`], because its caller can request single pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Split {
    /// Never: the read is answered as a whole.
    #[default]
    Never,
    /// If at least one page of the read is present and bytes of others are missing.
    Pages,
    /// If any byte of the read is missing. Other pages of the same kernel request are present.
    Rest,
}

/// What the plan needs to know about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileFacts {
    pub(crate) len: u64,
    pub(crate) geometry: Option<Geometry>,
    /// The file's state in the last listing; `None` if the listing lacks the torrent.
    pub(crate) state: Option<FileState>,
}

/// The deadline of a read, which progress of its torrent extends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadDeadline {
    /// How long the torrent may be without progress.
    pub(crate) timeout: Duration,
    /// When the read ends if there is no progress at all. Earlier than now plus `timeout` for a
    /// read that has waited at another server.
    pub(crate) first: Timestamp,
    /// When the read ends in any case.
    pub(crate) latest: Timestamp,
}

impl ReadDeadline {
    /// The deadline of a request without a time limit.
    pub(crate) const NEVER: Self =
        Self { timeout: Duration::MAX, first: Timestamp::MAX, latest: Timestamp::MAX };
}

/// A read that memory could not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadRequest {
    pub(crate) handle: HandleId,
    pub(crate) file: FileId,
    pub(crate) facts: FileFacts,
    /// The requested range, inside the file and at most `read_bytes_max` long.
    pub(crate) range: ByteRange,
    /// The part of `range` that memory does not have.
    pub(crate) need: ByteRange,
    pub(crate) priority: Priority,
    /// The deadline of the read.
    pub(crate) deadline: ReadDeadline,
}

/// A decision of the plan. Actions must run in order.
#[derive(Debug)]
pub(crate) enum Action {
    /// Pass a command to the driver.
    Output(Output),
    /// Release the bytes of a stream that has ended.
    Ended { stream: StreamId },
    /// Discard the bytes of a stream that violated the protocol.
    Discard { stream: StreamId },
    /// Release the bytes of a stream before an offset.
    Release { stream: StreamId, before: u64 },
    /// Answer a read with bytes that memory has now, or report `on_evicted`.
    Reply { read: ReadId },
    /// Check which bytes of a read memory has now, and report `on_need`.
    Look { read: ReadId },
}

/// A command to the driver.
#[derive(Debug)]
pub(crate) enum Output {
    /// Answer a read. The answer to a preload has no bytes.
    Answer {
        read: ReadId,
        result: Result<Vec<Bytes>, VfsError>,
        /// How long it has waited for missing pieces; at most its age.
        missing: Duration,
    },
    /// Open a stream, and report `on_opened` or `on_stream_end`. A failed stream is reopened for
    /// the rest of its range.
    Open {
        stream: StreamId,
        file: FileId,
        file_len: u64,
        range: ByteRange,
        /// The end of the range that the source is asked for: that of `range`, or a later one, so
        /// that the stream stays open after the last byte of `range`.
        asked_end: u64,
        is_reopened: bool,
    },
    /// Close a stream that is open or opening, and report `on_stream_end` when it has closed.
    Close { stream: StreamId },
    /// Request the bitfield of a torrent, and report `on_haves`.
    AskHaves { torrent: InfoHash },
    /// Request the download progress of a torrent, and report `on_download`.
    AskProgress { torrent: InfoHash },
    /// Request the peers of a torrent, and report `on_peers`.
    AskPeers { torrent: InfoHash },
    /// Add the forgotten peers of a torrent again.
    AddPeers { torrent: InfoHash },
    /// Search for peers of a torrent.
    FindPeers { torrent: InfoHash },
}

/// How a stream ended.
#[derive(Debug)]
pub(crate) enum StreamEnd {
    /// The source reported the end of the range.
    Over,
    /// The source failed.
    Failed(crate::SourceError),
    /// It was closed by an action, or because the runtime has ended.
    Closed,
}
