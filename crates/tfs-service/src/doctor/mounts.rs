//! Checks mounts: whether a new one is visible elsewhere, and whether existing ones answer.

use std::path::{Path, PathBuf};
use std::thread;

use tfs_sys::mountinfo::{MountEntry, MountTable, locate};
use tfs_sys::places::{MountProcess, process_of};
use tfs_sys::shell::quoted;

use super::CheckResult;
use crate::mounting::{Liveness, MountpointError, check_mountpoint, liveness};

/// Maximum number of mounts that are probed, concurrently and with a thread each.
const MOUNTS_ASKED_MAX: usize = 64;

/// The object at a mount point.
enum Site {
    /// A mount of tfs.
    Tfs(Liveness),
    /// Anything else.
    Other(Result<(), MountpointError>),
}

/// Checks that a directory can be used as a mount point.
pub(super) fn mount_point(mountpoint: Option<&Path>) -> Vec<CheckResult> {
    let Some(path) = mountpoint else { return Vec::new() };
    let table = MountTable::read().unwrap_or_default();
    let location = locate(path).ok();
    let entry = location.as_deref().and_then(|path| table.at(path)).filter(|entry| entry.is_tfs());
    // A mount would clean up a dead one; the doctor changes nothing.
    let site = match entry {
        Some(entry) => Site::Tfs(liveness_of(entry)),
        None => Site::Other(check_mountpoint(path, false)),
    };
    vec![assess_mount_point(path, site)]
}

fn assess_mount_point(path: &Path, site: Site) -> CheckResult {
    const CHECK: &str = "mount-point";
    let shown = quoted(path);
    let error = match site {
        Site::Tfs(Liveness::Alive) => {
            return CheckResult::ok(CHECK, format!("tfs is already mounted on {}", path.display()));
        }
        Site::Tfs(liveness) => return assess_liveness_of(CHECK, path, liveness),
        Site::Other(Ok(())) => {
            return CheckResult::ok(CHECK, format!("{} can be mounted on", path.display()));
        }
        Site::Other(Err(error)) => error,
    };
    let finding = CheckResult::fault(CHECK, format!("cannot {error}"));
    match error {
        MountpointError::Missing { .. } => finding.fix(format!("mkdir -p {shown}")),
        MountpointError::NotEmpty { .. } => finding
            .fix(format!("ls -A {shown}   # see what is in it"))
            .fix(format!("tfs mount --allow-non-empty {shown}   # hides it meanwhile")),
        MountpointError::AlreadyMounted { .. } | MountpointError::DeadMount { .. } => {
            finding.fix(format!("tfs unmount {shown}"))
        }
        MountpointError::Permission { .. } => finding.fix(format!("sudo chown \"$USER\" {shown}")),
        MountpointError::NotDirectory { .. }
        | MountpointError::Overlap { .. }
        | MountpointError::System { .. } => finding,
    }
}

/// Checks whether each mount of tfs answers.
pub(super) fn liveness_of_all() -> Vec<CheckResult> {
    let table = MountTable::read().unwrap_or_default();
    let asked = table.tfs().take(MOUNTS_ASKED_MAX).cloned().map(|entry| {
        let path = entry.mount_point.clone();
        (path, thread::Builder::new().spawn(move || liveness_of(&entry)))
    });
    // All probes start before the first is awaited.
    let asked: Vec<_> = asked.collect();
    let answers: Vec<_> = asked
        .into_iter()
        .filter_map(|(path, thread)| Some((path, thread.ok()?.join().ok()?)))
        .collect();
    assess_liveness(&answers)
}

/// Probes one mount. The kernel denies root access to another user's mount before it looks whether
/// the mount is dead; then only the processes tell.
fn liveness_of(entry: &MountEntry) -> Liveness {
    match liveness(&entry.mount_point) {
        Liveness::Alive if process_of(entry) == MountProcess::Gone => Liveness::Dead,
        liveness @ (Liveness::Alive | Liveness::Dead | Liveness::Silent) => liveness,
    }
}

fn assess_liveness(answers: &[(PathBuf, Liveness)]) -> Vec<CheckResult> {
    const CHECK: &str = "mounts";
    if answers.is_empty() {
        return vec![CheckResult::ok(CHECK, "tfs is not mounted")];
    }
    answers.iter().map(|(path, liveness)| assess_liveness_of(CHECK, path, *liveness)).collect()
}

/// Evaluates one mount of tfs, for every check that probes mounts.
fn assess_liveness_of(check: &'static str, path: &Path, liveness: Liveness) -> CheckResult {
    let shown = path.display();
    match liveness {
        Liveness::Alive => CheckResult::ok(check, format!("{shown} answers")),
        Liveness::Dead => CheckResult::fault(
            check,
            format!(
                "{shown} is dead, its process is gone: \"Transport endpoint is not connected\""
            ),
        )
        .fix(format!("tfs unmount {}", quoted(path))),
        Liveness::Silent => CheckResult::fault(
            check,
            format!("{shown} does not answer: its process is stopped or hangs"),
        )
        .fix("ps -eo pid,stat,args | grep '[t]fs mount'   # state T: kill -CONT PID")
        .fix(format!("tfs unmount --force {}", quoted(path))),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::finding::render;
    use super::*;

    #[track_caller]
    fn check(findings: &[CheckResult], want: &Expect) {
        want.assert_eq(&render(findings));
    }

    #[test]
    fn mount_points() {
        let path = PathBuf::from("/mnt/my films");
        let assess = |site| assess_mount_point(&path, site);
        check(
            &[
                assess(Site::Other(Ok(()))),
                assess(Site::Other(Err(MountpointError::Missing { path: path.clone() }))),
                assess(Site::Other(Err(MountpointError::NotEmpty { path: path.clone() }))),
                assess(Site::Other(Err(MountpointError::NotDirectory { path: path.clone() }))),
                assess(Site::Other(Err(MountpointError::Permission { path: path.clone() }))),
                assess(Site::Tfs(Liveness::Alive)),
                assess(Site::Tfs(Liveness::Dead)),
            ],
            &expect![[r#"
                Ok mount-point: /mnt/my films can be mounted on
                Fault mount-point: cannot mount on /mnt/my films: it does not exist
                    $ mkdir -p '/mnt/my films'
                Fault mount-point: cannot mount on /mnt/my films: the directory is not empty
                    $ ls -A '/mnt/my films'   # see what is in it
                    $ tfs mount --allow-non-empty '/mnt/my films'   # hides it meanwhile
                Fault mount-point: cannot mount on /mnt/my films: it is not a directory
                Fault mount-point: cannot mount on /mnt/my films: permission denied
                    $ sudo chown "$USER" '/mnt/my films'
                Ok mount-point: tfs is already mounted on /mnt/my films
                Fault mount-point: /mnt/my films is dead, its process is gone: "Transport endpoint is not connected"
                    $ tfs unmount '/mnt/my films'
            "#]],
        );
    }

    #[test]
    fn mounts_that_answer_or_do_not() {
        let mount = |path: &str, liveness| (PathBuf::from(path), liveness);
        check(
            &assess_liveness(&[]),
            &expect![[r#"
            Ok mounts: tfs is not mounted
        "#]],
        );
        check(
            &assess_liveness(&[
                mount("/mnt/a", Liveness::Alive),
                mount("/mnt/b c", Liveness::Dead),
                mount("/mnt/d", Liveness::Silent),
            ]),
            &expect![[r#"
                Ok mounts: /mnt/a answers
                Fault mounts: /mnt/b c is dead, its process is gone: "Transport endpoint is not connected"
                    $ tfs unmount '/mnt/b c'
                Fault mounts: /mnt/d does not answer: its process is stopped or hangs
                    $ ps -eo pid,stat,args | grep '[t]fs mount'   # state T: kill -CONT PID
                    $ tfs unmount --force /mnt/d
            "#]],
        );
    }
}
