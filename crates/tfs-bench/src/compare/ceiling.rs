//! The ceiling, in a process of its own, which can be pinned and counted like that of tfs.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use tfs_testkit::baseline_fs::BaselineFs;

use super::programs::quiet;
use crate::mount::wait_for;

/// The first argument of the process.
pub(crate) const MARK: &str = "--ceiling";

/// The line that the process prints when it is mounted.
const READY: &str = "ready";

/// How long the process may take to end.
const END_MAX: Duration = Duration::from_secs(10);

/// A mounted [`BaselineFs`]. Unmounted on drop.
#[derive(Debug)]
pub(super) struct CeilingMount {
    path: PathBuf,
    process: Child,
}

impl CeilingMount {
    /// Mounts files, each with its path in the mount and its length.
    pub(super) fn new(path: &Path, files: &[(&str, u64)]) -> Self {
        fs::create_dir_all(path).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(MARK).arg(path);
        command.args(files.iter().flat_map(|(name, len)| [(*name).to_owned(), len.to_string()]));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), READY, "the ceiling at {}", path.display());
        Self { path: path.to_owned(), process }
    }

    /// Returns the id of the process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for CeilingMount {
    fn drop(&mut self) {
        // A lazy unmount also works while a program has files open.
        drop(quiet("umount").arg("-l").arg(&self.path).status());
        drop(self.process.stdin.take());
        wait_for(&mut self.process, END_MAX);
    }
}

/// Runs the process until its parent has ended.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let (path, files) = arguments.split_first().unwrap();
    let files = files
        .chunks(2)
        .map(|file| (file[0].split('/').map(str::to_owned).collect(), file[1].parse().unwrap()));
    let session = BaselineFs::new(files).mount(Path::new(path)).unwrap();
    println!("{READY}");
    io::stdout().flush().unwrap();
    // Ends when the other side of the pipe is closed.
    drop(io::stdin().read_to_end(&mut Vec::new()));
    drop(session);
    ExitCode::SUCCESS
}
