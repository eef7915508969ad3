//! The control API of running mounts, for its clients: JSON over HTTP on a Unix socket.
//!
//! ```text
//! tfs status ... --> find_mount --> ControlClient --> a process with mounts
//!                                     | its socket in the runtime directory,
//!                                     | or one that the kernel lists
//! ```
//!
//! The server is in `tfs-service`, which uses the same types.
//!
//! # Invariants
//! - The types of [`wire`] and [`status`] define everything that is sent over the socket.
//! - No path inside a mount is accessed to find it, except `.tfs/status.json` by a thread that may
//!   be abandoned.
//! - Every wait and every size that a process can cause is limited.
//! - The crate sees no settings, no torrent server and no HTTP server, and prints nothing.

mod client;
mod elsewhere;
mod find;
mod lines;
mod resolve;
mod served;
mod stale;
pub mod status;
mod statuses;
pub mod wire;

pub use client::{ControlClient, ControlError};
pub use elsewhere::{PROBE_TIME_MAX, UnreachedMount, UnreachedState};
pub use find::{
    FindError, FoundMount, all_clients, clients, daemons, find_mount, find_mounts,
    own_drop_folders, own_mountpoints,
};
pub use resolve::{PathInMount, find_mounts_of};
pub use served::served_name;
pub use stale::remove_stale;
pub use statuses::{Statuses, statuses};
