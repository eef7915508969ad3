//! The kernel's mount table: `/proc/self/mountinfo`, or `getfsstat(2)` on macOS.
//!
//! This module never accesses a tfs mount, so it cannot hang on one.

mod locate;
#[cfg(target_os = "macos")]
mod macos;

use std::ffi::OsString;
use std::fmt;
#[cfg(not(target_os = "macos"))]
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

pub use self::locate::{Location, locate};

/// Filesystem type of tfs mounts by FUSE in the table.
pub const FS_TYPE: &str = "fuse.tfs";

/// Filesystem type of drop folders in the table. Their source is the mount point of their library.
pub const DROP_FS_TYPE: &str = "fuse.tfs-drop";

/// Filesystem type of NFS mounts in the table, as on macOS.
const NFS_TYPE: &str = "nfs";

/// The source of tfs mounts by NFS in the table starts with it, on each system: the address of the
/// server, and the beginning of the exported path, which is `/tfs-PID-TOKEN`.
pub const NFS_SOURCE: &str = "127.0.0.1:/tfs-";

/// The table of this process's mount namespace.
#[cfg(not(target_os = "macos"))]
const MOUNTINFO: &str = "/proc/self/mountinfo";

/// Device number of a filesystem, as in `st_dev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device {
    /// Major number; 0 for filesystems without a disk.
    pub major: u32,
    /// Minor number, which is also the number of the FUSE connection.
    pub minor: u32,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountEntry {
    /// Mount id. The kernel reuses it after the mount is gone.
    pub id: u64,
    /// Id of the parent mount.
    pub parent_id: u64,
    /// Device number of the filesystem.
    pub device: Device,
    /// Mount point.
    pub mount_point: PathBuf,
    /// Whether mounts below it propagate to other mount namespaces, such as those of containers
    /// (`mount_namespaces(7)`, "shared").
    pub is_shared: bool,
    /// Type with its subtype, such as [`FS_TYPE`].
    pub fs_type: String,
    /// Mount source.
    pub source: OsString,
    /// User who mounted it, for a FUSE mount, and for each mount on macOS.
    pub user_id: Option<u32>,
}

impl MountEntry {
    /// Returns whether it is a tfs mount.
    #[must_use]
    pub fn is_tfs(&self) -> bool {
        self.fs_type == FS_TYPE || self.is_tfs_nfs()
    }

    /// Returns whether it is a tfs mount by NFS, as `tfs mount` makes it on macOS.
    #[must_use]
    pub fn is_tfs_nfs(&self) -> bool {
        self.fs_type == NFS_TYPE && self.source.as_bytes().starts_with(NFS_SOURCE.as_bytes())
    }

    /// Returns the id of the process that serves a tfs mount by NFS: the exported path has it. It
    /// stays the same after the process has ended.
    #[must_use]
    pub fn nfs_pid(&self) -> Option<u32> {
        let rest = self.source.as_bytes().strip_prefix(NFS_SOURCE.as_bytes())?;
        number(rest.split(|byte| *byte == b'-').next()?)
    }

    /// Returns whether it is the drop folder of a tfs mount.
    #[must_use]
    pub fn is_drop(&self) -> bool {
        self.fs_type == DROP_FS_TYPE
    }
}

/// All mounts of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MountTable {
    entries: Vec<MountEntry>,
}

impl MountTable {
    /// Reads the current table.
    ///
    /// # Errors
    /// If `/proc` is not mounted, or on macOS if the system call fails.
    pub fn read() -> io::Result<Self> {
        #[cfg(target_os = "macos")]
        return macos::entries().map(|entries| Self { entries });
        #[cfg(not(target_os = "macos"))]
        fs::read(MOUNTINFO).map(|bytes| Self::parse(&bytes))
    }

    /// Parses the format of `proc_pid_mountinfo(5)`. Malformed lines are skipped.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self { entries: bytes.split(|byte| *byte == b'\n').filter_map(parse_line).collect() }
    }

    /// Returns all mounts, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &MountEntry> {
        self.entries.iter()
    }

    /// Returns the tfs mounts, oldest first.
    pub fn tfs(&self) -> impl Iterator<Item = &MountEntry> {
        self.entries.iter().filter(|entry| entry.is_tfs())
    }

    /// Returns the drop folders of tfs mounts, oldest first.
    pub fn drops(&self) -> impl Iterator<Item = &MountEntry> {
        self.entries.iter().filter(|entry| entry.is_drop())
    }

    /// Returns all mounts of a filesystem, including those that another mount covers.
    pub fn places_of(&self, device: Device) -> impl Iterator<Item = &MountEntry> {
        self.entries.iter().filter(move |entry| entry.device == device)
    }

    /// Returns the mount visible at `mount_point`: the topmost of several stacked mounts.
    ///
    /// The path must be as in the table, see [`locate()`].
    #[must_use]
    pub fn at(&self, mount_point: &Path) -> Option<&MountEntry> {
        let here = || self.entries.iter().filter(|entry| entry.mount_point == mount_point);
        let is_covered = |id| here().any(|above| above.parent_id == id && above.id != id);
        here().rfind(|entry| !is_covered(entry.id))
    }

    /// Returns the mount that contains a path: the topmost one at the path or at its nearest
    /// ancestor.
    ///
    /// The path must be as in the table, see [`locate()`].
    #[must_use]
    pub fn of(&self, path: &Path) -> Option<&MountEntry> {
        path.ancestors().find_map(|ancestor| self.at(ancestor))
    }
}

fn parse_line(line: &[u8]) -> Option<MountEntry> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = number(fields.next()?)?;
    let parent_id = number(fields.next()?)?;
    let device = device(fields.next()?)?;
    let _root = fields.next()?;
    let mount_point = PathBuf::from(OsString::from_vec(unescape(fields.next()?)));
    let _options = fields.next()?;
    // A hyphen ends the optional fields.
    let mut is_shared = false;
    loop {
        match fields.next()? {
            b"-" => break,
            field => is_shared |= field.starts_with(b"shared:"),
        }
    }
    let fs_type = String::from_utf8(unescape(fields.next()?)).ok()?;
    let source = OsString::from_vec(unescape(fields.next()?));
    let options = fields.next().unwrap_or_default().split(|byte| *byte == b',');
    let mut options = options.filter_map(|option| option.strip_prefix(b"user_id="));
    let user_id = options.next().and_then(number);
    Some(MountEntry { id, parent_id, device, mount_point, is_shared, fs_type, source, user_id })
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    str::from_utf8(field).ok()?.parse().ok()
}

fn device(field: &[u8]) -> Option<Device> {
    let (major, minor) = str::from_utf8(field).ok()?.split_once(':')?;
    Some(Device { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

/// Undoes the kernel's escapes: a backslash and three octal digits for white space, `\` and `#`.
#[must_use]
pub fn unescape(mut field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    while let Some((first, rest)) = field.split_first() {
        let escaped = match (first, rest) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                Some(((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*first, rest));
        bytes.push(byte);
        field = after;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(table: &str, want: &Expect) {
        let table = MountTable::parse(table.as_bytes());
        let lines = table.entries.into_iter().map(|entry| {
            let MountEntry { id, parent_id, device, mount_point, fs_type, source, .. } = entry;
            let is_shared = entry.is_shared;
            let user = entry.user_id.map_or_else(String::new, |user| format!(" of {user}"));
            let shared = if is_shared { " shared" } else { "" };
            format!(
                "{id} on {parent_id} {device} {mount_point:?} {fs_type} {source:?}{shared}{user}\n"
            )
        });
        want.assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn the_table_is_read_with_its_escapes_and_optional_fields() {
        check(
            "22 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard\n\
             36 22 0:45 / /mnt/t ro,nosuid - fuse.tfs http://127.0.0.1:3030 ro,user_id=0\n\
             37 22 0:46 /sub /mnt/with\\040space\\011tab\\134back rw - tmpfs none rw\n",
            &expect![[r#"
                22 on 1 254:0 "/" ext4 "/dev/vda" shared
                36 on 22 0:45 "/mnt/t" fuse.tfs "http://127.0.0.1:3030" of 0
                37 on 22 0:46 "/mnt/with space\ttab\\back" tmpfs "none"
            "#]],
        );
        // Malformed lines are skipped.
        check("", &expect![[""]]);
        check("garbage\n1 2\n1 2 3:4 / /x rw\n1 2 x:y / /x rw - t s o\n", &expect![[""]]);
        check(
            "1 2 0:3 / /not\\04octal\\999 rw - t s",
            &expect![[r#"
                1 on 2 0:3 "/not\\04octal\\999" t "s"
            "#]],
        );
    }

    #[test]
    fn the_topmost_mount_is_what_one_sees() {
        // The order of lines does not show which mount is above.
        let table = MountTable::parse(
            b"40 30 0:50 / /m rw - fuse.tfs above rw\n\
              30 20 0:40 / /m rw - tmpfs below rw\n\
              50 20 0:60 / /m2 rw - fuse.tfs other rw\n\
              20 20 0:20 / / rw - ext4 root rw\n",
        );
        let source = |path| table.at(Path::new(path)).map(|entry| entry.source.to_str().unwrap());
        assert_eq!(source("/m"), Some("above"));
        assert_eq!(source("/m2"), Some("other"));
        assert_eq!(source("/"), Some("root"));
        assert_eq!(source("/m/below"), None);
        let below = |path| table.of(Path::new(path)).map(|entry| entry.source.to_str().unwrap());
        assert_eq!(below("/m/below/it"), Some("above"));
        assert_eq!(below("/m3"), Some("root"));
        let ours: Vec<_> = table.tfs().map(|entry| entry.id).collect();
        assert_eq!(ours, [40, 50]);
    }

    #[test]
    fn a_mount_by_nfs_is_known_by_its_source() {
        let table = MountTable::parse(
            b"1 0 0:1 / /a ro - nfs 127.0.0.1:/tfs-0123 ro\n\
              2 0 0:2 / /b ro - nfs 127.0.0.1:/srv ro\n\
              3 0 0:3 / /c ro - nfs nas:/tfs-0123 ro\n\
              4 0 0:4 / /d ro - ext4 127.0.0.1:/tfs-0123 ro\n\
              5 0 0:5 / /e ro - fuse.tfs http://127.0.0.1:3030 ro\n",
        );
        assert_eq!(table.tfs().map(|entry| entry.id).collect::<Vec<_>>(), [1, 5]);
    }

    #[test]
    fn our_own_table_has_a_root() {
        let table = MountTable::read().unwrap();
        assert!(table.at(Path::new("/")).is_some());
        #[cfg(target_os = "linux")]
        assert!(table.at(Path::new("/proc")).is_some_and(|entry| entry.fs_type == "proc"));
    }
}
