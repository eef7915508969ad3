//! The claim is a lock of a file in the runtime directory, on systems without abstract sockets. The
//! kernel releases it when the process ends; the file has the number of the process.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tfs_sys::runtime_dir::RuntimeDir;

use super::{DaemonRuns, name};

/// Maximum length of what is read of a file: a number.
const NUMBER_BYTES_MAX: u64 = 16;

/// Held by the daemon of a configuration. Dropping it releases the claim.
#[derive(Debug)]
pub struct LockClaim {
    /// The locked file; `None` without a claim.
    _lock: Option<File>,
}

impl LockClaim {
    /// Claims a configuration, which consists of these files, for this process. If no claim is
    /// possible, the daemon runs without one and logs a warning.
    ///
    /// # Errors
    /// If another process of this user holds the claim.
    pub fn take(files: &[PathBuf]) -> Result<Self, DaemonRuns> {
        let dir = match RuntimeDir::make() {
            Ok(dir) => dir,
            Err(error) => return Ok(Self::without(&error.to_string())),
        };
        match lock(&dir.path().join(format!("{}.lock", name(files)))) {
            Ok(Ok(file)) => Ok(Self { _lock: Some(file) }),
            Ok(Err(pid)) => Err(DaemonRuns { pid }),
            Err(error) => Ok(Self::without(&error.to_string())),
        }
    }

    fn without(error: &str) -> Self {
        tracing::warn!(error, "a second daemon with this configuration cannot be detected");
        Self { _lock: None }
    }
}

/// Locks a file, or returns the process that has locked it. The file stays: if it was removed,
/// two processes could lock two files of the same name.
fn lock(path: &Path) -> io::Result<Result<File, Option<u32>>> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let read = file.take(NUMBER_BYTES_MAX).read_to_string(&mut text);
            return Ok(Err(read.ok().and_then(|_len| text.trim().parse().ok())));
        }
        Err(error) => return Err(error.into()),
    }
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Ok(file))
}
