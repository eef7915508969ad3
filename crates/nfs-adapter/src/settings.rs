//! Settings of a server, and why it does not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

/// Maximum length of an exported path in bytes: `MNTPATHLEN` of RFC 1813, 5.1.1.
const PATH_BYTES_MAX: usize = 1024;

/// Paths below this directory are secrets: they are neither listed nor printed.
const SECRET_PREFIX: &str = "/k/";

/// What a server exports, and how.
#[derive(Clone)]
pub struct NfsSettings {
    /// The address to listen at. Port 0 is any free one.
    pub listen: SocketAddr,
    /// The path that clients mount, from `/`: `/`, `/t`, or `/k/<token>`. One below `/k/` is a
    /// secret: it is neither listed by `showmount` nor printed.
    pub export_path: String,
    /// The key of the MAC in file handles. Handles of clients stay valid across restarts only with
    /// the same key and exported path.
    pub key: [u8; 32],
    /// The user that owns all files.
    pub uid: u32,
    /// The group that owns all files.
    pub gid: u32,
    /// Permissions of files, such as `0o444`. Servers do not check them, clients do.
    pub file_mode: u32,
    /// Permissions of directories, such as `0o555`.
    pub dir_mode: u32,
    /// What a client gets while data is missing.
    pub waits: NfsWaits,
    /// The only user, besides root, who may list directories and read files, by the number in
    /// AUTH_SYS; others get `NFS3ERR_ACCES`. It protects from other users of a kernel's mount, and
    /// not from programs that speak NFS themselves: those can claim any number.
    pub only_uid: Option<u32>,
}

/// What a client gets while the data of a READ is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NfsWaits {
    /// A READ is answered when it ends, by its deadline at the latest.
    #[default]
    Answer,
    /// A READ that waits longer than `after` is answered with `NFS3ERR_JUKEBOX`. It continues, and
    /// the client asks again after some seconds. Its last answer is the data or an error. Only for
    /// the NFS client of a kernel: libnfs treats the answer as an error.
    Jukebox {
        /// How long each request may wait.
        after: Duration,
    },
}

impl NfsSettings {
    /// Returns settings that export `/` as read-only files of root.
    #[must_use]
    pub fn new(listen: SocketAddr, key: [u8; 32]) -> Self {
        Self {
            listen,
            export_path: "/".to_owned(),
            key,
            uid: 0,
            gid: 0,
            file_mode: 0o444,
            dir_mode: 0o555,
            waits: NfsWaits::default(),
            only_uid: None,
        }
    }

    /// Returns whether the exported path is a secret.
    pub(crate) fn is_path_secret(&self) -> bool {
        self.export_path.starts_with(SECRET_PREFIX)
    }

    pub(crate) fn check(&self) -> Result<(), NfsError> {
        let path = &self.export_path;
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
        let is_valid = match path.strip_prefix('/') {
            Some("") => true,
            Some(names) => names.split('/').all(is_name) && path.len() <= PATH_BYTES_MAX,
            None => false,
        };
        if is_valid { Ok(()) } else { Err(NfsError::Path) }
    }
}

impl fmt::Debug for NfsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.is_path_secret() { "/k/..." } else { &self.export_path };
        f.debug_struct("NfsSettings")
            .field("listen", &self.listen)
            .field("export_path", &path)
            .field("uid", &self.uid)
            .field("gid", &self.gid)
            .field("file_mode", &format_args!("{:#o}", self.file_mode))
            .field("dir_mode", &format_args!("{:#o}", self.dir_mode))
            .field("waits", &self.waits)
            .field("only_uid", &self.only_uid)
            .finish_non_exhaustive()
    }
}

/// Why a server does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NfsError {
    /// The system refuses the address.
    #[error("cannot listen for NFS at {address}: choose another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The exported path is not one that clients can mount.
    #[error(
        "the exported path is not valid: it begins with `/`, has no empty name, `.` or `..`, \
         and at most {PATH_BYTES_MAX} bytes"
    )]
    Path,
}
