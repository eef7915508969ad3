//! The control API of a running mount: JSON over HTTP on a Unix socket.
//!
//! ```text
//! tfs status ... --> find_mount --> ControlClient
//!                                        | a socket of each process, in the runtime directory
//!                                        | or those that the kernel's table of mounts leads to
//!                                   ControlServer --> routes --> dyn ControlTarget (a mount)
//! ```
//!
//! # Invariants
//! - Only the user who mounted, and root, get an answer.
//! - Every wait and every buffer that a peer can cause is limited, and no peer slows down a mount.
//! - A request is cancelled when its client disconnects, except an unmount.
//! - The types of [`wire`] define everything that is sent over the socket.

mod client;
mod controlled;
mod elsewhere;
mod embedded;
mod ending;
mod find;
mod http;
mod kept_socket;
mod lines;
mod listening;
mod monitoring;
mod mount;
mod notify;
mod presence;
mod process;
mod resolve;
mod routes;
mod server;
mod socket;
mod stale;
#[cfg(test)]
mod tests;
mod unmounting;
pub mod wire;

pub use client::{ControlClient, ControlError};
pub use controlled::MountRegistry;
pub(crate) use controlled::{ControlTarget, Registration};
pub use elsewhere::{UnreachedMount, UnreachedState};
pub use embedded::{FoundServer, embedded_servers};
pub(crate) use ending::{Ending, EndingGuard};
pub(crate) use find::daemons;
pub use find::{FindError, FoundMount, clients, find_mount};
pub use monitoring::{MonitoringError, MonitoringServer};
pub(crate) use mount::{MountControl, search};
pub use notify::notify_of_change;
pub use process::{Statuses, statuses};
pub use resolve::{PathInMount, find_mounts_of};
pub use server::ControlServer;
pub use socket::SocketError;
pub use tfs_sys::runtime_dir::RuntimeDirError;
pub use unmounting::{EndedMount, end_mount};
