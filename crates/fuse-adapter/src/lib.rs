//! A [`Vfs`](vfs_core::Vfs) as a FUSE mount.
//!
//! [`mount()`] puts the filesystem into the tree and answers the kernel: each request is decoded,
//! passed to the core, and answered. [`FuseMount`] ends it. [`unmount()`] and
//! [`check_mountpoint`] are for mounts of any process, dead ones too.
//!
//! ```text
//! kernel --> fuser (2 threads) --> TorrentFs --> Vfs     metadata: answered on the same thread
//!                                     `--> Reads --> Vfs  reads: answered by a tokio task each
//!                                            |
//!                          /proc <-- interrupts     one thread: who waits and has a signal?
//!                         kernel <-- invalidator    one thread: forget the ranges that failed
//!
//! kernel <-- notices <-- Vfs::apply                 one thread: forget what is no longer so
//! ```
//!
//! # Invariants
//! - A fuser thread never waits for more than a short lock.
//! - Each request is answered exactly once; an answer that is lost to a bug is one `EIO`, logged
//!   and counted ([`FuseMount::counters`]), and the mount lives.
//! - The kernel keeps nothing for long that may change, unless it takes notices of changes.
//! - There is one errno table. Only a thread that has a signal to act on gets `EINTR`.
//! - A range whose read failed is a range never read, a second later: for us and for the kernel.
//! - Only a mount of type `fuse.tfs` is ever unmounted, and by a [`FuseMount`] only its own.
//! - Nothing that looks for mounts looks into one without a time limit.
//!
//! # What it never does
//! It sees no HTTP and no torrent, and holds no policy: what is read when is the core's business.
//! It installs no signal handler and makes no daemon.

mod attr;
mod attr_options;
mod cache_clear;
mod callers;
mod connection;
mod errno;
mod filesystem;
mod fusermount;
mod interrupts;
mod kernel_handle;
mod liveness;
mod mount;
pub mod mountinfo;
mod mountpoint;
mod notices;
mod options;
mod passthrough;
mod places;
mod reads;
mod reply;
mod time_limit;
mod ttl;
mod unmount;

pub use attr_options::AttrOptions;
pub use cache_clear::{KernelCaches, KernelCleared};
pub use callers::Caller;
pub use fusermount::fusermount_path;
pub use kernel_handle::KernelHandle;
pub use liveness::{Liveness, liveness, wait_for_answer};
pub use mount::{FuseMount, MountError, SessionError, check_fuse, mount};
pub use mountpoint::{MountpointError, check_mountpoint};
pub use options::{FsName, MissingErrno, MountOptions, READ_AHEAD_KB_DEFAULT};
pub use places::{MountPlace, MountProcess, Witness, places, places_here, places_left, process_of};
pub use reads::MountCounters;
pub use time_limit::within;
pub use unmount::{Holder, Unmount, UnmountError, unmount};
