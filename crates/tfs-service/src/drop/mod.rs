//! The drop folder of a mount: joins the model of `tfs-drop` with servers, disk and kernel.
//!
//! ```text
//! DropService --> SharedFolder <--> DropLink --> DropServer --> rqbit      one for each server
//!      |               ^                `------> Spool                     drops that wait
//!      `-> DropMount --'                                                   the kernel's side
//! ```
//!
//! # Invariants
//! - A file is answered with success only if the server has it, or if it is in the spool.
//! - Each task of the folder ends with the [`DropService`].

mod content;
mod job;
mod link;
mod server;
mod service;
mod session;
mod settings;
mod spool;

pub(crate) use self::server::DropServer;
pub(crate) use self::service::{DropParts, DropService, unmount_drops_of};
pub use self::settings::DropSettings;
pub(crate) use self::spool::Spool;
