//! Front ends of a library on the network: WebDAV, NFS and DLNA.

mod settings;

pub use self::settings::{FrontAuth, FrontKind, FrontSettings, FrontTls};
