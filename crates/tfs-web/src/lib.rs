//! The page of a tfs process in a browser.
//!
//! ```text
//! browser --> WebServer --> routes --> dyn WebBackend (tfs-service: mounts and servers)
//! ```
//!
//! [`model`] is the contract between the routes, the script of the page and the backend.

mod access;
mod backend;
mod feed;
mod files;
pub mod model;
mod query;
mod refusal;
mod render;
mod routes;
mod server;
mod settings;
mod site;

pub use access::{AccessToken, TokenError};
pub use backend::{WebBackend, WebClient, WebFile};
pub use server::{WebError, WebServer};
pub use settings::{HOSTS_MAX, WebOptions, WebSettings, WebSettingsError};
