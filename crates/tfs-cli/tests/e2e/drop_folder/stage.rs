//! A mount with an embedded server and a drop folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use tfs_testkit::until::until;

use crate::support::{is_mounted, run, tfs};

/// A mount with an embedded server, offline, and its drop folder.
pub(super) struct DropStage {
    pub(super) dir: PathBuf,
    pub(super) mountpoint: PathBuf,
}

impl DropStage {
    #[track_caller]
    pub(super) fn new(dir: &Path, flags: &[&str]) -> Self {
        let stage = Self { dir: dir.to_owned(), mountpoint: dir.join("mnt") };
        fs::create_dir(&stage.mountpoint).unwrap();
        fs::create_dir(stage.path("")).unwrap();
        run(&mut stage.mount_command(flags));
        stage
    }

    /// Mounts again after an unmount.
    #[track_caller]
    pub(super) fn again(&self, flags: &[&str]) -> Self {
        until("the server has let go of its directory", || {
            self.mount_command(flags).output().unwrap().status.success().then_some(())
        });
        Self { dir: self.dir.clone(), mountpoint: self.mountpoint.clone() }
    }

    pub(super) fn mount_command(&self, flags: &[&str]) -> Command {
        let mut command = tfs(&self.dir);
        command.args(["mount", "--offline", "--embedded"]).arg(self.dir.join("store"));
        command.env("TFS_METADATA__POLL_INTERVAL", "200ms");
        command.arg("--drop").arg(self.dir.join("add")).args(flags).arg(&self.mountpoint);
        command
    }

    /// Returns a path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.dir.join("add") } else { self.dir.join("add").join(name) }
    }

    /// Writes a file into the folder.
    pub(super) fn drop_file(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write_and_close(&self.path(name), bytes)
    }

    /// Returns the names of the files in a directory of the folder.
    #[track_caller]
    pub(super) fn files(&self, dir: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(dir)).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let mut names: Vec<_> =
            files.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Returns the names of the torrents in the library.
    pub(super) fn library(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.mountpoint).unwrap().map(Result::unwrap);
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    /// Returns how many torrents the folder has added.
    #[track_caller]
    pub(super) fn added(&self) -> u64 {
        let text = fs::read_to_string(self.mountpoint.join(".tfs/status.json")).unwrap();
        let status: serde_json::Value = serde_json::from_str(&text).unwrap();
        status["drop"]["added"].as_u64().unwrap()
    }

    #[track_caller]
    pub(super) fn status(&self) -> String {
        run(tfs(&self.dir).arg("status").arg(&self.mountpoint))
    }

    #[track_caller]
    pub(super) fn tfs_out(&self, arguments: &[&str]) -> String {
        run(tfs(&self.dir).args(arguments))
    }

    /// Returns a magnet link of a torrent of the server, by its name.
    #[track_caller]
    pub(super) fn magnet_of(&self, name: &str) -> String {
        let torrents: serde_json::Value =
            serde_json::from_str(&self.tfs_out(&["list", "--json"])).unwrap();
        let rows = torrents.as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        format!("magnet:?xt=urn:btih:{}", row["info_hash"].as_str().unwrap())
    }

    #[track_caller]
    pub(super) fn unmount(&self) {
        run(tfs(&self.dir).arg("unmount").arg(&self.mountpoint));
        assert!(!super::is_drop(&self.path("")));
        assert!(!is_mounted(&self.mountpoint));
    }
}

/// Writes a file. An error of the close counts, unlike with [`fs::write`].
pub(super) fn write_and_close(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::fd::IntoRawFd as _;

    let mut file = fs::File::create(path)?;
    let written = file.write_all(bytes);
    let closed = nix::unistd::close(file.into_raw_fd()).map_err(io::Error::from);
    written.and(closed)
}

/// Returns a `.torrent` file for a file of one byte, whose info hash depends on the name.
pub(super) fn torrent_file(name: &str) -> Vec<u8> {
    let mut torrent = format!("d7:comment5:hello4:infod6:lengthi1e4:name{}:{name}", name.len());
    torrent.push_str("12:piece lengthi16384e6:pieces20:aaaaabbbbbcccccdddddee");
    torrent.into_bytes()
}

pub(super) fn errno_of<T>(result: io::Result<T>) -> Option<Errno> {
    result.err().and_then(|error| error.raw_os_error()).map(Errno::from_raw)
}
