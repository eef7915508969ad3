//! Open files of an export.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use crate::{FileId, HandleId, Ino, ReaderOrigin, TorrentSource, Vfs, VfsError};

/// The shortest part of a read of missing data that is read on its own, in bytes.
const PAGE_BYTES: u32 = 4 << 10;

/// Interval of the check whether a read that waits has present bytes before missing ones.
const PRESENCE_INTERVAL: Duration = Duration::from_millis(100);

/// An open file, which is closed when it is dropped. It outlives the torrent's place in the tree.
#[derive(Debug)]
pub struct ExportFile<S: TorrentSource> {
    vfs: Arc<Vfs<S>>,
    handle: HandleId,
    id: FileId,
    len: u64,
}

impl<S: TorrentSource> ExportFile<S> {
    pub(super) fn open(
        vfs: &Arc<Vfs<S>>,
        ino: Ino,
        origin: &Arc<ReaderOrigin>,
    ) -> Result<Self, VfsError> {
        let (handle, id, len) = vfs.open_exported(ino, origin)?;
        Ok(Self { vfs: Arc::clone(vfs), handle, id, len })
    }

    /// Returns the identity of the file.
    #[must_use]
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether the file has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the handle, as in [`Vfs::readers`].
    #[must_use]
    pub fn handle(&self) -> HandleId {
        self.handle
    }

    /// Reads `len` bytes at `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// As [`Vfs::read`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the read and releases its resources.
    pub async fn read(&self, offset: u64, len: u32) -> Result<Bytes, VfsError> {
        if let Some(answer) = self.vfs.try_read(self.handle, offset, len) {
            return answer;
        }
        self.vfs.read(self.handle, offset, len).await
    }

    /// Reads up to `len` bytes at `offset`: all of them if they are present, or else those before
    /// missing ones. At least one, except at the end of the file. So no present byte waits for a
    /// missing one after it.
    ///
    /// # Errors
    /// As [`Vfs::read`], for the first byte.
    ///
    /// # Cancel safety
    /// As [`read`](Self::read).
    pub async fn read_present(&self, offset: u64, len: u32) -> Result<Bytes, VfsError> {
        let (vfs, handle) = (&self.vfs, self.handle);
        if let Some(answer) = vfs.try_read(handle, offset, len) {
            return answer;
        }
        let mut len = len;
        while len > PAGE_BYTES {
            let part = tokio::select! {
                biased;
                answer = vfs.read_pages(handle, offset, len) => match answer {
                    Err(VfsError::Partial) => self.present_len(offset, len),
                    // Missing bytes cannot arrive; less than a page before them may be present.
                    Err(VfsError::WouldBlock) => match self.present_len(offset, len) {
                        0 => return Err(VfsError::WouldBlock),
                        part => part,
                    },
                    answer => return answer,
                },
                part = self.present_part(offset, len) => part,
            };
            // Bytes may be in memory of which no server says that it has them.
            len = if part > 0 { part } else { len / 2 };
            if part > 0 {
                break;
            }
        }
        vfs.read(handle, offset, len).await
    }

    /// Waits until servers say that they have only a beginning of a range, and returns its length.
    async fn present_part(&self, offset: u64, len: u32) -> u32 {
        loop {
            sleep(PRESENCE_INTERVAL).await;
            if self.vfs.is_missing(self.handle, offset, len) {
                let part = self.present_len(offset, len);
                if part > 0 {
                    return part;
                }
            }
        }
    }

    /// Returns the length of the longest beginning of a range that one server has.
    fn present_len(&self, offset: u64, len: u32) -> u32 {
        // All of `here` bytes are present, not all of `lacks`.
        let (mut here, mut lacks) = (0, len.saturating_add(1));
        while lacks - here > 1 {
            let middle = here + (lacks - here) / 2;
            if self.vfs.is_here(self.handle, offset, middle) {
                here = middle;
            } else {
                lacks = middle;
            }
        }
        here
    }
}

impl<S: TorrentSource> Drop for ExportFile<S> {
    fn drop(&mut self) {
        self.vfs.release(self.handle);
    }
}
