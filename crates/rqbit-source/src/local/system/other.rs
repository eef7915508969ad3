//! Other systems, such as macOS: each call is refused, so that no file is ever opened.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;

use super::super::identity::FileIdentity;

pub(in super::super) fn identity_of(_fd: &OwnedFd) -> io::Result<FileIdentity> {
    Err(Errno::NOTSUP.into())
}

pub(in super::super) fn try_pread(
    _fd: &OwnedFd,
    _buffer: &mut [u8],
    _offset: u64,
) -> Result<usize, Errno> {
    Err(Errno::OPNOTSUPP)
}

pub(in super::super) fn open_folder(_path: &Path) -> Result<OwnedFd, Errno> {
    Err(Errno::NOTSUP)
}

pub(in super::super) fn open_below(_folder: &OwnedFd, _below: &Path) -> Result<OwnedFd, Errno> {
    Err(Errno::NOTSUP)
}

pub(in super::super) fn is_of_tfs(_fd: &OwnedFd) -> io::Result<bool> {
    Err(Errno::NOTSUP.into())
}
