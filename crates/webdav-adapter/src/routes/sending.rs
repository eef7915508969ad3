//! A file that is sent: reads ahead while the client takes bytes, and stops while it does not.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use tfs_http::{ResponseBody, StallLimit};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use vfs_core::{Attr, TorrentSource, VfsError};

use super::WebdavCall;
use crate::access::ReadRight;
use crate::open_files::OpenedFile;
use crate::refusal::WebdavRefusal;
use crate::site::{FILES_MAX, WebdavSite};

/// Bytes of the first read. Its failure is the status of the answer, and a player waits for it.
const FIRST_BYTES: u64 = 64 << 10;

/// Bytes of each further read. One is sent while the next is read, so that 1 MiB is in memory.
const READ_BYTES: u64 = 512 << 10;

/// Maximum number of files that are read ahead at once. With more of them each read is shorter, and
/// none begins early, so that many clients that pause hold little memory.
const READ_AHEAD_FILES_MAX: usize = 32;

/// Bytes of each read while many files are sent.
const CROWDED_READ_BYTES: u64 = 128 << 10;

/// Bytes of an answer that a client takes before the next read begins early.
const EARLY_READS_AFTER: u64 = 1 << 20;

/// How long a client may take no byte. A film can be paused for ten minutes and goes on; after a
/// longer pause players ask anew, since routers forget connections too.
const STALL_MAX: Duration = Duration::from_secs(15 * 60);

/// When a client may ask again if too many files are sent.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// A file that is sent.
pub(super) struct FileSending<S: TorrentSource> {
    site: Arc<WebdavSite<S>>,
    /// `None` after it failed.
    opened: Option<OpenedFile<S>>,
    /// What is still to be read and sent.
    unread: Range<u64>,
    /// Number of bytes that were sent.
    sent: u64,
    /// The read that was begun, at most one.
    begun: Option<BegunRead>,
    /// Whether the client waits for a read, which ends with this.
    is_waiting: bool,
    right: ReadRight,
    _place: OwnedSemaphorePermit,
}

/// A read that was begun. It was polled once, and goes on in a task if it has to wait.
enum BegunRead {
    Done(Result<Bytes, VfsError>),
    Waits(AbortOnDropHandle<Result<Bytes, VfsError>>),
}

impl<S: TorrentSource> FileSending<S> {
    /// Reads the first bytes of a part, and returns the answer with all of it.
    pub(super) async fn begin(
        call: &WebdavCall<S>,
        attr: &Attr,
        part: Range<u64>,
    ) -> Result<Response<ResponseBody>, WebdavRefusal> {
        let site = Arc::clone(&call.site);
        let place = Arc::clone(&site.places).try_acquire_owned();
        let place = place
            .map_err(|_full| WebdavRefusal::later("too many files are read at once", BUSY_WAIT))?;
        let opened = site.files.open(attr.ino, &call.origin(), part.start)?;
        let first_byte_max = site.first_byte_max;
        let mut sending = Self {
            site,
            opened: Some(opened),
            unread: part,
            sent: 0,
            begun: None,
            is_waiting: false,
            right: ReadRight::new(call.target.token()),
            _place: place,
        };
        sending.begin_read(FIRST_BYTES);
        let first = timeout(first_byte_max, sending.following()).await;
        let first = first.map_err(|_elapsed| WebdavRefusal::no_byte_yet())??;
        if let Some(limit) = call.head.extensions.get::<StallLimit>() {
            limit.set(STALL_MAX);
        }
        let state = (sending, first);
        let frames = stream::unfold(state, |(mut sending, first)| async {
            let bytes = match first {
                Some(first) => first,
                None => sending.following_or_end().await?,
            };
            sending.site.counters.count_sent(bytes.len());
            Some((Ok::<_, Infallible>(Frame::data(bytes)), (sending, None)))
        });
        Ok(Response::new(StreamBody::new(frames).boxed_unsync()))
    }

    /// Returns the next bytes. `None` at the end, and if a read fails: the connection is closed
    /// then, since the answer is shorter than its head says.
    async fn following_or_end(&mut self) -> Option<Bytes> {
        match self.following().await {
            Ok(following) => following,
            Err(error) => {
                tracing::debug!(%error, "a client gets no more of a file");
                // The connection sends what it has while this waits, and drops it at the end.
                tokio::task::yield_now().await;
                None
            }
        }
    }

    /// Returns the next bytes, at least one; `None` at the end. Begins the read after them if the
    /// client takes more than the beginning. A device whose token is revoked gets no more.
    async fn following(&mut self) -> Result<Option<Bytes>, VfsError> {
        if self.unread.is_empty() {
            return Ok(None);
        }
        if self.right.is_lost(&self.site.gate) {
            self.opened = None;
            return Err(VfsError::NotFound);
        }
        if self.begun.is_none() {
            self.begin_read(self.read_bytes());
        }
        self.is_waiting = true;
        let end = self.site.end.clone();
        let outcome = match self.begun.take() {
            Some(BegunRead::Done(outcome)) => outcome,
            Some(BegunRead::Waits(task)) => tokio::select! {
                // A task that panics ends its file, and no other one.
                outcome = task => outcome.unwrap_or(Err(VfsError::ShuttingDown)),
                () = end.cancelled() => Err(VfsError::ShuttingDown),
                () = self.right.lost(&self.site.gate) => Err(VfsError::NotFound),
            },
            None => Err(VfsError::ShuttingDown),
        };
        let checked = outcome.and_then(|bytes| {
            // Never longer than what was asked for: the answer would be longer than its head says.
            let is_right =
                !bytes.is_empty() && length(&bytes) <= self.unread.end - self.unread.start;
            if is_right { Ok(bytes) } else { Err(VfsError::NothingThere) }
        });
        let bytes = match checked {
            Ok(bytes) => bytes,
            Err(error) => {
                self.opened = None;
                return Err(error);
            }
        };
        self.is_waiting = false;
        self.unread.start += length(&bytes);
        self.sent += length(&bytes);
        if let Some(opened) = &mut self.opened {
            opened.position += length(&bytes);
        }
        if self.begun.is_none() && self.sent >= EARLY_READS_AFTER && !self.is_crowded() {
            self.begin_read(READ_BYTES);
        }
        Ok(Some(bytes))
    }

    /// Begins the next read, unless nothing is left.
    fn begin_read(&mut self, bytes_max: u64) {
        let Some(opened) = self.opened.as_ref().filter(|_| !self.unread.is_empty()) else { return };
        let (file, start) = (Arc::clone(&opened.file), self.unread.start);
        let wanted = (self.unread.end - start).min(bytes_max);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        // Fewer bytes before missing ones: the client gets all that is there.
        let mut reading = Box::pin(async move { file.read_present(start, wanted).await });
        self.begun = Some(match reading.as_mut().now_or_never() {
            Some(outcome) => BegunRead::Done(outcome),
            None => BegunRead::Waits(AbortOnDropHandle::new(tokio::spawn(reading))),
        });
    }

    fn read_bytes(&self) -> u64 {
        if self.is_crowded() { CROWDED_READ_BYTES } else { READ_BYTES }
    }

    /// Returns whether many files are sent.
    fn is_crowded(&self) -> bool {
        FILES_MAX - self.site.places.available_permits() > READ_AHEAD_FILES_MAX
    }
}

impl<S: TorrentSource> Drop for FileSending<S> {
    /// Leaves the file open for the client's next request, unless a read of it waits: the client is
    /// gone, and so is the reader.
    fn drop(&mut self) {
        let waits = matches!(&self.begun, Some(BegunRead::Waits(task)) if !task.is_finished());
        let is_waiting = self.is_waiting || waits;
        if let Some(opened) = self.opened.take().filter(|_| !is_waiting) {
            self.site.files.keep(opened);
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
