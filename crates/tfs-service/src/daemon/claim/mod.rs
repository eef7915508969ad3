//! Limits a configuration to one daemon: a second one would retry the first one's mounts forever.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use tfs_types::fnv1a;

#[cfg(target_os = "linux")]
pub use self::linux::DaemonClaim;
#[cfg(not(target_os = "linux"))]
pub use self::other::LockClaim as DaemonClaim;

/// A daemon of this user with the same configuration is already running.
#[derive(Debug, thiserror::Error)]
#[error("a daemon with this configuration is already running{}", process(*pid))]
pub struct DaemonRuns {
    /// Its process, if the kernel reports it.
    pub pid: Option<u32>,
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(": process {pid}"))
}

/// Returns the name for a configuration of this user: the same for the same files, by whatever path
/// they are given.
fn name(files: &[PathBuf]) -> String {
    let real = |file: &PathBuf| file.canonicalize().unwrap_or_else(|_gone| file.clone());
    let mut files: Vec<_> = files.iter().map(real).collect();
    // A default file that is also named by `--config` is read twice.
    files.dedup();
    // Formatted as literals, so that different lists give different texts.
    let text = format!("{:?}", files.iter().map(PathBuf::as_path).collect::<Vec<&Path>>());
    let hash = fnv1a(text.as_bytes());
    format!("tfs-daemon-{}-{hash:016x}", geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_configuration_has_one_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, "").unwrap();
            vec![path]
        };
        let (one, other) = (file("one"), file("other"));
        let claim = DaemonClaim::take(&one).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&one[0], &link).unwrap();
        let twice = [one.clone(), one.clone()].concat();
        for same in [one.clone(), vec![link], twice] {
            let refused = DaemonClaim::take(&same).unwrap_err();
            assert_eq!(refused.pid, Some(std::process::id()));
        }
        let _another = DaemonClaim::take(&other).unwrap();
        let _both = DaemonClaim::take(&[one.clone(), other].concat()).unwrap();
        drop(claim);
        // The runtime drops the task when it is scheduled next.
        tokio::task::yield_now().await;
        let _again = DaemonClaim::take(&one).unwrap();
    }
}
