//! Splits a path inside a mount into the mount and the path from its root.
//!
//! A program that accesses a path in a mount blocks while the mount's process is blocked. So
//! nothing inside a mount is accessed: the resolution stops at the mount, by the kernel's table
//! ([`MountTable::locate`]).

use std::io;
use std::path::{Path, PathBuf};

use tfs_sys::blocking;
use tfs_sys::mountinfo::{Location, MountTable};

use super::find::{FindError, FoundMount, find_mount};
use super::served::enter_served;

/// Paths that are in one mount.
#[derive(Debug, Clone)]
pub struct PathInMount {
    /// The mount.
    pub found: FoundMount,
    /// The paths from its root, without a leading slash; the root is empty.
    pub paths: Vec<String>,
}

/// Returns the mounts that contain some paths, with the paths inside them. Follows symbolic links
/// that lead to a mount, but none inside it.
///
/// # Errors
/// [`FindError`]; `NotInMount` for a path outside of all mounts, `NoFile` for one that does not
/// exist.
pub async fn find_mounts_of(paths: &[PathBuf]) -> Result<Vec<PathInMount>, FindError> {
    let mut mounts: Vec<(PathBuf, Vec<String>)> = Vec::new();
    for path in paths {
        let given = path.clone();
        let (mountpoint, inside) = match enter_served(path) {
            Some(found) => found,
            None => blocking(move || enter(&given)).await?,
        };
        match mounts.iter_mut().find(|(known, _)| *known == mountpoint) {
            Some((_, all)) => all.push(inside),
            None => mounts.push((mountpoint, vec![inside])),
        }
    }
    let mut found = Vec::new();
    for (mountpoint, paths) in mounts {
        found.push(PathInMount { found: find_mount(Some(&mountpoint)).await?, paths });
    }
    Ok(found)
}

fn enter(path: &Path) -> Result<(PathBuf, String), FindError> {
    let failed = |source| FindError::Path { path: path.to_owned(), source };
    let table = MountTable::read().map_err(failed)?;
    let lost = |source| FindError::NoFile { path: path.to_owned(), source };
    let Location { path: mountpoint, inside } = table.locate(path).map_err(lost)?;
    let Some(names) = inside else {
        return Err(FindError::NotInMount { path: path.to_owned() });
    };
    let names: Option<Vec<_>> = names.iter().map(|name| name.to_str()).collect();
    // Names in a mount are UTF-8.
    let names = names.ok_or_else(|| lost(io::ErrorKind::NotFound.into()))?;
    Ok((mountpoint, names.join("/")))
}
