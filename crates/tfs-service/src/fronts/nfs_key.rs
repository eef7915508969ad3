//! The key of NFS file handles and of DLNA's URLs, so that they stay valid after a restart.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::geteuid;

use crate::private_file::{OPEN_TO_OTHERS, read_or_make};

/// Its name in the state directory.
pub(super) const NAME: &str = "nfs-key";

/// The key of a MAC.
pub(super) type FrontKey = [u8; 32];

/// Returns a new random key.
pub(super) fn random_key() -> FrontKey {
    let mut key = [0; 32];
    getrandom::fill(&mut key).expect("the system has random numbers");
    key
}

/// Reads the key in a state directory, or makes one in a file that only this user can read. Blocks
/// on the disk.
///
/// # Errors
/// Those of the system; if others can read or write the file, or it is not a key.
pub(super) fn own_key(state_dir: &Path) -> io::Result<FrontKey> {
    read_or_make(state_dir, NAME, read, || random_key().to_vec())
}

fn read(path: &Path) -> io::Result<FrontKey> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.uid() != geteuid().as_raw() || metadata.mode() & OPEN_TO_OTHERS != 0 {
        let why = "others can read it: remove it, and tfs makes another one";
        return Err(io::Error::new(ErrorKind::PermissionDenied, why));
    }
    let mut key = FrontKey::default();
    if metadata.len() != 32 {
        let why = "it has not 32 bytes: remove it, and tfs makes another one";
        return Err(io::Error::new(ErrorKind::InvalidData, why));
    }
    file.read_exact(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::thread;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("tfs");
        let make = || {
            let state = state.clone();
            thread::spawn(move || own_key(&state).unwrap())
        };
        let made: Vec<_> = (0..8).map(|_| make()).collect();
        let made: Vec<_> = made.into_iter().map(|thread| thread.join().unwrap()).collect();
        let key = own_key(&state).unwrap();
        assert!(made.iter().all(|other| *other == key));
        assert_ne!(key, random_key());
        assert_eq!(fs::metadata(state.join(NAME)).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "nothing else is left");
        fs::set_permissions(state.join(NAME), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(own_key(&state).unwrap_err().to_string().contains("others can read it"));
        fs::set_permissions(state.join(NAME), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(state.join(NAME), "short").unwrap();
        assert!(own_key(&state).unwrap_err().to_string().contains("it has not 32 bytes"));
    }
}
