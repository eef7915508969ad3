//! Runs the programs of macOS that mount and unmount.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tfs_sys::inherit_no_descriptors;
use tfs_sys::mountinfo::MountTable;
use tfs_sys::mounting::{MountError, UnmountError};

use super::command::{mount_refusal, unmount_refusal};

/// Time limit for a program. A mount on loopback takes milliseconds, a forced unmount a few
/// seconds.
const PROGRAM_TIME_MAX: Duration = Duration::from_secs(20);

/// How often an end of the program is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Maximum number of bytes of messages that are kept.
const OUTPUT_BYTES_MAX: u64 = 16 << 10;

/// The programs, and the mount table. Tests have others.
#[derive(Debug, Clone)]
pub(crate) struct NfsPrograms {
    pub(super) mount: PathBuf,
    pub(super) unmount: PathBuf,
    pub(super) diskutil: PathBuf,
    pub(super) table: fn() -> io::Result<MountTable>,
}

impl NfsPrograms {
    /// Returns those of macOS.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn of_macos() -> Self {
        Self {
            mount: "/sbin/mount_nfs".into(),
            unmount: "/sbin/umount".into(),
            diskutil: "/usr/sbin/diskutil".into(),
            table: MountTable::read,
        }
    }

    /// Mounts. Blocks until the kernel has mounted, at most [`PROGRAM_TIME_MAX`].
    ///
    /// # Errors
    /// [`MountError`]; the program has ended.
    pub(super) fn run_mount<A: AsRef<OsStr>>(
        &self,
        path: &Path,
        arguments: &[A],
    ) -> Result<(), MountError> {
        match run(&self.mount, arguments) {
            Ok(None) => Ok(()),
            Ok(Some(output)) => Err(mount_refusal(path, &output)),
            Err(source) => Err(MountError::Mount { path: path.to_owned(), source }),
        }
    }

    /// Unmounts if the mount is not in use.
    ///
    /// # Errors
    /// [`UnmountError`]; it is still mounted.
    pub(super) fn run_unmount(&self, path: &Path) -> Result<(), UnmountError> {
        ended(path, run(&self.unmount, &[path]))
    }

    /// Unmounts also while programs use it; their calls fail.
    ///
    /// # Errors
    /// [`UnmountError`]; it is still mounted.
    pub(super) fn run_forced_unmount(&self, path: &Path) -> Result<(), UnmountError> {
        let path_text = path.as_os_str();
        match ended(path, run(&self.unmount, &[OsStr::new("-f"), path_text])) {
            done @ (Ok(()) | Err(UnmountError::NotMounted { .. })) => done,
            Err(error) => {
                tracing::debug!(%error, "umount -f failed, diskutil is next");
                let arguments = [OsStr::new("unmount"), OsStr::new("force"), path_text];
                ended(path, run(&self.diskutil, &arguments))
            }
        }
    }
}

fn ended(path: &Path, output: io::Result<Option<Vec<u8>>>) -> Result<(), UnmountError> {
    match output {
        Ok(None) => Ok(()),
        Ok(Some(output)) => Err(unmount_refusal(path, &output)),
        Err(source) => Err(UnmountError::System { path: path.to_owned(), source }),
    }
}

/// Runs a program. Returns its messages if it failed.
///
/// # Errors
/// If it cannot be started, or has not ended in time; it is killed then.
fn run<A: AsRef<OsStr>>(program: &Path, arguments: &[A]) -> io::Result<Option<Vec<u8>>> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    inherit_no_descriptors(&mut command);
    let mut child = command.spawn()?;
    let deadline = Instant::now() + PROGRAM_TIME_MAX;
    loop {
        if let Some(status) = child.try_wait()? {
            return if status.success() { Ok(None) } else { Ok(Some(messages(&mut child))) };
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            let name = program.display();
            let secs = PROGRAM_TIME_MAX.as_secs();
            let message = format!("{name} did not end within {secs} s");
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// Returns what the ended program has printed. A pipe holds more than these programs print.
fn messages(child: &mut Child) -> Vec<u8> {
    let mut output = Vec::new();
    if let Some(pipe) = child.stderr.take()
        && let Err(error) = pipe.take(OUTPUT_BYTES_MAX).read_to_end(&mut output)
    {
        tracing::debug!(%error, "the messages of a program cannot be read");
    }
    output
}
