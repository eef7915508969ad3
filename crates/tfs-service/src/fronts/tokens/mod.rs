//! Device tokens: each lets one device read without a login.
//!
//! The state directory has their SHA-256 hashes. A token itself is shown once, when it is made.

mod file;
mod known;

use std::io;
use std::path::{Path, PathBuf};

use tfs_state::user_state_dir;
use tfs_sys::clock::now;

use self::file::{TokenFile, hash_of};
pub(crate) use self::known::KnownTokens;

/// Maximum number of tokens: each is one device of a household or a small office.
pub const DEVICE_TOKENS_MAX: usize = 1000;

/// Maximum length of a name in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The digits of base32 (RFC 4648, section 6), in lower case: easy to type on a television.
const DIGITS: [char; 32] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's',
    't', 'u', 'v', 'w', 'x', 'y', 'z', '2', '3', '4', '5', '6', '7',
];

/// Why a device token is not made, listed or revoked. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum DeviceTokenError {
    /// The user has no directory for them.
    #[error("keep device tokens: the user has no home directory; set XDG_STATE_HOME")]
    NoStateDir,
    /// The name is not one.
    #[error(
        "use {name:?} as the name of a device: a name has 1 to {NAME_BYTES_MAX} letters, digits, \
         `-`, `_` or `.`, and begins with a letter or digit"
    )]
    Name {
        /// The given name.
        name: String,
    },
    /// Another token has the name.
    #[error("make a token: {name} has one already; revoke it first")]
    Exists {
        /// The name.
        name: String,
    },
    /// There are too many tokens.
    #[error("make a token: there are {DEVICE_TOKENS_MAX} already; revoke those that are not used")]
    TooMany,
    /// No token has the name.
    #[error("revoke the token of {name}: there is none")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The file cannot be used.
    #[error("use the device tokens in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

/// A token, without the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceToken {
    /// The name of the device.
    pub name: String,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// SHA-256 of the token.
    pub(crate) hash: [u8; 32],
}

/// The device tokens of a user. Its methods block on the disk.
#[derive(Debug, Clone)]
pub struct DeviceTokenStore {
    file: TokenFile,
}

impl DeviceTokenStore {
    /// Returns the store of the user.
    ///
    /// # Errors
    /// [`DeviceTokenError::NoStateDir`].
    pub fn of_user() -> Result<Self, DeviceTokenError> {
        let state_dir = user_state_dir().ok_or(DeviceTokenError::NoStateDir)?;
        Ok(Self::in_state_dir(&state_dir))
    }

    /// Returns the store in a state directory, which need not exist.
    #[must_use]
    pub fn in_state_dir(state_dir: &Path) -> Self {
        Self { file: TokenFile::in_state_dir(state_dir) }
    }

    /// Returns the tokens, ordered by name. Damaged lines are left out; the log has the first.
    ///
    /// # Errors
    /// If the file cannot be read, or others can read or write it.
    pub fn list(&self) -> Result<Vec<DeviceToken>, DeviceTokenError> {
        let lines = self.file.read().map_err(|source| self.failed(source))?;
        Ok(lines.or_warn(&self.file))
    }

    /// Returns the file, the number of tokens, and the numbers of the damaged lines from 1.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub(crate) fn check(&self) -> Result<(PathBuf, usize, Vec<usize>), DeviceTokenError> {
        let lines = self.file.read().map_err(|source| self.failed(source))?;
        Ok((self.file.path().to_owned(), lines.tokens.len(), lines.damaged))
    }

    /// Makes a token of 128 random bits for a device, and returns it. It cannot be shown again.
    ///
    /// # Errors
    /// If the name is not valid or taken, or the file cannot be written.
    pub fn create(&self, name: &str) -> Result<String, DeviceTokenError> {
        if !is_name(name) {
            return Err(DeviceTokenError::Name { name: name.to_owned() });
        }
        let token = random_token();
        let made = DeviceToken { name: name.to_owned(), created_at: now(), hash: hash_of(&token) };
        self.change(|tokens| {
            if tokens.iter().any(|token| token.name == name) {
                return Err(DeviceTokenError::Exists { name: name.to_owned() });
            }
            if tokens.len() >= DEVICE_TOKENS_MAX {
                return Err(DeviceTokenError::TooMany);
            }
            tokens.push(made);
            tokens.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(())
        })?;
        Ok(token)
    }

    /// Revokes the token of a device. Servers refuse it within a second.
    ///
    /// # Errors
    /// If there is none, or the file cannot be written.
    pub fn revoke(&self, name: &str) -> Result<(), DeviceTokenError> {
        self.change(|tokens| {
            let count = tokens.len();
            tokens.retain(|token| token.name != name);
            match tokens.len() < count {
                true => Ok(()),
                false => Err(DeviceTokenError::Unknown { name: name.to_owned() }),
            }
        })
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Vec<DeviceToken>) -> Result<(), DeviceTokenError>,
    ) -> Result<(), DeviceTokenError> {
        let _lock = self.file.lock().map_err(|source| self.failed(source))?;
        let mut tokens = self.list()?;
        change(&mut tokens)?;
        self.file.write(&tokens).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> DeviceTokenError {
        DeviceTokenError::File { path: self.file.path().to_owned(), source }
    }
}

/// Returns whether a name is valid: it appears in tables, in the status and in commands.
fn is_name(name: &str) -> bool {
    let is_rest = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= NAME_BYTES_MAX
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(is_rest)
}

/// Returns 128 random bits in base32, 26 characters.
fn random_token() -> String {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).expect("the system has random numbers");
    let bits = u128::from_be_bytes(bits);
    // The last digit has the three bits that are left.
    let digits = (0..26_u32).map(|idx| {
        let digit = bits.checked_shr(5 * idx).unwrap_or_default() & 31;
        usize::try_from(digit).ok().and_then(|digit| DIGITS.get(digit)).unwrap_or(&'a')
    });
    digits.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::thread;

    use super::*;

    fn names(store: &DeviceTokenStore) -> Vec<String> {
        store.list().unwrap().into_iter().map(|token| token.name).collect()
    }

    #[test]
    fn tokens_are_made_listed_and_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let store = DeviceTokenStore::in_state_dir(&dir.path().join("tfs"));
        assert_eq!(names(&store), [""; 0]);
        let (tv, phone) = (store.create("tv").unwrap(), store.create("phone.2").unwrap());
        assert_ne!(tv, phone);
        assert!(tv.len() == 26 && tv.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{tv}");
        assert_eq!(names(&store), ["phone.2", "tv"]);
        let text = fs::read_to_string(dir.path().join("tfs/device-tokens")).unwrap();
        assert!(!text.contains(&tv), "{text}");
        let mode = fs::metadata(dir.path().join("tfs/device-tokens")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let error = store.create("tv").unwrap_err().to_string();
        assert_eq!(error, "make a token: tv has one already; revoke it first");
        store.revoke("tv").unwrap();
        assert_eq!(names(&store), ["phone.2"]);
        let error = store.revoke("tv").unwrap_err().to_string();
        assert_eq!(error, "revoke the token of tv: there is none");
    }

    #[test]
    fn names_are_those_of_a_table() {
        let dir = tempfile::tempdir().unwrap();
        let store = DeviceTokenStore::in_state_dir(dir.path());
        let long = "n".repeat(65);
        for name in ["", "a b", "a\nb", "-rf", "../x", "ü", &long] {
            let error = store.create(name).unwrap_err();
            assert!(matches!(error, DeviceTokenError::Name { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn several_processes_lose_no_token() {
        let dir = tempfile::tempdir().unwrap();
        let make = |n: u32| {
            let store = DeviceTokenStore::in_state_dir(dir.path());
            thread::spawn(move || store.create(&format!("d{n}")).unwrap())
        };
        let making: Vec<_> = (0..8).map(make).collect();
        making.into_iter().for_each(|thread| drop(thread.join().unwrap()));
        assert_eq!(names(&DeviceTokenStore::in_state_dir(dir.path())).len(), 8);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = DeviceTokenStore::in_state_dir(dir.path());
        store.create("tv").unwrap();
        let path = dir.path().join("device-tokens");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = tfs_types::chain(&store.list().unwrap_err());
        assert!(error.contains("other users can read it: chmod go-rwx it"), "{error}");
    }

    #[test]
    fn damaged_lines_are_left_out_and_go_with_the_next_change() {
        let dir = tempfile::tempdir().unwrap();
        let store = DeviceTokenStore::in_state_dir(dir.path());
        let token = store.create("tv").unwrap();
        let path = dir.path().join("device-tokens");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [whole.as_slice(), b"phone zz 1\n\xff\n"].concat()).unwrap();
        let known = KnownTokens::new(Some(dir.path()));
        assert_eq!(webdav_adapter::DeviceTokens::device_of(&known, &token).as_deref(), Some("tv"));
        assert_eq!(store.check().unwrap(), (path, 1, vec![3, 4]));
        store.create("phone").unwrap();
        assert_eq!(names(&store), ["phone", "tv"]);
        assert_eq!(store.check().unwrap().2, [0; 0]);
    }
}
