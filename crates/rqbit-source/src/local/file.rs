//! A proven file that is open.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rustix::fs::fstat;
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};
use vfs_core::{ByteRange, LocalError, LocalFile};

use super::verification_store::FileIdentity;
use crate::buffers::{Buffers, len_of};

impl FileIdentity {
    /// Returns that of an open file as it is now.
    pub(super) fn of(fd: &OwnedFd) -> io::Result<Self> {
        let stat = fstat(fd)?;
        Ok(Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            len: u64::try_from(stat.st_size).map_err(io::Error::other)?,
            modified: (stat.st_mtime, stat.st_mtime_nsec),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        })
    }
}

/// A file of the server on this machine's disk, proven to be the right one.
#[derive(Debug)]
pub(super) struct ProvenFile {
    fd: OwnedFd,
    identity: FileIdentity,
    /// Whether all of it was there when it was proven. Such a file does not change any more.
    is_complete: bool,
    /// Whether the server has said that its file is another one.
    is_revoked: AtomicBool,
    /// Whether the filesystem can say that it would have to wait.
    may_try: AtomicBool,
    buffers: Arc<Buffers>,
}

impl ProvenFile {
    /// Returns a file that was proven when it had this identity.
    pub(super) fn new(
        fd: OwnedFd,
        identity: FileIdentity,
        is_complete: bool,
        buffers: &Arc<Buffers>,
    ) -> Self {
        Self {
            fd,
            identity,
            is_complete,
            is_revoked: AtomicBool::new(false),
            may_try: AtomicBool::new(true),
            buffers: Arc::clone(buffers),
        }
    }

    /// Lets nothing be read from it any more.
    pub(super) fn revoke(&self) {
        self.is_revoked.store(true, Ordering::Relaxed);
    }

    /// Makes sure, after a read, that the file is what was proven.
    pub(super) fn check(&self) -> Result<(), LocalError> {
        if self.is_revoked.load(Ordering::Relaxed) {
            return Err(LocalError::Changed);
        }
        let now = FileIdentity::of(&self.fd).map_err(LocalError::Disk)?;
        let is_same = if self.is_complete {
            now == self.identity
        } else {
            // What is missing of it is being written.
            now.len == self.identity.len
        };
        if is_same { Ok(()) } else { Err(LocalError::Changed) }
    }
}

impl LocalFile for ProvenFile {
    fn try_read(&self, range: ByteRange) -> Result<Option<Bytes>, LocalError> {
        if !self.may_try.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut buffer = self.buffers.take(len_of(range));
        let mut slices = [IoSliceMut::new(buffer.bytes_mut())];
        let read = preadv2(&self.fd, &mut slices, range.start(), ReadWriteFlags::NOWAIT);
        match read {
            Ok(len) if len as u64 == range.len() => {}
            // A part is no answer, and what fails here is for the other way to say.
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(error) => {
                if matches!(error, Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) {
                    self.may_try.store(false, Ordering::Relaxed);
                }
                return Ok(None);
            }
        }
        self.check()?;
        Ok(Some(buffer.into_bytes()))
    }

    fn read(&self, range: ByteRange) -> Result<Bytes, LocalError> {
        let mut buffer = self.buffers.take(len_of(range));
        read_exact(&self.fd, buffer.bytes_mut(), range.start())?;
        self.check()?;
        Ok(buffer.into_bytes())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        // Nobody compares what the kernel reads, so a file that changed since must not get there.
        let may_pass = self.is_complete && self.check().is_ok();
        may_pass.then(|| self.fd.as_fd())
    }
}

/// Fills a buffer from a file.
pub(super) fn read_exact(
    fd: &OwnedFd,
    mut buffer: &mut [u8],
    mut offset: u64,
) -> Result<(), LocalError> {
    while !buffer.is_empty() {
        match pread(fd, &mut *buffer, offset) {
            // It was cut.
            Ok(0) => return Err(LocalError::Changed),
            Ok(len) => {
                buffer = buffer.get_mut(len..).unwrap_or_default();
                offset = offset.saturating_add(len as u64);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(LocalError::Disk(error.into())),
        }
    }
    Ok(())
}
