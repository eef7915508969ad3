//! The events of inotify.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use tokio::io::unix::AsyncFd;

/// Size of the buffer for events, whose content is not needed.
const BUFFER_BYTES: usize = 4096;

/// A file is finished or renamed, or the folder itself is gone.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// The kernel's watches of a folder and of those below.
#[derive(Debug)]
pub(in super::super) struct ChangeEvents {
    fd: AsyncFd<OwnedFd>,
}

impl ChangeEvents {
    /// Returns events without a folder. Must be called in a runtime.
    ///
    /// # Errors
    /// If the user has too many of them.
    pub(in super::super) fn new() -> io::Result<Self> {
        let fd = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "its problem is a type whose descriptor changes; that of `OwnedFd` does not"
        )]
        let fd = AsyncFd::new(fd)?;
        Ok(Self { fd })
    }

    /// Watches an open folder; once more is the same.
    ///
    /// # Errors
    /// If the user has too many watches.
    pub(in super::super) fn add(&self, dir: BorrowedFd<'_>) -> io::Result<()> {
        // The path names the open folder, whatever has its name now.
        let path = format!("/proc/self/fd/{}", dir.as_raw_fd());
        add_watch(self.fd.get_ref(), path, CHANGES)?;
        Ok(())
    }

    /// Resolves when something has changed since the last call.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(in super::super) async fn changed(&self) -> io::Result<()> {
        let mut ready = self.fd.readable().await?;
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(self.fd.get_ref(), &mut buffer);
        // Until it fails, as it does without further events.
        while reader.next().is_ok() {}
        ready.clear_ready();
        Ok(())
    }
}
