//! The binary, a mount that ends with the test, and helpers for file access.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::content::Content;
use tfs_testkit::hermetic::hermetic;
pub(crate) use tfs_testkit::swarm::Rqbits;
use tfs_testkit::until::until;

/// Returns the command `tfs`, isolated from the caller's settings, with all of its own below
/// `home`.
pub(crate) fn tfs(home: &Path) -> Command {
    hermetic(env!("CARGO_BIN_EXE_tfs"), home)
}

/// Runs a command that must succeed, and returns its output.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", describe(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the output of `tfs status` for the mounts below `dir`. Other tests have mounts at the
/// same time, in the same table.
#[track_caller]
pub(crate) fn status_below(dir: &Path) -> String {
    let text = describe(&tfs(dir).arg("status").output().unwrap());
    let (code, text) = text.split_once('\n').unwrap();
    let dir = dir.to_str().unwrap();
    let parts = text.split("\n\n").filter(|part| part.contains(dir));
    parts.fold(format!("{code}\n"), |all, part| all + part.trim_end() + "\n").replace(dir, "DIR")
}

/// Returns the output of `tfs status --json` for the mounts below `dir`.
#[track_caller]
pub(crate) fn status_json_below(dir: &Path) -> Vec<serde_json::Value> {
    let text = run(tfs(dir).args(["status", "--json"]));
    let mounts: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let is_below = |mount: &serde_json::Value| {
        Path::new(mount["mountpoint"].as_str().unwrap()).starts_with(dir)
    };
    mounts.into_iter().filter(is_below).collect()
}

/// Returns the exit code and the output.
pub(crate) fn describe(output: &Output) -> String {
    let code = output.status.code().map_or_else(|| output.status.to_string(), |c| c.to_string());
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    format!("exit {code}\n{stdout}{stderr}")
}

/// A mount in the background, as `tfs mount` makes it. Unmounted by force on drop.
pub(crate) struct Mounted {
    pub(crate) path: PathBuf,
    home: PathBuf,
}

impl Mounted {
    /// Mounts below `dir`, which is also the home of the command. All data comes over HTTP, which
    /// most tests are about.
    #[track_caller]
    pub(crate) fn new(dir: &Path, server: &str) -> Self {
        Self::with(dir, server, &[])
    }

    /// Like [`new`](Self::new), with more flags.
    #[track_caller]
    pub(crate) fn with(dir: &Path, server: &str, flags: &[&str]) -> Self {
        Self::with_local(dir, server, "off", flags)
    }

    /// Like [`with`](Self::with), with local files of the server.
    #[track_caller]
    pub(crate) fn with_local(dir: &Path, server: &str, paths: &str, flags: &[&str]) -> Self {
        Self::by(tfs(dir), dir, server, &[&["--local-paths", paths], flags].concat())
    }

    /// Like [`new`](Self::new), by a command with its own environment, and with only these flags.
    #[track_caller]
    pub(crate) fn by(mut mount: Command, dir: &Path, server: &str, flags: &[&str]) -> Self {
        let path = dir.join("mnt");
        // The test must not depend on remains of a crash at the path.
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => panic!("{error}"),
            _ => {}
        }
        // A flag may override it.
        mount.env("TFS_METADATA__POLL_INTERVAL", "200ms");
        mount.args(["mount", "--server", server]).args(flags);
        run(mount.arg(&path));
        Self { path, home: dir.to_owned() }
    }

    /// Returns a mount at a path, which may not exist.
    pub(crate) fn at(path: PathBuf, dir: &Path) -> Self {
        Self { path, home: dir.to_owned() }
    }

    /// Unmounts as a user does, and waits until the process behind it has ended.
    #[track_caller]
    pub(crate) fn unmount(self) {
        run(tfs(&self.home).arg("unmount").arg(&self.path));
        until("the process behind the mount ends", || self.pid().is_none().then_some(()));
    }

    /// Returns the process behind the mount, if it still runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        let path = self.path.to_str().unwrap();
        let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok());
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.into_iter()
            .find(|pid: &i32| {
                let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
                let mut arguments = line.split(|byte| *byte == 0);
                arguments.clone().nth(1) == Some(b"mount".as_slice())
                    && arguments.any(|argument| argument == path.as_bytes())
            })
            .map(Pid::from_raw)
    }

    /// Kills the process behind the mount, as a crash would.
    #[track_caller]
    pub(crate) fn crash(&self) {
        kill(self.pid().unwrap(), Signal::SIGKILL).unwrap();
        until("the process behind the mount is gone", || self.pid().is_none().then_some(()));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if is_mounted(&self.path) {
            let unmounted = tfs(&self.home).args(["unmount", "--force"]).arg(&self.path).output();
            println!("ended by force: {}", describe(&unmounted.unwrap()));
        }
    }
}

/// Returns whether a tfs is mounted at a path, by the kernel's mount table.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let table = fs::read_to_string("/proc/self/mounts").unwrap();
    let path = path.canonicalize().unwrap_or_else(|_dead| path.to_owned());
    table.lines().any(|line| {
        let mut fields = line.split(' ').skip(1);
        fields.next() == path.to_str() && fields.next() == Some("fuse.tfs")
    })
}

/// Reads a whole file in blocks of `block_bytes` and compares it with the expected content.
#[track_caller]
pub(crate) fn check_file(path: &Path, content: Content, block_bytes: usize) {
    let mut file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(file.metadata().unwrap().len(), content.len(), "{}", path.display());
    let mut block = vec![0; block_bytes];
    let mut offset = 0;
    loop {
        let len = file.read(&mut block).unwrap();
        if len == 0 {
            break;
        }
        check(path, content, offset, &block[..len]);
        offset += len as u64;
    }
    assert_eq!(offset, content.len(), "{}", path.display());
}

/// Reads one range of a file and compares it. The read must be complete except at the end of the
/// file.
#[track_caller]
pub(crate) fn check_range(path: &Path, file: &File, content: Content, offset: u64, len: usize) {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => panic!("{} at {offset}: {error}", path.display()),
        }
    }
    let end = (offset + len as u64).min(content.len());
    assert_eq!(filled as u64, end.saturating_sub(offset), "{} at {offset}", path.display());
    check(path, content, offset, &bytes[..filled]);
}

#[track_caller]
fn check(path: &Path, content: Content, offset: u64, bytes: &[u8]) {
    if let Err(mismatch) = content.check(offset, bytes) {
        panic!("{}: {mismatch}", path.display());
    }
}
