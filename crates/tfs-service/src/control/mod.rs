//! The server of the control API: JSON over HTTP on a Unix socket.
//!
//! ```text
//! tfs-api: ControlClient --> ControlServer --> routes --> dyn ControlTarget (a mount)
//! ```
//!
//! # Invariants
//! - Only the user who mounted, and root, get an answer.
//! - Every wait and every buffer that a peer can cause is limited, and no peer slows down a mount.
//! - A request is cancelled when its client disconnects, except an unmount.
//! - The types of [`tfs_api::wire`] define everything that is sent over the socket.

mod controlled;
mod ending;
mod kept_socket;
mod monitoring;
mod mount;
mod presence;
mod routes;
mod server;
mod socket;
#[cfg(test)]
mod tests;
mod unmounting;

pub use controlled::MountRegistry;
pub(crate) use controlled::{ControlTarget, Registration, ReloadTarget};
pub(crate) use ending::{Ending, EndingGuard};
pub use monitoring::{MonitoringError, MonitoringServer};
pub(crate) use mount::{MountControl, search};
pub(crate) use presence::place_info;
pub use server::ControlServer;
pub use socket::SocketError;
