//! Open files of a library, as tokio readers.

use std::fmt;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use rqbit_source::RqbitSource;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tokio_util::sync::ReusableBoxFuture;
use vfs_core::{ExportFile, VfsError};

use crate::LibraryError;

/// The longest read that is passed on: longer ones are split below. It bounds the memory of a read.
const READ_BYTES_MAX: u32 = 1 << 20;

/// An open file, which is closed when it is dropped.
///
/// It is a reader with a position ([`AsyncRead`], [`AsyncSeek`]), and reads at any offset by
/// [`read_at`](Self::read_at). It stays open if its torrent is removed; then reads fail.
///
/// A read asks for exactly the bytes of the buffer: wrap it in a `BufReader` for short reads.
///
/// Dropping a read that waits ends its request.
pub struct LibraryFile {
    file: Arc<ExportFile<RqbitSource>>,
    path: Arc<str>,
    position: u64,
    /// The read at `position` that waits for its answer.
    pending: Option<ReusableBoxFuture<'static, Result<Bytes, VfsError>>>,
    /// Bytes at `position` that did not fit into the buffer of the caller.
    left: Bytes,
}

impl LibraryFile {
    pub(crate) fn new(file: ExportFile<RqbitSource>, path: &str) -> Self {
        Self {
            file: Arc::new(file),
            path: path.into(),
            position: 0,
            pending: None,
            left: Bytes::new(),
        }
    }

    /// Returns the length in bytes. It never changes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.file.len()
    }

    /// Returns whether the file has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file.is_empty()
    }

    /// Returns the path with which it was opened.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reads `len` bytes at `offset`; fewer only at the end of the file, or if `len` exceeds 1 MiB.
    /// Does not use the position. Reads may run concurrently.
    ///
    /// # Errors
    /// `Removed`, `Missing`, `TimedOut`, `ShutDown`, or that of the server.
    ///
    /// # Cancel safety
    /// Dropping the future ends the read and its request.
    pub async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, LibraryError> {
        let read = self.file.read(offset, clamped(len)).await;
        read.map_err(|error| self.failed(offset, error))
    }

    fn failed(&self, offset: u64, error: VfsError) -> LibraryError {
        LibraryError::of_call(format!("read {:?} at {offset}", self.path), error)
    }
}

impl AsyncRead for LibraryFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if this.left.is_empty() {
            let (offset, len) = (this.position, clamped(buffer.remaining()));
            let read = this.pending.get_or_insert_with(|| {
                let file = Arc::clone(&this.file);
                ReusableBoxFuture::new(async move { file.read(offset, len).await })
            });
            let answer = ready!(read.poll(context));
            this.pending = None;
            this.left = answer.map_err(|error| this.failed(offset, error))?;
        }
        let count = this.left.len().min(buffer.remaining());
        buffer.put_slice(&this.left.split_to(count));
        this.position = this.position.saturating_add(count as u64);
        if !this.left.has_remaining() {
            this.left = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for LibraryFile {
    /// Positions past the end are valid, and reads there return nothing.
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let sought = match position {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(distance) => self.len().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        let Some(sought) = sought else {
            let text = format!("seek in {:?}: the position is negative or too large", self.path);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        };
        if sought != self.position {
            self.position = sought;
            self.pending = None;
            self.left = Bytes::new();
        }
        Ok(())
    }

    fn poll_complete(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Ok(self.position))
    }
}

impl fmt::Debug for LibraryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, position, .. } = self;
        f.debug_struct("LibraryFile")
            .field("path", path)
            .field("position", position)
            .finish_non_exhaustive()
    }
}

fn clamped(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX).min(READ_BYTES_MAX)
}
