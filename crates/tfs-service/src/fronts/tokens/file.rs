//! The file of the device tokens: a line for each, with its hash.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use sha2::{Digest as _, Sha256};
use tfs_state::make_private_below;

use super::DeviceToken;
use crate::private_file::OPEN_TO_OTHERS;
use crate::random::random_digits;

/// Its name in the state directory.
const NAME: &str = "device-tokens";

/// Its first line, with the version of the format.
const HEADER: &str = "tfs device tokens 1";

/// Maximum size of the file: a thousand lines of the greatest length are a sixth of it.
const BYTES_MAX: u64 = 1 << 20;

/// Maximum wait for the lock, which a process holds for milliseconds.
const LOCK_TIME_MAX: Duration = Duration::from_secs(5);

/// Interval between attempts to take the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(10);

/// What changes with each write of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenFileStamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

/// The content of the file. Damaged lines are left out.
#[derive(Debug, Default)]
pub(super) struct TokenLines {
    pub(super) tokens: Vec<DeviceToken>,
    /// Numbers of the damaged lines, from 1.
    pub(super) damaged: Vec<usize>,
}

impl TokenLines {
    /// Returns the tokens. The log has the first of the damaged lines.
    pub(super) fn or_warn(self, file: &TokenFile) -> Vec<DeviceToken> {
        if let Some(line) = self.damaged.first() {
            let (path, count) = (file.path.display(), self.damaged.len());
            tracing::warn!(%path, line, count,
                "damaged lines of the device tokens are ignored: the devices need new tokens");
        }
        self.tokens
    }
}

/// The file in a state directory.
#[derive(Debug, Clone)]
pub(super) struct TokenFile {
    state_dir: PathBuf,
    path: PathBuf,
}

impl TokenFile {
    pub(super) fn in_state_dir(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_owned(), path: state_dir.join(NAME) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the stamp of the file; `None` without a file.
    pub(super) fn stamp(&self) -> Option<TokenFileStamp> {
        let metadata = fs::metadata(&self.path).ok()?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Some(TokenFileStamp { inode: metadata.ino(), bytes: metadata.len(), modified })
    }

    /// Reads the tokens. Without a file there are none.
    ///
    /// # Errors
    /// Those of the system; if others can read or write the file, or it is too large.
    pub(super) fn read(&self) -> io::Result<TokenLines> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(TokenLines::default()),
            file => file?,
        };
        let metadata = file.metadata()?;
        let refused = |why: &str| Err(io::Error::new(ErrorKind::PermissionDenied, why.to_owned()));
        if metadata.uid() != geteuid().as_raw() {
            return refused("it belongs to another user");
        }
        if metadata.mode() & OPEN_TO_OTHERS != 0 {
            return refused("other users can read it: chmod go-rwx it");
        }
        if metadata.len() > BYTES_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "it is larger than 1 MiB"));
        }
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(parse(&String::from_utf8_lossy(&bytes)))
    }

    /// Replaces the file. Others read the old or the new one, never a part.
    ///
    /// # Errors
    /// Those of the system; the old file stays.
    pub(super) fn write(&self, tokens: &[DeviceToken]) -> io::Result<()> {
        let beside = self.path.with_file_name(format!("{NAME}.{}.new", random_digits()));
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&beside)?;
        let written = file.write_all(render(tokens).as_bytes()).and_then(|()| file.sync_all());
        let renamed = written.and_then(|()| fs::rename(&beside, &self.path));
        if renamed.is_err() {
            // The first error is the one to report.
            drop(fs::remove_file(&beside));
        }
        renamed
    }

    /// Waits for the lock of changes, which ends when the result is dropped.
    ///
    /// # Errors
    /// Those of the system, and [`ErrorKind::WouldBlock`] if another process keeps it.
    pub(super) fn lock(&self) -> io::Result<File> {
        make_private_below(&self.state_dir, &self.state_dir)?;
        let path = self.path.with_file_name(format!("{NAME}.lock"));
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_TIME_MAX => {
                    thread::sleep(LOCK_INTERVAL);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Returns the hash of a token. Tokens are random, so that it needs no salt. Their digits have one
/// case, and televisions type the other.
pub(super) fn hash_of(token: &str) -> [u8; 32] {
    Sha256::digest(token.to_ascii_lowercase().as_bytes()).into()
}

fn render(tokens: &[DeviceToken]) -> String {
    let mut text = format!("{HEADER}\n");
    for DeviceToken { name, created_at, hash } in tokens {
        text.push_str(name);
        text.push(' ');
        for byte in hash {
            // Writing to a string does not fail.
            _ = write!(text, "{byte:02x}");
        }
        _ = writeln!(text, " {created_at}");
    }
    text
}

fn parse(text: &str) -> TokenLines {
    let mut found = TokenLines::default();
    for (number, line) in (1..).zip(text.lines()) {
        match parse_line(line) {
            Some(token) => found.tokens.push(token),
            None if number == 1 && line == HEADER => {}
            None => found.damaged.push(number),
        }
    }
    found
}

/// Parses a line. Words after those of this version are ignored.
fn parse_line(line: &str) -> Option<DeviceToken> {
    let mut words = line.split(' ');
    let (name, hex, created_at) = (words.next()?, words.next()?, words.next()?);
    if !super::is_name(name) || hex.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(DeviceToken { name: name.to_owned(), created_at: created_at.parse().ok()?, hash })
}
