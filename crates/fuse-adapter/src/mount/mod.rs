//! A mounted filesystem: from `mount(2)` to the end of its session.

mod attach;
mod background;
mod error;
mod serve;
mod target;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fuser::{Config, Session, SessionACL};
use tfs_sys::mountinfo::{Device, MountTable};
use tfs_sys::mounting::{MountError, SessionError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use vfs_core::{TorrentSource, Vfs};

pub(crate) use self::attach::attach_drop;
pub use self::attach::check_fuse;
use self::background::Background;
pub(crate) use self::serve::{SessionEnd, serve, wait_for_end};
pub(crate) use self::target::MountTarget;
use crate::attr::Ownership;
use crate::callers::Callers;
use crate::filesystem::{Entries, InlineReads, Listings, SearchQueue, TorrentFs};
use crate::kernel_handle::{KernelHandle, KernelParts};
use crate::notices::Notices;
use crate::passthrough::PassthroughFiles;
use crate::reads::Reads;
use crate::refused::RefusedPrograms;
use crate::reply::ReplyStats;
use crate::ttl::Ttls;
use crate::{MountCounters, MountOptions, check_mountpoint, connection, unmount};

/// Number of threads that take requests from the kernel. Half of them may read inline. The other
/// half never blocks: one thread can answer while another copies. More threads gain little compared
/// with network latency.
const THREADS: usize = 4;

/// How long users of an ending mount have to close it: their reads have failed by then.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// Maximum time for the session to end after an abort: a few system calls.
pub(crate) const ABORT_TIME_MAX: Duration = Duration::from_secs(1);

/// Mounts `vfs` at `mountpoint`, after [`check_mountpoint`]. Reads are answered on `runtime`.
///
/// Uses `mount(2)` as root, fusermount3 as another user. The mount answers requests when this
/// returns. It makes system calls and may start a program, so async callers use a blocking thread.
///
/// A `vfs` serves one mount: [`FuseMount::unmount`] or dropping the mount ends its reads
/// permanently.
///
/// # Errors
/// [`MountError`]; no mount remains.
pub fn mount<S: TorrentSource>(
    vfs: Arc<Vfs<S>>,
    runtime: Handle,
    mountpoint: &Path,
    options: &MountOptions,
) -> Result<FuseMount, MountError> {
    check_mountpoint(mountpoint, options.allow_non_empty)?;
    let path = mountpoint
        .canonicalize()
        .map_err(|source| MountError::Mount { path: mountpoint.to_owned(), source })?;
    let reads = Reads::new(runtime, options.missing_errno);
    let faults = Arc::<ReplyStats>::default();
    let callers = Arc::<Callers>::default();
    let refused = Arc::new(RefusedPrograms::new(options.refused_programs.clone()));
    let passthrough = Arc::new(PassthroughFiles::new(options.may_pass_through));
    let ttls = Ttls::new(&options.appearance);
    let ttls = Arc::new(if options.forwards_looks { ttls.forwarding_looks() } else { ttls });
    let notices = Arc::new(Notices::new(Arc::clone(&ttls)));
    let ownership = Ownership::new(&options.appearance);
    let filesystem = TorrentFs {
        vfs: Arc::clone(&vfs),
        ownership,
        ttls: Arc::clone(&ttls),
        entries: Entries {
            vfs: Arc::clone(&vfs),
            ownership,
            ttls: Arc::clone(&ttls),
            generations: notices.generations(),
            listings: Arc::new(Listings::new(
                Arc::clone(&ttls),
                Arc::clone(&notices),
                options.forwards_looks,
            )),
        },
        searches: SearchQueue::new(),
        shows_holes: options.appearance.shows_holes,
        disk_usage: options.appearance.disk_usage,
        reads: reads.clone(),
        callers: Arc::clone(&callers),
        refused: Arc::clone(&refused),
        passthrough: Arc::clone(&passthrough),
        direct: InlineReads::new(THREADS / 2),
        faults: Arc::clone(&faults),
    };
    let device = attach::attach(&path, options)?;
    let started = MountTarget::find(&path).and_then(|target| {
        // The mount options control access, and the kernel enforces them.
        let session = Session::from_fd(filesystem, device, SessionACL::All, config())?;
        // It applies to files opened afterwards, so it has to come first.
        if let Err(error) = connection::set_read_ahead(target.device, options.read_ahead_kb) {
            tracing::debug!(%error, "cannot change the read-ahead of the kernel");
        }
        let notifier = session.notifier();
        let background = Background { reads, notices };
        let ends = background.clone();
        let ended = serve(session, move || ends.end())?;
        background.start(&vfs, &notifier);
        let (reads, notices) = (background.reads.clone(), Arc::clone(&background.notices));
        let parts = KernelParts { reads, callers, refused, passthrough, notices, notifier };
        let kernel_side = KernelHandle::new(parts);
        let shut_down = Box::new(move || vfs.shut_down());
        Ok(FuseMount { target, ended, background, kernel_side, faults, shut_down })
    });
    match started {
        Ok(mount) => {
            tracing::info!(path = %path.display(), device = %mount.target.device, "mounted");
            Ok(mount)
        }
        Err(source) => {
            if let Err(error) = unmount::detach(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot remove a dead mount");
            }
            Err(MountError::Session { path, source })
        }
    }
}

/// A mounted filesystem.
///
/// It ends by [`unmount`](Self::unmount), by an external `umount`, or by being dropped. Dropping
/// detaches the mount, fails its reads, and leaves the rest to the kernel.
pub struct FuseMount {
    target: MountTarget,
    /// Becomes `Some` once, when the session has ended.
    ended: watch::Receiver<SessionEnd>,
    background: Background,
    kernel_side: KernelHandle,
    faults: Arc<ReplyStats>,
    /// Shuts down the filesystem.
    shut_down: Box<dyn Fn() + Send + Sync>,
}

impl FuseMount {
    /// Returns the mount point: the absolute path without symbolic links.
    #[must_use]
    pub fn mountpoint(&self) -> &Path {
        &self.target.path
    }

    /// Returns the device number of the filesystem, as in the mount table.
    #[must_use]
    pub fn device(&self) -> Device {
        self.target.device
    }

    /// Returns the handle for queries and cache control.
    #[must_use]
    pub fn kernel_side(&self) -> KernelHandle {
        self.kernel_side.clone()
    }

    /// Returns whether [`mountpoint`](Self::mountpoint) leads to this mount: it is neither
    /// unmounted (also lazily) nor covered by another mount.
    ///
    /// # Errors
    /// If `/proc` is not mounted.
    pub fn is_seen(&self) -> io::Result<bool> {
        Ok(self.target.is_seen_in(&MountTable::read()?))
    }

    /// Returns the counters of reads. Costs a short lock.
    #[must_use]
    pub fn counters(&self) -> MountCounters {
        MountCounters { faults: self.faults.unanswered_count(), ..self.background.reads.counters() }
    }

    /// Resolves when the session has ended, by any unmount.
    ///
    /// # Errors
    /// If it ended for another reason than an unmount. The mount may then still be attached.
    ///
    /// # Cancel safety
    /// Nothing is lost; any number of callers may wait.
    pub async fn wait(&self) -> Result<(), SessionError> {
        wait_for_end(self.ended.clone()).await
    }

    /// Ends the mount within seconds, even if it is in use: reads fail, the mount is detached, and
    /// files that are still open after a grace period get errors.
    ///
    /// The last step needs root, or a mounted `/sys/fs/fuse/connections`. Otherwise the session
    /// continues until the last file is closed or this process ends.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// Dropping the future has the effect of dropping the mount.
    pub async fn unmount(self) -> Result<(), SessionError> {
        (self.shut_down)();
        self.detach().await;
        let path = self.target.path.display();
        if timeout(GRACE, self.wait()).await.is_err() {
            tracing::debug!(%path, "still in use; ending it by force");
            self.abort().await;
        }
        self.background.end();
        let ended = async {
            self.background.reads.ended().await;
            self.wait().await
        };
        match timeout(ABORT_TIME_MAX, ended).await {
            Ok(ended) => ended?,
            Err(_elapsed) => tracing::warn!(%path, "still in use; it ends with this process"),
        }
        tracing::info!(%path, "unmounted");
        Ok(())
    }

    async fn detach(&self) {
        if !self.may_be_in_the_tree() {
            return;
        }
        let target = self.target.clone();
        let detached = tokio::task::spawn_blocking(move || target.detach()).await;
        if let Ok(Err(error)) = detached {
            tracing::warn!(%error, "cannot remove the mount");
        }
    }

    async fn abort(&self) {
        let device = self.target.device;
        let aborted = tokio::task::spawn_blocking(move || connection::abort(device)).await;
        if let Ok(Err(error)) = aborted {
            tracing::debug!(%error, "this user may not abort waiting requests");
        }
    }

    /// Returns false after an unmount: another mount may then have its device number. A failed
    /// session leaves a dead mount, which keeps the number.
    fn may_be_in_the_tree(&self) -> bool {
        !matches!(&*self.ended.borrow(), Some(Ok(())))
    }
}

impl fmt::Debug for FuseMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Drop for FuseMount {
    fn drop(&mut self) {
        (self.shut_down)();
        self.background.end();
        if !self.may_be_in_the_tree() {
            return;
        }
        if let Err(error) = self.target.detach() {
            tracing::warn!(%error, "cannot remove the mount");
        }
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.n_threads = Some(THREADS);
    config
}
