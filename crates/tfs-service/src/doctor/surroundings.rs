//! Facts about this process: root, container, capabilities.

use std::fs;
use std::path::Path;

use rustix::process::geteuid;

/// The number of `CAP_SYS_ADMIN` (`capabilities(7)`), which `mount(2)` requires.
const CAP_SYS_ADMIN: u32 = 21;

/// Marker files that container engines create: Docker, Podman, and those known to systemd.
const CONTAINER_FILES: [&str; 3] = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];

/// Substrings of the control groups of a container's first process.
const CONTAINER_GROUPS: [&str; 4] = ["/docker", "/kubepods", "/lxc", "/libpod"];

/// Identity and rights of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MachineFacts {
    pub(super) is_root: bool,
    /// Whether it may mount without fusermount3.
    pub(super) has_sys_admin: bool,
    /// Whether set-user-ID programs, such as fusermount3, run with the rights of their caller.
    pub(super) no_new_privs: bool,
    pub(super) in_container: bool,
}

impl MachineFacts {
    /// Collects the facts. What cannot be read gets the value of an ordinary machine.
    pub(super) fn look() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let groups = fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
        let is_root = geteuid().is_root();
        Self {
            is_root,
            has_sys_admin: capability(&status, CAP_SYS_ADMIN).unwrap_or(is_root),
            no_new_privs: field(&status, "NoNewPrivs:") == Some("1"),
            in_container: CONTAINER_FILES.iter().any(|file| Path::new(file).exists())
                || CONTAINER_GROUPS.iter().any(|word| groups.contains(word)),
        }
    }
}

/// Returns a field of `/proc/<pid>/status`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn capability(status: &str, number: u32) -> Option<bool> {
    let set = u64::from_str_radix(field(status, "CapEff:")?, 16).ok()?;
    Some(set >> number & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_from_the_status() {
        let status = "Name:\ttfs\nCapEff:\t00000000a80425fb\nNoNewPrivs:\t1\n";
        assert_eq!(capability(status, CAP_SYS_ADMIN), Some(false));
        assert_eq!(capability(status, 0), Some(true));
        assert_eq!(field(status, "NoNewPrivs:"), Some("1"));
        assert_eq!(capability("CapEff:\t000001ffffffffff\n", CAP_SYS_ADMIN), Some(true));
        assert_eq!(capability("garbage", CAP_SYS_ADMIN), None);
    }
}
