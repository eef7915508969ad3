//! What goes into the plan and comes out of it: reads, streams, actions.

use super::progress::ReadDeadline;
use crate::tree::FileState;
use crate::{ByteRange, FileId, Geometry, HandleId, InfoHash, VfsError};

/// A read that waits. Never given out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReadId(pub(crate) u64);

/// A stream, from the wish to open it to the news that it is closed. Never given out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamId(pub(crate) u64);

/// Who goes first where not all can have a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Priority {
    /// Somebody waits for it.
    Foreground,
    /// Somebody will probably ask for it soon.
    #[cfg_attr(not(test), expect(dead_code, reason = "windows read ahead on their own"))]
    ReadAhead,
    /// Somebody asked for it to be there later.
    Preload,
}

/// What a read puts up with before its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum WaitPolicy {
    /// Everything that may pass: no other server could answer it.
    #[default]
    UntilDeadline,
    /// That bytes are missing, but no failure: another server may be there.
    FailOnError,
    /// Neither: another server may have the bytes.
    FailFast,
}

/// Whether a read may end with [`VfsError::Partial`], since whoever asks
/// can ask for single pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Split {
    /// Never: it is answered as a whole.
    #[default]
    Never,
    /// If at least one page of it is there and bytes of others are missing.
    Pages,
    /// If anything of it is missing: other pages of the same request are there.
    Rest,
}

/// What the plan needs to know about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileFacts {
    pub(crate) len: u64,
    pub(crate) geometry: Option<Geometry>,
    /// What the last listing said; `None` if the torrent was not in it.
    pub(crate) state: Option<FileState>,
}

/// A read that memory could not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadRequest {
    pub(crate) handle: HandleId,
    pub(crate) file: FileId,
    pub(crate) facts: FileFacts,
    /// What was asked for, inside the file and at most `read_bytes_max` long.
    pub(crate) range: ByteRange,
    /// The part of it that memory does not have.
    pub(crate) need: ByteRange,
    pub(crate) priority: Priority,
    /// When it fails at the latest.
    pub(crate) deadline: ReadDeadline,
}

/// What the plan wants done. The order matters.
#[derive(Debug)]
pub(crate) enum Action {
    /// Open a stream, and report `on_opened` or `on_stream_end`.
    Open { stream: StreamId, file: FileId, file_len: u64, range: ByteRange },
    /// Open a stream again that failed, for what is left of its range, and report likewise.
    Reopen { stream: StreamId, file: FileId, file_len: u64, range: ByteRange },
    /// Close a stream that was asked for, whether it is open yet or not, and report
    /// `on_stream_end` when it is.
    Close { stream: StreamId },
    /// Give up the bytes of a stream that is no more.
    Ended { stream: StreamId },
    /// Forget the bytes of a stream that broke the rules.
    Discard { stream: StreamId },
    /// Give up the bytes of a stream before an offset.
    Release { stream: StreamId, before: u64 },
    /// Answer a read with bytes that memory has now, or report `on_evicted`.
    Reply { read: ReadId },
    /// Tell somebody that all is there that was to be preloaded.
    Preloaded { read: ReadId },
    /// Answer a read with an error.
    Fail { read: ReadId, error: VfsError },
    /// See what of a read memory has meanwhile, and report `on_need`.
    Look { read: ReadId },
    /// Ask which pieces of a torrent are there, and report `on_haves`.
    AskHaves { torrent: InfoHash },
    /// Ask how much of a torrent was fetched, and report `on_download`.
    AskProgress { torrent: InfoHash },
}

/// How a stream came to its end.
#[derive(Debug)]
pub(crate) enum StreamEnd {
    /// The source says that the range is over.
    Over,
    /// The source failed.
    Failed(crate::SourceError),
    /// It was closed, by an action or because the runtime is gone.
    Closed,
}
