//! Systems without inotify: scans find the changes, within half a minute.

use std::io;
use std::os::fd::BorrowedFd;

/// The kernel's watches of a folder: there are none.
#[derive(Debug)]
pub(in super::super) struct NoEvents(std::convert::Infallible);

impl NoEvents {
    /// Refuses to watch.
    ///
    /// # Errors
    /// Always.
    pub(in super::super) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn add(&self, _dir: BorrowedFd<'_>) -> io::Result<()> {
        match self.0 {}
    }

    pub(in super::super) async fn changed(&self) -> io::Result<()> {
        match self.0 {}
    }
}
