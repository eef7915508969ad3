//! The memory limit of the control group of this process: containers and service managers set it.

use std::fs;
use std::path::Path;

/// Where systems mount control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Version 1 shows "no limit" as the largest multiple of a page; no machine has that much memory.
const NO_LIMIT_MIN: u64 = 1 << 60;

/// Returns the lowest memory limit, in bytes, of the control groups that contain this process, or
/// `None` without one, and on macOS, which has no control groups. Reads a few files of the kernel,
/// which never block.
#[must_use]
pub fn memory_limit_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    lowest_limit(Path::new(ROOT), &groups)
}

/// Returns the lowest limit of `groups`, the text of `/proc/PID/cgroup` (`cgroups(7)`), below a
/// mount point of control groups.
fn lowest_limit(root: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        if id == "0" && controllers.is_empty() {
            limit_of(root, path, "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            limit_of(&root.join("memory"), path, "memory.limit_in_bytes")
        } else {
            None
        }
    });
    limits.min()
}

/// Returns the lowest limit of a group and the groups above it.
///
/// In a container the path can be that of the host while the mount shows the container's own group
/// as its root: directories that do not exist are skipped, and the root is always read.
fn limit_of(hierarchy: &Path, path: &str, file: &str) -> Option<u64> {
    let group = Path::new(path.trim_start_matches('/'));
    let limits = group.ancestors().filter_map(|group| {
        let text = fs::read_to_string(hierarchy.join(group).join(file)).ok()?;
        let bytes: u64 = text.trim().parse().ok()?;
        (bytes < NO_LIMIT_MIN).then_some(bytes)
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates the files of a hierarchy, and compares the limit of a process in `groups`.
    #[track_caller]
    fn check(groups: &str, files: &[(&str, &str)], want: Option<u64>) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(lowest_limit(dir.path(), groups), want, "{groups} {files:?}");
    }

    #[test]
    fn version_2_has_the_lowest_limit_up_to_the_root() {
        check("0::/a/b\n", &[("a/b/memory.max", "max\n")], None);
        check("0::/a/b\n", &[("a/b/memory.max", "max\n"), ("a/memory.max", "4096\n")], Some(4096));
        check("0::/a\n", &[("a/memory.max", "5\n"), ("b/memory.max", "4\n")], Some(5));
        // A container whose own group is the root.
        check("0::/\n", &[("memory.max", "268435456\n")], Some(256 << 20));
        check("0::/../x\n", &[("memory.max", "7\n")], Some(7));
    }

    #[test]
    fn version_1_has_a_directory_for_memory() {
        let file = "memory/docker/1/memory.limit_in_bytes";
        check("4:memory:/docker/1\n0::/\n", &[(file, "1000\n")], Some(1000));
        check("4:cpu,memory:/docker/1\n", &[(file, "9223372036854771712\n")], None);
        // A container that sees the host's path, but its own group as the root.
        let file = "memory/memory.limit_in_bytes";
        check("4:memory:/docker/1\n", &[(file, "2000\n")], Some(2000));
    }

    #[test]
    fn other_texts_are_no_limit() {
        for groups in ["", "\n", "no colons", "3:pids:/a", "0::/a"] {
            check(groups, &[("a/pids.max", "1\n"), ("a/memory.max", "")], None);
        }
    }
}
