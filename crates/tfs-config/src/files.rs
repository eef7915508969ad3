//! Finds and reads the configuration files.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::statfs;
use rustix::process::geteuid;
use serde::Serialize;

/// Maximum size of a configuration file. A larger file is not a configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The magic number of FUSE filesystems in `statfs` (`linux/magic.h`).
const FUSE_MAGIC: i64 = 0x6573_5546;

/// A possible location of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFile {
    /// The path.
    pub path: PathBuf,
    /// The result of the search.
    #[serde(flatten)]
    pub state: ConfigFileState,
}

/// Result of looking for a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "lowercase")]
pub enum ConfigFileState {
    /// It is read.
    Read,
    /// It does not exist.
    Missing,
    /// It is ignored for this reason; it may not exist, if the directory is not accessible.
    Ignored(String),
    /// It exists and cannot be read, for this reason.
    Unreadable(String),
}

/// The role of a file, which decides how it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConfigFileRole {
    /// In a directory of the system or of the user: optional.
    Usual,
    /// In the current directory, which may belong to any user.
    Here,
    /// Named by the user: it must exist.
    Named,
}

/// Looks for a file. Returns its text if it is read.
pub(super) fn probe(path: &Path, role: ConfigFileRole) -> (ConfigFile, Option<String>) {
    let (state, text) = match read(path, role) {
        Ok(FileContent::Text(text)) => (ConfigFileState::Read, Some(text)),
        Ok(FileContent::Distrusted(reason)) => (ConfigFileState::Ignored(reason.to_owned()), None),
        Ok(FileContent::Hidden(error)) => (hidden(&error), None),
        Err(error) => (ConfigFileState::Unreadable(error.to_string()), None),
    };
    (ConfigFile { path: path.to_owned(), state }, text)
}

enum FileContent {
    Text(String),
    Distrusted(&'static str),
    /// It does not exist, or is not accessible.
    Hidden(io::Error),
}

/// Returns the state of a default location without an accessible file. The home of a service's user
/// may be inaccessible, or `/dev/null`.
fn hidden(error: &io::Error) -> ConfigFileState {
    let is_missing = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    if is_missing {
        ConfigFileState::Missing
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        ConfigFileState::Ignored("permission denied".to_owned())
    } else {
        ConfigFileState::Ignored(error.to_string())
    }
}

fn read(path: &Path, role: ConfigFileRole) -> io::Result<FileContent> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if role != ConfigFileRole::Named => return Ok(FileContent::Hidden(error)),
        Err(error) => return Err(error),
    };
    if role == ConfigFileRole::Here
        && let Some(reason) = distrust(path, &metadata)
    {
        return Ok(FileContent::Distrusted(reason));
    }
    // A pipe would be empty for the background process, which reads it again.
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(io::Error::other("it is too large for a configuration file"));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        // A file of the system that only other users may read.
        Err(error)
            if role != ConfigFileRole::Named && error.kind() == io::ErrorKind::PermissionDenied =>
        {
            return Ok(FileContent::Hidden(error));
        }
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(FileContent::Text(text))
}

/// Returns why a file in the current directory is ignored, if another user may have written it: it
/// decides which server gets a password.
fn distrust(path: &Path, metadata: &Metadata) -> Option<&'static str> {
    let is_fuse = |path| {
        statfs(path).is_ok_and(|found| {
            #[expect(clippy::useless_conversion, reason = "its type is another on other machines")]
            let kind = i64::from(found.f_type);
            kind == FUSE_MAGIC
        })
    };
    if is_fuse(path) {
        return Some("it is on a FUSE filesystem, where a torrent may have its name");
    }
    if ![0, geteuid().as_raw()].contains(&metadata.uid()) {
        return Some("it belongs to another user");
    }
    if metadata.mode() & 0o002 != 0 {
        return Some("any user can write to it");
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    #[test]
    fn what_may_be_somebody_elses_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tfs.toml");
        let state = |role| probe(&path, role).0.state;
        assert_eq!(state(ConfigFileRole::Here), ConfigFileState::Missing);
        assert!(matches!(state(ConfigFileRole::Named), ConfigFileState::Unreadable(_)));
        fs::write(&path, "").unwrap();
        assert_eq!(state(ConfigFileRole::Here), ConfigFileState::Read);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(
            state(ConfigFileRole::Here),
            ConfigFileState::Ignored("any user can write to it".to_owned())
        );
        assert_eq!(state(ConfigFileRole::Named), ConfigFileState::Read);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        if geteuid().is_root() {
            chown(&path, Some(12345), None).unwrap();
            let foreign = ConfigFileState::Ignored("it belongs to another user".to_owned());
            assert_eq!(state(ConfigFileRole::Here), foreign);
        }
    }

    #[test]
    fn a_place_that_was_not_named_may_be_closed_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let state = |path: &Path, role| probe(path, role).0.state;
        // As with HOME=/dev/null.
        let below = file.join(".config/tfs/config.toml");
        assert_eq!(state(&below, ConfigFileRole::Usual), ConfigFileState::Missing);
        assert!(matches!(state(&below, ConfigFileRole::Named), ConfigFileState::Unreadable(_)));
        // A symbolic link to itself is inaccessible for all users, root included.
        let looped = dir.path().join("loop");
        std::os::unix::fs::symlink("loop", &looped).unwrap();
        let closed = looped.join("config.toml");
        assert!(matches!(state(&closed, ConfigFileRole::Usual), ConfigFileState::Ignored(_)));
        assert!(matches!(state(&closed, ConfigFileRole::Here), ConfigFileState::Ignored(_)));
        assert!(matches!(state(&closed, ConfigFileRole::Named), ConfigFileState::Unreadable(_)));
        let denied = io::ErrorKind::PermissionDenied.into();
        assert_eq!(hidden(&denied), ConfigFileState::Ignored("permission denied".to_owned()));
    }

    #[test]
    fn only_a_file_of_a_sane_size_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let state = |path: &Path| probe(path, ConfigFileRole::Usual).0.state;
        let unreadable = |reason: &str| ConfigFileState::Unreadable(reason.to_owned());
        assert_eq!(state(dir.path()), unreadable("it is not a regular file"));
        let large = dir.path().join("large");
        File::create(&large).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        assert_eq!(state(&large), unreadable("it is too large for a configuration file"));
        let binary = dir.path().join("binary");
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert!(matches!(state(&binary), ConfigFileState::Unreadable(_)));
    }
}
