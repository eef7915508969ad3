//! Front ends of a library on the network: WebDAV, NFS and DLNA.

mod bound;
mod error;
mod settings;

pub(crate) use self::bound::BoundFront;
pub use self::error::FrontError;
pub use self::settings::{FrontAuth, FrontKind, FrontSettings, FrontTls};
