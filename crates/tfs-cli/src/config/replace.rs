//! Replaces a configuration file in one step.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Returns the file behind a symbolic link, which may not exist yet.
pub(super) fn target_of(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(link) => Ok(path.parent().unwrap_or(Path::new("")).join(link)),
            Err(_no_link) => Ok(path.to_owned()),
        },
        other => other,
    }
}

/// Returns the text of a file; `None` if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(io::Error::other("it is not a regular file")),
        Ok(_) => fs::read_to_string(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the content of a file, or creates it. The file has the old text or the new one, also
/// after a crash. Mode and owner stay, and so does a symbolic link to the file.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let target = target_of(path)?;
    let dir = match target.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        Some(_) | None => Path::new("."),
    };
    fs::create_dir_all(dir)?;
    let old = match fs::metadata(&target) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut new = tempfile::Builder::new();
    // The umask applies to a file that did not exist.
    let mode = Permissions::from_mode(if old.is_some() { 0o600 } else { 0o666 });
    let mut new = new.prefix(".tfs-").permissions(mode).tempfile_in(dir)?;
    new.write_all(text.as_bytes())?;
    if let Some(old) = old {
        let created = new.as_file().metadata()?;
        if (created.uid(), created.gid()) != (old.uid(), old.gid()) {
            fchown(new.as_file(), Some(old.uid()), Some(old.gid()))?;
        }
        new.as_file().set_permissions(old.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(&target).map_err(|error| error.error)?;
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn mode_and_link_stay() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let text = |name: &str| fs::read_to_string(at(name)).unwrap();
        let mode = |name: &str| fs::metadata(at(name)).unwrap().mode() & 0o7777;
        replace(&at("new/file"), "a").unwrap();
        assert_eq!(text("new/file"), "a");
        fs::set_permissions(at("new/file"), Permissions::from_mode(0o640)).unwrap();
        symlink("new/file", at("link")).unwrap();
        replace(&at("link"), "b").unwrap();
        assert!(at("link").is_symlink());
        assert_eq!((text("new/file"), mode("new/file")), ("b".to_owned(), 0o640));
        // A link to nothing, as dotfiles have before their first use.
        symlink("later/file", at("dangling")).unwrap();
        replace(&at("dangling"), "c").unwrap();
        assert_eq!(text("later/file"), "c");
        // Nothing else is left.
        assert_eq!(fs::read_dir(at("new")).unwrap().count(), 1);
        assert!(read(&at("missing")).unwrap().is_none());
        assert!(read(&at("new")).is_err());
    }
}
