//! An open verified file.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use rustix::io::{Errno, pread};
use vfs_core::{ByteRange, LocalError, LocalFile};

use super::identity::FileIdentity;
use super::system::{identity_of, try_pread};
use crate::buffers::{Buffers, len_of};

/// A file of the server on the local disk, verified to be the right one.
#[derive(Debug)]
pub(super) struct ProvenFile {
    fd: OwnedFd,
    identity: FileIdentity,
    /// Whether the file was complete when it was verified. Such a file no longer changes.
    is_complete: bool,
    /// Whether the server has reported that its file is a different one.
    is_revoked: AtomicBool,
    /// Whether the filesystem supports reads that fail instead of blocking.
    may_try: AtomicBool,
    buffers: Arc<Buffers>,
}

impl ProvenFile {
    /// Returns a file that was verified while it had this identity.
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

    /// Makes all further reads fail.
    pub(super) fn revoke(&self) {
        self.is_revoked.store(true, Ordering::Relaxed);
    }

    /// Checks, after a read, that the file is still the verified one.
    pub(super) fn check(&self) -> Result<(), LocalError> {
        if self.is_revoked.load(Ordering::Relaxed) {
            return Err(LocalError::Changed);
        }
        let now = identity_of(&self.fd).map_err(LocalError::Disk)?;
        let is_same = if self.is_complete {
            now == self.identity
        } else {
            // Its missing parts are being written.
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
        match try_pread(&self.fd, buffer.bytes_mut(), range.start()) {
            Ok(len) if len as u64 == range.len() => {}
            // A partial read is not an answer, and the blocking read reports any error.
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
        // The kernel's reads are not checked afterwards, so a changed file must not be passed on.
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
            // The file was truncated.
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
