//! The name of the place where a library is.

use std::fmt;
use std::path::{Path, PathBuf};

use tfs_api::wire::shown;

/// Where a running library is. Its text is the mount point of the control API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryPlace {
    /// Mounted at this path: absolute, without symbolic links.
    Mounted(PathBuf),
    /// Mounted nowhere; served at this address, such as `webdav://127.0.0.1:8080`.
    Served(String),
}

impl LibraryPlace {
    /// Returns the mount point.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Mounted(path) => Some(path),
            Self::Served(_) => None,
        }
    }
}

impl fmt::Display for LibraryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mounted(path) => f.write_str(&shown(path)),
            Self::Served(name) => f.write_str(name),
        }
    }
}
