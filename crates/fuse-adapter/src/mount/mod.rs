//! A mounted filesystem: from `mount(2)` to the end of its session.

mod attach;
mod background;
mod error;
mod target;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fuser::{Config, Session, SessionACL};
use rustix::io::Errno;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use vfs_core::{TorrentSource, Vfs};

pub use self::attach::check_fuse;
use self::background::Background;
pub use self::error::{MountError, SessionError};
use self::target::MountTarget;
use crate::attr::Ownership;
use crate::callers::Callers;
use crate::filesystem::{Entries, InlineReads, Listings, SearchQueue, TorrentFs};
use crate::kernel_handle::KernelHandle;
use crate::mountinfo::{Device, MountTable};
use crate::notices::Notices;
use crate::passthrough::PassthroughFiles;
use crate::reads::Reads;
use crate::reply::ReplyStats;
use crate::ttl::Ttls;
use crate::{MountCounters, MountOptions, check_mountpoint, connection, unmount};

/// How many threads take requests from the kernel. Half of them may be reading directly; of the
/// others, which never wait, one can answer while the other copies. More gain nothing that is
/// visible next to a network.
const THREADS: usize = 4;

/// How long those who use the mount get to notice that it ends: their reads have failed by then.
const GRACE: Duration = Duration::from_secs(2);

/// How long the session may take to end after its connection was aborted: a few system calls.
const ABORT_TIME_MAX: Duration = Duration::from_secs(1);

/// Mounts `vfs` at `mountpoint`, after [`check_mountpoint`]. Reads are answered on `runtime`.
///
/// As root it uses `mount(2)`, as any other user fusermount3. When it returns, the mount answers.
/// It makes system calls and may start a program, so an async caller uses a blocking thread.
///
/// A `vfs` serves one mount: its reads end for good when [`FuseMount::unmount`] or the drop of the
/// mount shuts it down.
///
/// # Errors
/// [`MountError`]; nothing is left behind.
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
    let passthrough = Arc::new(PassthroughFiles::new(options.may_pass_through));
    let ttls = Arc::new(Ttls::new(&options.appearance));
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
            listings: Arc::new(Listings::new(Arc::clone(&ttls), Arc::clone(&notices))),
        },
        searches: SearchQueue::new(),
        shows_holes: options.appearance.shows_holes,
        reads: reads.clone(),
        callers: Arc::clone(&callers),
        passthrough: Arc::clone(&passthrough),
        direct: InlineReads::new(THREADS / 2),
        faults: Arc::clone(&faults),
    };
    let device = attach::attach(&path, options)?;
    let started = MountTarget::find(&path).and_then(|target| {
        // Who gets in was said to the kernel, which asks nobody else.
        let session = Session::from_fd(filesystem, device, SessionACL::All, config())?;
        // It applies to files that are opened afterwards, so to all only if it comes first.
        if let Err(error) = connection::set_read_ahead(target.device, options.read_ahead_kb) {
            tracing::debug!(%error, "the kernel's own read-ahead stays");
        }
        let notifier = session.notifier();
        let background = Background { reads, notices };
        let ended = serve(session, background.clone())?;
        background.start(&vfs, &notifier);
        let kernel_side =
            KernelHandle::new(background.reads.clone(), callers, passthrough, notifier);
        Ok(FuseMount { target, ended, background, kernel_side, faults, vfs })
    });
    match started {
        Ok(mount) => {
            tracing::info!(path = %path.display(), device = %mount.target.device, "mounted");
            Ok(mount)
        }
        Err(source) => {
            if let Err(error) = unmount::detach(&path) {
                tracing::warn!(path = %path.display(), %error, "a dead mount stays");
            }
            Err(MountError::Session { path, source })
        }
    }
}

/// How a session ended, once it has.
type SessionEnd = Option<Result<(), SessionError>>;

/// A mounted filesystem.
///
/// It ends by [`unmount`](Self::unmount), by somebody else's `umount`, or by being dropped, which
/// takes it out of the tree, fails its reads, and leaves the rest to the kernel.
pub struct FuseMount {
    target: MountTarget,
    /// Becomes `Some` once, when the session has ended.
    ended: watch::Receiver<SessionEnd>,
    background: Background,
    kernel_side: KernelHandle,
    faults: Arc<ReplyStats>,
    vfs: Arc<dyn ShutDown>,
}

impl FuseMount {
    /// Returns where it is mounted: the absolute path without symbolic links.
    #[must_use]
    pub fn mountpoint(&self) -> &Path {
        &self.target.path
    }

    /// Returns the number of the filesystem, by which the table of mounts has it.
    #[must_use]
    pub fn device(&self) -> Device {
        self.target.device
    }

    /// Returns what can be learned and done beside the session.
    #[must_use]
    pub fn kernel_side(&self) -> KernelHandle {
        self.kernel_side.clone()
    }

    /// Returns whether who goes to [`mountpoint`](Self::mountpoint) meets this mount: it is neither
    /// unmounted, lazily too, nor covered by another.
    ///
    /// # Errors
    /// Where `/proc` is not mounted.
    pub fn is_seen(&self) -> io::Result<bool> {
        Ok(self.target.is_seen_in(&MountTable::read()?))
    }

    /// Returns what became of reads so far. Costs a short lock.
    #[must_use]
    pub fn counters(&self) -> MountCounters {
        MountCounters { faults: self.faults.unanswered_count(), ..self.background.reads.counters() }
    }

    /// Resolves when the session has ended, whoever unmounted it.
    ///
    /// # Errors
    /// If it ended for another reason than an unmount. The mount may then still be in the tree.
    ///
    /// # Cancel safety
    /// Nothing is lost; any number of callers may wait.
    pub async fn wait(&self) -> Result<(), SessionError> {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            // The thread is gone without a word: it was ended by a panic outside of all handlers.
            Err(_closed) => Err(SessionError::new(io::Error::other("the session was lost"))),
        }
    }

    /// Ends the mount within seconds, whatever its users do: reads fail, the mount leaves the
    /// tree, and who still has files open after a grace period gets errors for them.
    ///
    /// Only root can bring about the last, or a user where `/sys/fs/fuse/connections` is mounted.
    /// Elsewhere the session lives on until the last file is closed or this process ends.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Cancel safety
    /// Dropping the future goes on as dropping the mount does.
    pub async fn unmount(self) -> Result<(), SessionError> {
        self.vfs.shut_down();
        self.detach().await;
        let path = self.target.path.display();
        if timeout(GRACE, self.wait()).await.is_err() {
            tracing::debug!(%path, "still in use, ending it by force");
            self.abort().await;
        }
        self.background.end();
        let ended = async {
            self.background.reads.ended().await;
            self.wait().await
        };
        match timeout(ABORT_TIME_MAX, ended).await {
            Ok(ended) => ended?,
            Err(_elapsed) => tracing::warn!(%path, "still in use, ends with this process"),
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
            tracing::warn!(%error, "the mount stays in the tree");
        }
    }

    async fn abort(&self) {
        let device = self.target.device;
        let aborted = tokio::task::spawn_blocking(move || connection::abort(device)).await;
        if let Ok(Err(error)) = aborted {
            tracing::debug!(%error, "requests that wait cannot be ended by this user");
        }
    }

    /// Returns false after an unmount: the numbers of the mount may be another's then. A session
    /// that broke leaves a dead mount, which keeps them.
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
        self.vfs.shut_down();
        self.background.end();
        if !self.may_be_in_the_tree() {
            return;
        }
        if let Err(error) = self.target.detach() {
            tracing::warn!(%error, "the mount stays in the tree");
        }
    }
}

/// The one thing that a mount wants of its [`Vfs`], whatever the source is.
trait ShutDown: Send + Sync {
    fn shut_down(&self);
}

impl<S: TorrentSource> ShutDown for Vfs<S> {
    fn shut_down(&self) {
        Self::shut_down(self);
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.n_threads = Some(THREADS);
    config
}

/// Runs the session on threads of its own until it ends.
fn serve<S: TorrentSource>(
    session: Session<TorrentFs<S>>,
    background: Background,
) -> io::Result<watch::Receiver<SessionEnd>> {
    let (sender, ended) = watch::channel(None);
    // The thread ends with the session, which ends with the mount.
    thread::Builder::new().name("tfs-session".to_owned()).spawn(move || {
        let result = match session.run() {
            // A thread that was taking a request when the connection went. Linux 6.18 says so in
            // some unmounts, asked for or not.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::CONNABORTED) => Ok(()),
            result => result,
        };
        // Whoever waited for these has got an error from the kernel.
        background.end();
        if let Err(error) = &result {
            tracing::error!(%error, "the session ended badly");
        }
        sender.send_replace(Some(result.map_err(SessionError::new)));
    })?;
    Ok(ended)
}
