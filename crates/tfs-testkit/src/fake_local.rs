//! Local files of a [`FakeSource`](crate::fake::FakeSource), controlled by a test.

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use vfs_core::{ByteRange, LocalError, LocalFile, NoLocalFile};

use crate::content::Content;

/// The behaviour of a local file from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LocalDisk {
    /// It answers immediately.
    #[default]
    Cached,
    /// It answers only callers that wait.
    Cold,
    /// It was replaced.
    Changed,
    /// Its reads fail.
    Broken,
}

/// A local file of the fake. Clones share the file.
#[derive(Debug, Clone)]
pub struct FakeLocal {
    content: Content,
    /// The state that tests set and read; held for one access.
    state: Arc<Mutex<FakeLocalState>>,
}

#[derive(Debug, Default)]
struct FakeLocalState {
    disk: LocalDisk,
    is_known: bool,
    /// The holes, which read as zeros.
    holes: Vec<ByteRange>,
    reads: Vec<ByteRange>,
}

impl FakeLocal {
    /// Returns a file with this content.
    #[must_use]
    pub fn new(content: Content) -> Self {
        Self { content, state: Arc::default() }
    }

    /// Sets its behaviour from now on.
    pub fn set_disk(&self, disk: LocalDisk) {
        self.state().disk = disk;
    }

    /// Sets the holes.
    pub fn set_holes(&self, holes: Vec<ByteRange>) {
        self.state().holes = holes;
    }

    /// Marks it as verified in an earlier run.
    pub fn set_known(&self) {
        self.state().is_known = true;
    }

    /// Returns whether it was verified before.
    pub(crate) fn is_known(&self) -> bool {
        self.state().is_known
    }

    /// Opens a file that was verified before. A replaced file must be verified again.
    pub(crate) fn reopen(&self) -> Result<(), NoLocalFile> {
        let mut state = self.state();
        state.is_known = state.disk != LocalDisk::Changed;
        if state.is_known { Ok(()) } else { Err(NoLocalFile::Changed) }
    }

    /// Returns the reads, in order.
    #[must_use]
    pub fn reads(&self) -> Vec<ByteRange> {
        self.state().reads.clone()
    }

    fn bytes(&self, range: ByteRange) -> Result<Bytes, LocalError> {
        let mut state = self.state();
        match state.disk {
            LocalDisk::Changed => return Err(LocalError::Changed),
            LocalDisk::Broken => {
                return Err(LocalError::Disk(std::io::Error::other("the disk of a test")));
            }
            LocalDisk::Cached | LocalDisk::Cold => {}
        }
        let mut bytes = vec![0; usize::try_from(range.len()).unwrap_or(0)];
        self.content.fill(range.start(), &mut bytes);
        for (at, byte) in (range.start()..).zip(&mut bytes) {
            if state.holes.iter().any(|hole| (hole.start()..hole.end()).contains(&at)) {
                *byte = 0;
            }
        }
        state.reads.push(range);
        Ok(bytes.into())
    }

    fn state(&self) -> MutexGuard<'_, FakeLocalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LocalFile for FakeLocal {
    fn try_read(&self, range: ByteRange) -> Result<Option<Bytes>, LocalError> {
        if self.state().disk == LocalDisk::Cold {
            return Ok(None);
        }
        self.bytes(range).map(Some)
    }

    fn read(&self, range: ByteRange) -> Result<Bytes, LocalError> {
        self.bytes(range)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
