//! Other filesystems over HTTP or torrents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use tfs_testkit::until::until;

use super::file_page::FilePage;
use super::programs::{find, quiet};
use crate::mount::{is_mounted, wait_for};

/// How long one may take to end after its unmount.
const END_MAX: Duration = Duration::from_secs(10);

/// A filesystem of another program. Unmounted on drop.
#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) path: PathBuf,
    process: Child,
}

impl Other {
    /// Starts `rclone mount` over a page, if it is installed. Its requests have no end, since rqbit
    /// refuses ranges beyond the end of the file, which rclone's chunks have.
    pub(crate) fn rclone(dir: &Path, page: &FilePage) -> Option<Self> {
        Self::start("rclone", dir, |command, path| {
            command.args(["mount", ":http:"]).arg(path);
            command.args(["--http-url", &page.url(), "--read-only", "--config", "/dev/null"]);
            command.args(["--vfs-read-chunk-size", "off"]);
            command.arg("--cache-dir").arg(dir.join("cache"));
        })
    }

    /// Starts `httpdirfs` over a page, if it is installed.
    pub(crate) fn httpdirfs(dir: &Path, page: &FilePage) -> Option<Self> {
        Self::start("httpdirfs", dir, |command, path| {
            command.args(["-f", &page.url()]).arg(path);
        })
    }

    /// Starts `btfs` with a `.torrent` file and a listening port, if it is installed.
    pub(crate) fn btfs(dir: &Path, torrent: &Path, port: u16) -> Option<Self> {
        Self::start("btfs", dir, |command, path| {
            command.args(["-f", &format!("--min-port={port}"), &format!("--max-port={port}")]);
            command.arg(format!("--data-directory={}", dir.display())).arg(torrent).arg(path);
        })
    }

    /// Returns the id of the process behind the mount.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    fn start(
        program: &str,
        dir: &Path,
        arguments: impl FnOnce(&mut Command, &Path),
    ) -> Option<Self> {
        find(program)?;
        let path = dir.join("mnt");
        fs::create_dir_all(&path).unwrap();
        let mut command = quiet(program);
        arguments(&mut command, &path);
        command.env("HOME", dir).env("XDG_CACHE_HOME", dir.join("cache"));
        let mut other = Self { path, process: command.spawn().unwrap() };
        until("another filesystem is mounted", || {
            let ended = other.process.try_wait().unwrap();
            assert!(ended.is_none(), "{program} ended: {ended:?}");
            is_mounted(&other.path).then_some(())
        });
        Some(other)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // A lazy unmount also works while a program has files open.
        drop(quiet("umount").arg("-l").arg(&self.path).status());
        wait_for(&mut self.process, END_MAX);
    }
}
