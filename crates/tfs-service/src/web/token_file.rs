//! The token that tfs makes for a page with controls, if none is configured.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::private_file::{OPEN_TO_OTHERS, read_or_make};
use crate::random::random_digits;

/// Its name in the state directory.
const NAME: &str = "web-token";

/// Maximum size of the file that is read.
const BYTES_MAX: u64 = 4096;

/// A token and its file. `Debug` does not show the token.
pub(super) struct OwnToken {
    pub(super) text: String,
    pub(super) path: PathBuf,
}

/// Returns the path of the token in a state directory.
pub(super) fn path_in(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}

/// Reads the token in a state directory, or makes one of 128 random bits in a file that only this
/// user can read. Blocks on the disk.
///
/// # Errors
/// Those of the system, and if other users could read or write the file.
pub(super) fn own_token(state_dir: &Path) -> io::Result<OwnToken> {
    let content = || format!("{}\n", random_digits()).into_bytes();
    let text = read_or_make(state_dir, NAME, read, content)?;
    let path = path_in(state_dir);
    Ok(OwnToken { text, path })
}

fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let refused = |why: &str| Err(io::Error::new(ErrorKind::PermissionDenied, why.to_owned()));
    if metadata.uid() != geteuid().as_raw() {
        return refused("it belongs to another user");
    }
    if metadata.mode() & OPEN_TO_OTHERS != 0 {
        return refused("other users can read it: remove it, and tfs makes another one");
    }
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::thread;

    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("tfs");
        let made: Vec<_> = (0..8)
            .map(|_| {
                let state = state.clone();
                thread::spawn(move || own_token(&state).unwrap().text)
            })
            .collect();
        let made: Vec<_> = made.into_iter().map(|made| made.join().unwrap()).collect();
        let OwnToken { text, path } = own_token(&state).unwrap();
        assert!(made.iter().all(|other| *other == text), "{made:?}");
        assert_eq!(text.len(), 32);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_token_that_others_could_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = own_token(dir.path()).unwrap().path;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = own_token(dir.path()).map(|token| token.path).unwrap_err();
        assert!(error.to_string().contains("other users can read it"), "{error}");
    }
}
