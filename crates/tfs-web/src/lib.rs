//! The page of a tfs process in a browser.
//!
//! ```text
//! browser --> WebServer --> routes --> dyn WebBackend (tfs-service: mounts and servers)
//! ```
//!
//! [`model`] is the contract between the routes, the script of the page and the backend.

mod backend;
pub mod model;

pub use backend::{WebBackend, WebFile};
