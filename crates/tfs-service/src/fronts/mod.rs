//! Front ends of a library on the network: WebDAV, NFS and DLNA.
//!
//! ```text
//! FrontSettings --> BoundFront: checked, address taken --> Fronts: serve an Export of the library
//!                                         KnownTokens <--'  `--> FrontWatch --> status
//! ```
//!
//! # Invariants
//! - Addresses are taken and secrets are read before a server is started or anything is mounted.
//! - Other machines read nothing without a secret, unless the user allows it.
//! - No secret is in a status, an error or the log.
//! - A front end that fails takes neither the mount nor another front end with it.

mod bound;
mod configured;
mod error;
mod nfs_key;
mod running;
mod settings;
#[cfg(test)]
mod tests;
mod tokens;

pub(crate) use self::bound::{BoundFront, check_settings};
pub use self::error::FrontError;
pub(crate) use self::running::{FileOwner, FrontParts, FrontWatch, Fronts};
pub use self::settings::{FrontAuth, FrontKind, FrontSettings, FrontTls};
pub use self::tokens::{DEVICE_TOKENS_MAX, DeviceToken, DeviceTokenError, DeviceTokenStore};
