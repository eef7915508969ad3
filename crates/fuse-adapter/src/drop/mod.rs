//! The drop folder as a FUSE mount: a small writable filesystem beside a library.
//!
//! It has a connection of its own. The kernel never repeats a FLUSH or an FSYNC that was once
//! answered with `ENOSYS`, and the library does that.

mod filesystem;
mod mount;
mod reply;
mod waits;

pub use self::mount::{DropMount, mount_drop};
