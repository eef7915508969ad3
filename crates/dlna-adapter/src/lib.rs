//! The tree of an [`Export`](vfs_core::Export) for televisions: a media server of UPnP
//! (ContentDirectory:1, ConnectionManager:1), found by SSDP.
//!
//! [`DlnaServer`] lists folders and media files. The files themselves are answered at the same
//! address by the handler of WebDAV, below `/k/TOKEN/`.
//!
//! # Invariants
//! - Object ids are inode numbers, so they are the same after a restart.
//! - Every size and count that a peer can cause is limited: bodies, XML, replies, datagrams.
//! - Names are escaped in XML, and characters that XML cannot say are replaced.
//! - Answers over UDP go only to the networks of the served interfaces.

mod description;
mod directory;
mod routes;
mod server;
mod settings;
mod soap;
mod ssdp;
mod token;

pub use server::{DlnaCounts, DlnaServer};
pub use settings::{DlnaError, DlnaSettings};
