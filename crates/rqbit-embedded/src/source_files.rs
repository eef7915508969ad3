//! Source files of a new torrent.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Maximum directory depth, which bounds the recursion; Linux allows no path this deep.
const DEPTH_MAX: usize = 2048;

/// One file of a torrent on disk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SourceFile {
    /// Path on disk.
    pub(crate) path: PathBuf,
    /// Path components inside the torrent; never empty.
    pub(crate) components: Vec<String>,
    /// Length in bytes when it was listed.
    pub(crate) len: u64,
}

/// Lists the regular files below `dir`, sorted by path, component by component.
///
/// The order makes the info hash depend on the contents, and not on the filesystem.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    walk(dir, &mut Vec::new(), &mut files)?;
    files.sort_unstable_by(|a, b| a.components.cmp(&b.components));
    Ok(files)
}

/// Returns a name that rqbit finds again on disk.
///
/// rqbit guesses the encoding of names that are not UTF-8 and would then open the wrong file, and
/// it refuses torrents with a backslash in a name.
pub(crate) fn usable_name(name: &OsStr) -> io::Result<String> {
    match name.to_str() {
        Some(name) if !name.contains('\\') => Ok(name.to_owned()),
        Some(_) | None => Err(io::Error::new(
            io::ErrorKind::InvalidFilename,
            format!("name is not UTF-8 or has a backslash: {}", name.display()),
        )),
    }
}

fn walk(dir: &Path, parents: &mut Vec<String>, files: &mut Vec<SourceFile>) -> io::Result<()> {
    if parents.len() > DEPTH_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidFilename, "too many nested folders"));
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if !kind.is_dir() && !kind.is_file() {
            continue;
        }
        parents.push(usable_name(&entry.file_name())?);
        if kind.is_dir() {
            walk(&entry.path(), parents, files)?;
        } else {
            let len = entry.metadata()?.len();
            files.push(SourceFile { path: entry.path(), components: parents.clone(), len });
        }
        parents.pop();
    }
    Ok(())
}
