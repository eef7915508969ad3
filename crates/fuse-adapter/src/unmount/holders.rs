//! Processes that keep a mount busy, found in `/proc` without accessing the mount.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tfs_sys::mountinfo::unescape;
use tfs_sys::mounting::Holder;
use tfs_sys::process::{command, pids};
use tfs_sys::spawn_detached;

/// Maximum time of the search. A process stuck in the kernel can block the read of its memory map;
/// the processes found by then suffice.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(3);

/// Maximum number of processes in a message. The first few show what uses the mount.
const HOLDERS_MAX: usize = 20;

/// Returns the processes that hold something at or below `mount_point`, as far as they are visible
/// to this user.
pub(super) fn of(mount_point: &Path) -> Vec<Holder> {
    let mount_point = mount_point.to_owned();
    let (sender, receiver) = mpsc::sync_channel(HOLDERS_MAX);
    let search = move || {
        for pid in pids() {
            if let Some(holder) = holder(pid, &mount_point)
                && sender.send(holder).is_err()
            {
                return;
            }
        }
    };
    let Ok(_ended) = spawn_detached("tfs-holders", search) else { return Vec::new() };
    let deadline = Instant::now() + SEARCH_TIME_MAX;
    let mut holders = Vec::new();
    while holders.len() < HOLDERS_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(holder) = receiver.recv_timeout(left) else { break };
        holders.push(holder);
    }
    holders
}

fn holder(pid: u32, mount_point: &Path) -> Option<Holder> {
    let dir = PathBuf::from(format!("/proc/{pid}"));
    let path = links(&dir)
        .chain(std::iter::once_with(|| mapped_files(&dir)).flatten())
        .find(|path| is_at_or_below(path, mount_point))?;
    Some(Holder { pid, command: command(pid).unwrap_or_default(), path })
}

/// Returns the open files of the process. Links are read, not followed: following would access the
/// mount.
fn links(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let open = fs::read_dir(dir.join("fd")).into_iter().flatten();
    let open = open.filter_map(|entry| Some(entry.ok()?.path()));
    ["cwd", "root", "exe"]
        .map(|name| dir.join(name))
        .into_iter()
        .chain(open)
        .filter_map(|link| fs::read_link(link).ok())
}

fn mapped_files(dir: &Path) -> Vec<PathBuf> {
    let maps = fs::read(dir.join("maps")).unwrap_or_default();
    maps.split(|byte| *byte == b'\n').filter_map(mapped_file).collect()
}

/// Returns the sixth field of a line of `proc_pid_maps(5)`, in which only a line feed is escaped.
fn mapped_file(line: &[u8]) -> Option<PathBuf> {
    let start = line.iter().position(|byte| *byte == b'/')?;
    // The fields before the path contain no slash.
    let path = unescape(line.get(start..)?);
    Some(PathBuf::from(std::ffi::OsString::from_vec(path)))
}

/// Compares names only. A deleted file has ` (deleted)` after its name, which does not matter below
/// a mount.
fn is_at_or_below(path: &Path, mount_point: &Path) -> bool {
    let rest = path.as_os_str().as_bytes().strip_prefix(mount_point.as_os_str().as_bytes());
    rest.is_some_and(|rest| OsStr::from_bytes(rest).is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_counts() {
        let is_held = |path: &str| is_at_or_below(Path::new(path), Path::new("/m/t"));
        assert!(is_held("/m/t") && is_held("/m/t/a b") && is_held("/m/t/x (deleted)"));
        assert!(!is_held("/m/tt") && !is_held("/m") && !is_held("/") && !is_held("socket:[1]"));
    }

    #[test]
    fn maps_name_files_and_other_things() {
        let file = |line: &str| mapped_file(line.as_bytes());
        let line = "7f00-7f01 r--p 00000000 00:2d 42                /m/t/a b\\012c";
        assert_eq!(file(line), Some(PathBuf::from("/m/t/a b\nc")));
        assert_eq!(file("7f00-7f01 rw-p 00000000 00:00 0    [stack]"), None);
        assert_eq!(file(""), None);
    }

    #[test]
    fn we_hold_what_we_have_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let me = std::process::id();
        assert!(of(&path).iter().all(|holder| holder.pid != me));
        let _open = fs::File::create(path.join("file")).unwrap();
        let holders = of(&path);
        let ours = holders.iter().find(|holder| holder.pid == me).unwrap();
        assert_eq!(ours.path, path.join("file"));
        assert!(!ours.command.is_empty());
    }
}
