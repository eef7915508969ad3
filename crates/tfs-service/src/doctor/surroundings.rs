//! Facts about this process: root, container, capabilities.

use std::fs;
use std::path::Path;

use rustix::process::geteuid;
use tfs_sys::process::ProcessStatus;

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
    pub(super) fn detect() -> Self {
        let status = ProcessStatus::of_this_process().ok();
        let status = status.as_ref();
        let groups = fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
        let is_root = geteuid().is_root();
        Self {
            is_root,
            has_sys_admin: status.and_then(|it| capability(it, CAP_SYS_ADMIN)).unwrap_or(is_root),
            no_new_privs: status.and_then(|status| status.field("NoNewPrivs")) == Some("1"),
            in_container: CONTAINER_FILES.iter().any(|file| Path::new(file).exists())
                || CONTAINER_GROUPS.iter().any(|word| groups.contains(word)),
        }
    }
}

fn capability(status: &ProcessStatus, number: u32) -> Option<bool> {
    Some(status.bits("CapEff")? >> number & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_from_the_status() {
        let status = |text: &str| ProcessStatus::parse(text.as_bytes());
        let few = status("Name:\ttfs\nCapEff:\t00000000a80425fb\nNoNewPrivs:\t1\n");
        assert_eq!(capability(&few, CAP_SYS_ADMIN), Some(false));
        assert_eq!(capability(&few, 0), Some(true));
        let all = status("CapEff:\t000001ffffffffff\n");
        assert_eq!(capability(&all, CAP_SYS_ADMIN), Some(true));
        assert_eq!(capability(&status("garbage"), CAP_SYS_ADMIN), None);
    }
}
