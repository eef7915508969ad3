//! A [`Vfs`](vfs_core::Vfs) as a FUSE mount.
//!
//! [`mount()`] attaches the filesystem and serves the kernel's requests: each is decoded, passed to
//! the core, and answered. [`FuseMount`] ends it. [`unmount()`] and [`check_mountpoint`] work on
//! mounts of any process, dead ones too.
//!
//! ```text
//! kernel --> fuser (2 threads) --> TorrentFs --> Vfs     metadata: answered on the same thread
//!                                     `--> Reads --> Vfs  reads: answered by a tokio task each
//!                                            |
//!                          /proc <-- interrupts     one thread: poll waiting threads for signals
//!                         kernel <-- invalidator    one thread: drop failed ranges
//!
//! kernel <-- notices <-- Vfs::apply                 one thread: drop outdated entries
//! ```
//!
//! # Invariants
//! - A fuser thread never blocks for longer than a short lock.
//! - Each request is answered exactly once. An answer lost to a bug becomes one `EIO`, logged and
//!   counted ([`FuseMount::counters`]); the mount continues.
//! - The kernel caches what may change for at most a second, unless it supports notifications.
//! - There is one errno table. Only a thread with a pending signal gets `EINTR`.
//! - One second after a read has failed, neither tfs nor the kernel remembers the failed range.
//! - Only mounts of type `fuse.tfs` are unmounted, and a [`FuseMount`] unmounts only itself.
//! - No search for mounts accesses one without a time limit.
//!
//! # Non-goals
//! The crate handles no HTTP and no torrents, and has no policy: the core decides what is read
//! when. It installs no signal handler and does not daemonize.

mod attr;
mod cache_clear;
mod callers;
mod connection;
mod drop;
mod errno;
mod filesystem;
mod fusermount;
mod interrupts;
mod kernel_handle;
mod kernel_probe;
mod liveness;
mod mount;
mod mountpoint;
mod notices;
mod options;
mod passthrough;
mod reads;
mod refused;
mod reply;
mod request;
mod scans;
mod ttl;
mod unmount;

pub use cache_clear::{KernelCaches, KernelCleared};
pub use callers::Caller;
pub use drop::{DropMount, mount_drop};
pub use fusermount::fusermount_path;
pub use kernel_handle::KernelHandle;
pub use kernel_probe::probe_kernel_fuse;
pub use liveness::{liveness, wait_for_answer};
pub use mount::{FuseMount, check_fuse, mount};
pub use mountpoint::check_mountpoint;
pub use options::MountOptions;
pub use reads::MountCounters;
pub use refused::RefusedProgram;
pub use scans::ProgramScan;
pub use tfs_sys::mounting::{
    AttrOptions, DiskUsage, DropMountOptions, FsName, Holder, KernelFuse, Liveness, MissingErrno,
    MountError, MountpointError, ProgramPatterns, READ_AHEAD_KB_DEFAULT, SecurityContext,
    SessionError, Unmount, UnmountError,
};
pub use unmount::unmount;
