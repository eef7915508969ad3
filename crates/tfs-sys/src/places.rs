//! Mount points of a filesystem and the process that serves it, found in the mount table and in
//! `/proc`.
//!
//! macOS has no `/proc` and no mount namespaces: the places are those of the one table, and the
//! process is unknown.
//!
//! A bind mount keeps the filesystem and its process alive after the first mount point is
//! unmounted. Mounts in containers are in other mount namespaces, visible only in the `/proc` files
//! of their processes.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::mountinfo::{Device, MountEntry, MountTable};
use crate::process::{command, pids};

/// Maximum number of places in a message. The first few show where the filesystem is mounted.
const PLACES_MAX: usize = 20;

/// The FUSE device, as a link in `/proc/<pid>/fd` shows it.
const FUSE_DEVICE: &str = "/dev/fuse";

/// Field of the connection number in `/proc/<pid>/fdinfo`, since Linux 6.16.
const CONNECTION_FIELD: &str = "fuse_connection:";

/// File with the kernel release, such as `6.18.1`.
const KERNEL_RELEASE: &str = "/proc/sys/kernel/osrelease";

/// Inode number of the initial PID namespace (`include/linux/proc_ns.h`).
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// A place where a filesystem is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPlace {
    /// Mount id. The kernel reuses it after the mount is gone.
    pub id: u64,
    /// Mount point, as seen in its mount namespace.
    pub mount_point: PathBuf,
    /// A process of its mount namespace, if it differs from that of this process.
    pub seen_by: Option<Witness>,
}

/// A process of another mount namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Process id.
    pub pid: u32,
    /// Process name, truncated to 15 bytes.
    pub command: String,
}

/// Returns the mounts of a filesystem in this mount namespace. Makes one system call.
#[must_use]
pub fn places_here(device: Device) -> Vec<MountPlace> {
    places_of_this_process(device, &mut HashSet::new())
}

/// Returns the mounts of a filesystem in all mount namespaces with a process whose table this user
/// may read; first those in this one. At most 20 places, without duplicates.
///
/// Costs about 50 µs for each process of the machine. Accesses no filesystem.
#[must_use]
pub fn places(device: Device) -> Vec<MountPlace> {
    let mut known = HashSet::new();
    let mut places = places_of_this_process(device, &mut known);
    for pid in pids() {
        if places.len() >= PLACES_MAX {
            break;
        }
        // A process that has exited has no table.
        let table = fs::read(format!("/proc/{pid}/mountinfo"));
        let table = table.map(|bytes| MountTable::parse(&bytes)).unwrap_or_default();
        places.extend(places_in(&table, device, &mut known, Some(pid)));
    }
    places.truncate(PLACES_MAX);
    places
}

/// Returns which of the places of a filesystem `before` still exist.
///
/// The kernel reuses the device number of a filesystem, within milliseconds on a busy machine. So
/// places that are new since then are excluded.
#[must_use]
pub fn places_left(before: &[MountPlace], device: Device) -> Vec<MountPlace> {
    let mut left = places(device);
    left.retain(|place| {
        let is_same =
            |old: &MountPlace| (old.id, &old.mount_point) == (place.id, &place.mount_point);
        before.iter().any(is_same)
    });
    left
}

fn places_of_this_process(device: Device, known: &mut HashSet<u64>) -> Vec<MountPlace> {
    places_in(&MountTable::read().unwrap_or_default(), device, known, None)
}

/// Returns the places in the table of a process that are not among the `known` mounts. Mount ids
/// are unique across namespaces.
fn places_in(
    table: &MountTable,
    device: Device,
    known: &mut HashSet<u64>,
    pid: Option<u32>,
) -> Vec<MountPlace> {
    let new = table.places_of(device).filter(|entry| known.insert(entry.id));
    let places = new.map(|entry| MountPlace {
        id: entry.id,
        mount_point: entry.mount_point.clone(),
        seen_by: pid.map(|pid| Witness { pid, command: command(pid).unwrap_or_default() }),
    });
    places.collect()
}

/// What is known of the process behind a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountProcess {
    /// This process has the connection open, or is named by the mount's source.
    Running(u32),
    /// No process has it open: the mount is dead.
    Gone,
    /// The kernel does not show it, or not to this user.
    Unknown,
}

/// Returns the process that serves a mount: the one that has its connection open, or for a mount by
/// NFS the one that its source names. Accesses no filesystem.
///
/// For FUSE a user sees only their own processes. `Gone` is returned only to root in the initial
/// PID namespace, where every process is visible, and only if the kernel shows connection numbers.
/// For NFS the number of a process that is gone may be that of another one meanwhile.
#[must_use]
pub fn process_of(entry: &MountEntry) -> MountProcess {
    if entry.is_tfs_nfs() {
        return entry.nfs_pid().map_or(MountProcess::Unknown, named_process);
    }
    let process = pids().find(|pid| {
        let numbers = connections(&PathBuf::from(format!("/proc/{pid}")));
        numbers.into_iter().any(|number| number == entry.device.minor)
    });
    match process {
        Some(pid) => MountProcess::Running(pid),
        None if sees_all_connections() => MountProcess::Gone,
        None => MountProcess::Unknown,
    }
}

/// Returns whether a process with this number exists.
fn named_process(pid: u32) -> MountProcess {
    match crate::process::exists(pid) {
        Some(true) => MountProcess::Running(pid),
        Some(false) => MountProcess::Gone,
        None => MountProcess::Unknown,
    }
}

fn sees_all_connections() -> bool {
    let is_first = || {
        let namespace = fs::metadata("/proc/self/ns/pid");
        namespace.is_ok_and(|namespace| namespace.ino() == FIRST_PID_NAMESPACE)
    };
    geteuid().is_root()
        && is_first()
        && names_connections(&fs::read_to_string(KERNEL_RELEASE).unwrap_or_default())
}

/// Returns whether a Linux release shows the connection in `/proc/<pid>/fdinfo`.
fn names_connections(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (6, 16),
        _ => false,
    }
}

/// Returns the numbers of the FUSE connections that a process has open, as far as visible.
fn connections(dir: &Path) -> Vec<u32> {
    let entries = fs::read_dir(dir.join("fd")).into_iter().flatten().filter_map(Result::ok);
    let devices = entries.filter(|entry| {
        fs::read_link(entry.path()).is_ok_and(|target| target == Path::new(FUSE_DEVICE))
    });
    let infos = devices
        .filter_map(|entry| fs::read_to_string(dir.join("fdinfo").join(entry.file_name())).ok());
    infos.filter_map(|info| connection(&info)).collect()
}

fn connection(info: &str) -> Option<u32> {
    let number = info.lines().find_map(|line| line.strip_prefix(CONNECTION_FIELD))?;
    number.trim().parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_names_the_connection() {
        let info = "pos:\t0\nflags:\t02100002\nmnt_id:\t24\nino:\t90\nfuse_connection:\t39\n";
        assert_eq!(connection(info), Some(39));
        assert_eq!(connection("pos:\t0\n"), None);
        for (release, want) in
            [("6.16.0", true), ("6.18.44-fc-v857", true), ("7.0-rc1", true), ("6.9.12", false)]
        {
            assert_eq!(names_connections(release), want, "{release}");
        }
        assert!(!names_connections("5.15.0-1-amd64") && !names_connections("odd"));
    }

    #[test]
    fn a_mount_by_nfs_names_its_process() {
        let table = |pid: u32| {
            let line = format!("1 0 0:1 / /a ro - nfs 127.0.0.1:/tfs-{pid}-00ff ro");
            MountTable::parse(line.as_bytes())
        };
        let process = |pid| process_of(table(pid).tfs().next().unwrap());
        let us = std::process::id();
        assert_eq!(process(us), MountProcess::Running(us));
        // Larger than any process id of Linux.
        assert_eq!(process(0x7FFF_FFFF), MountProcess::Gone);
        assert_eq!(process(u32::MAX), MountProcess::Unknown);
    }

    #[test]
    fn each_place_is_named_once() {
        let table = MountTable::read().unwrap();
        let proc = table.at(Path::new("/proc")).unwrap().device;
        let here = places_here(proc);
        assert!(here.iter().any(|place| place.mount_point == Path::new("/proc")), "{here:?}");
        assert!(here.iter().all(|place| place.seen_by.is_none()));
        // Every process of this namespace has the same ones.
        let all = places(proc);
        assert_eq!(&all[..here.len()], &here[..]);
        assert!(all[here.len()..].iter().all(|place| place.seen_by.is_some()), "{all:?}");
        assert_eq!(places_left(&here, proc).len(), here.len());
        let other = MountPlace { id: u64::MAX, ..here[0].clone() };
        assert_eq!(places_left(&[other], proc), []);
        let nowhere = Device { major: 0, minor: u32::MAX };
        assert_eq!(places(nowhere), []);
    }
}
