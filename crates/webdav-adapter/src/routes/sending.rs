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
use crate::open_files::OpenedFile;
use crate::refusal::WebdavRefusal;
use crate::site::{FILES_MAX, WebdavSite};

/// Bytes of the first read. Its failure is the status of the answer, and a player waits for it.
const FIRST_BYTES: u64 = 64 << 10;

/// Bytes of the second read: many players look at the beginning of a range and go elsewhere.
const SECOND_BYTES: u64 = 256 << 10;

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
    rest: Range<u64>,
    sent: u64,
    /// Whether a read waits, which ends with this.
    is_waiting: bool,
    /// Bytes that were read early.
    next: Option<EarlyRead>,
    _place: OwnedSemaphorePermit,
}

/// A read that began before its bytes were needed.
enum EarlyRead {
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
            rest: part,
            sent: 0,
            is_waiting: false,
            next: None,
            _place: place,
        };
        let end = sending.site.end.clone();
        let first = end.run_until_cancelled(sending.read(FIRST_BYTES));
        let first = timeout(first_byte_max, first).await;
        let first = first.map_err(|_elapsed| WebdavRefusal::no_byte_yet())?;
        let first = first.unwrap_or(Err(VfsError::ShuttingDown))?;
        if let Some(limit) = call.head.extensions.get::<StallLimit>() {
            limit.set(STALL_MAX);
        }
        let state = (sending, Some(first));
        let frames = stream::unfold(state, |(mut sending, first)| async {
            let bytes = match first {
                Some(first) => first,
                None => sending.following().await?,
            };
            sending.site.counters.count_sent(bytes.len());
            Some((Ok::<_, Infallible>(Frame::data(bytes)), (sending, None)))
        });
        Ok(Response::new(StreamBody::new(frames).boxed_unsync()))
    }

    /// Returns the next bytes. `None` at the end, and if a read fails: the connection is closed
    /// then, since the answer is shorter than its head says.
    async fn following(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            return None;
        }
        let bytes_max = self.read_bytes();
        let end = self.site.end.clone();
        match end.run_until_cancelled(self.read(bytes_max)).await? {
            Ok(bytes) => {
                self.begin_early();
                Some(bytes)
            }
            Err(error) => {
                tracing::debug!(%error, "a client gets no more of a file");
                None
            }
        }
    }

    /// Reads on, at least one byte.
    async fn read(&mut self, bytes_max: u64) -> Result<Bytes, VfsError> {
        let wanted = self.wanted(bytes_max);
        self.is_waiting = true;
        let outcome = match self.next.take() {
            Some(EarlyRead::Done(outcome)) => outcome,
            // A task that panics ends its file, and no other one.
            Some(EarlyRead::Waits(task)) => task.await.unwrap_or(Err(VfsError::ShuttingDown)),
            None => {
                let opened = self.opened.as_ref().ok_or(VfsError::ShuttingDown)?;
                opened.file.read(self.rest.start, wanted).await
            }
        };
        let checked = outcome.and_then(|bytes| {
            // Never longer than what was asked for: the answer would be longer than its head says.
            if bytes.is_empty() || self.rest.end - self.rest.start < length(&bytes) {
                return Err(VfsError::NothingThere);
            }
            Ok(bytes)
        });
        let bytes = match checked {
            Ok(bytes) => bytes,
            Err(error) => {
                self.opened = None;
                return Err(error);
            }
        };
        self.is_waiting = false;
        self.rest.start += length(&bytes);
        self.sent += length(&bytes);
        if let Some(opened) = &mut self.opened {
            opened.position = self.rest.start;
        }
        Ok(bytes)
    }

    /// Begins the next read if the client takes more than the beginning. It is polled once here:
    /// bytes in memory need no task.
    fn begin_early(&mut self) {
        let Some(opened) = self.opened.as_ref().filter(|_| !self.rest.is_empty()) else { return };
        if self.sent < EARLY_READS_AFTER || self.is_crowded() {
            return;
        }
        let (file, start, wanted) =
            (Arc::clone(&opened.file), self.rest.start, self.wanted(READ_BYTES));
        let mut reading = Box::pin(async move { file.read(start, wanted).await });
        self.next = Some(match reading.as_mut().now_or_never() {
            Some(outcome) => EarlyRead::Done(outcome),
            None => EarlyRead::Waits(AbortOnDropHandle::new(tokio::spawn(reading))),
        });
    }

    fn read_bytes(&self) -> u64 {
        if self.is_crowded() {
            CROWDED_READ_BYTES
        } else if self.sent < FIRST_BYTES + SECOND_BYTES {
            SECOND_BYTES
        } else {
            READ_BYTES
        }
    }

    /// Returns whether many files are sent.
    fn is_crowded(&self) -> bool {
        FILES_MAX - self.site.places.available_permits() > READ_AHEAD_FILES_MAX
    }

    fn wanted(&self, bytes_max: u64) -> u32 {
        let wanted = (self.rest.end - self.rest.start).min(bytes_max);
        u32::try_from(wanted).unwrap_or(u32::MAX)
    }
}

impl<S: TorrentSource> Drop for FileSending<S> {
    /// Leaves the file open for the client's next request, unless a read of it waits: the client is
    /// gone, and so is the reader.
    fn drop(&mut self) {
        let waits = matches!(&self.next, Some(EarlyRead::Waits(task)) if !task.is_finished());
        let is_waiting = self.is_waiting || waits;
        if let Some(opened) = self.opened.take().filter(|_| !is_waiting) {
            self.site.files.keep(opened);
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
