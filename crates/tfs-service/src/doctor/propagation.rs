//! Checks whether containers see mounts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tfs_sys::mountinfo::{MountEntry, MountTable, locate};
use tfs_sys::shell::quoted;

use super::CheckResult;
use super::surroundings::MachineFacts;

/// Checks whether a mount is visible in other mount namespaces, such as containers: a new one at
/// `mountpoint`; without that, the existing ones; without those, a new one anywhere.
pub(super) fn propagation(mountpoint: Option<&Path>) -> Vec<CheckResult> {
    let table = MountTable::read().unwrap_or_default();
    let paths = match mountpoint {
        Some(path) => vec![locate(path).unwrap_or_else(|_missing| PathBuf::from("/"))],
        None => table.tfs().map(|entry| entry.mount_point.clone()).collect(),
    };
    let surroundings = MachineFacts::detect();
    let stands_on: BTreeMap<_, _> = paths
        .iter()
        .filter_map(|path| stands_on(&table, path))
        .map(|entry| (entry.mount_point.as_path(), entry.is_shared))
        .collect();
    if stands_on.is_empty() {
        let root = table.at(Path::new("/"));
        let root = root.map(|entry| (entry.mount_point.as_path(), entry.is_shared));
        return vec![assess_propagation(root, surroundings)];
    }
    stands_on.into_iter().map(|found| assess_propagation(Some(found), surroundings)).collect()
}

/// Returns the mount that contains the path of a new one. For an existing mount of tfs this is the
/// mount of its parent directory.
fn stands_on<'a>(table: &'a MountTable, path: &Path) -> Option<&'a MountEntry> {
    let here = table.of(path).filter(|entry| !entry.is_tfs());
    here.or_else(|| table.of(path.parent()?))
}

fn assess_propagation(stands_on: Option<(&Path, bool)>, surroundings: MachineFacts) -> CheckResult {
    const CHECK: &str = "propagation";
    let Some((mount_point, is_shared)) = stands_on else {
        return CheckResult::fault(CHECK, "the table of mounts cannot be read")
            .fix("sudo mount -t proc proc /proc");
    };
    let shown = quoted(mount_point);
    match (is_shared, surroundings.in_container) {
        (true, false) => {
            CheckResult::ok(CHECK, format!("{shown} is shared: containers see new mounts"))
        }
        (true, true) => CheckResult::ok(CHECK, format!("{shown} is shared with the host")),
        (false, false) => CheckResult::warning(
            CHECK,
            format!("{shown} is private: running containers do not see new mounts below it"),
        )
        .fix(format!("sudo mount --make-rshared {shown}   # before the containers start")),
        (false, true) => CheckResult::warning(
            CHECK,
            format!(
                "{shown} is private to this container: mounts below it are not visible outside"
            ),
        )
        .fix("docker run --mount type=bind,src=/mnt,dst=/mnt,bind-propagation=rshared ..."),
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
    fn who_sees_a_mount() {
        let host = MachineFacts {
            is_root: true,
            has_sys_admin: true,
            no_new_privs: false,
            in_container: false,
        };
        let container = MachineFacts { in_container: true, ..host };
        let root = Path::new("/");
        check(
            &[
                assess_propagation(Some((root, true)), host),
                assess_propagation(Some((root, false)), host),
                assess_propagation(Some((Path::new("/mnt"), true)), container),
                assess_propagation(Some((root, false)), container),
                assess_propagation(None, host),
            ],
            &expect![[r#"
                Ok propagation: / is shared: containers see new mounts
                Warning propagation: / is private: running containers do not see new mounts below it
                    $ sudo mount --make-rshared /   # before the containers start
                Ok propagation: /mnt is shared with the host
                Warning propagation: / is private to this container: mounts below it are not visible outside
                    $ docker run --mount type=bind,src=/mnt,dst=/mnt,bind-propagation=rshared ...
                Fault propagation: the table of mounts cannot be read
                    $ sudo mount -t proc proc /proc
            "#]],
        );
    }
}
