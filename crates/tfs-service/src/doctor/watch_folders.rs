//! Checks watch folders: those of running processes, and configured ones that nothing watches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tfs_api::status::{WatchFolderStatus, WatchedFile};
use tfs_api::statuses;
use tfs_api::wire::shown;
use tfs_sys::shell::quoted;
use tokio::time::timeout;

use super::{CHECK_TIME_MAX, CheckResult};

pub(super) const CHECK: &str = "watch-folders";

/// Checks the watch folders of this user's processes, and the `configured` ones.
pub(super) async fn watch_folders(configured: &[PathBuf]) -> Vec<CheckResult> {
    // Another check reports mounts that do not answer.
    let Ok(Ok(statuses)) = timeout(CHECK_TIME_MAX, statuses(None)).await else {
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    let mut folders = Vec::new();
    for mount in &statuses.mounts {
        if seen.insert(mount.status.pid) {
            folders.extend(&mount.status.intake.watch_folders);
        }
    }
    let unwatched = configured.iter().filter(|dir| {
        let dir = shown(dir);
        folders.iter().all(|folder| folder.dir != dir)
    });
    let unwatched = unwatched.map(|dir| not_watched(dir));
    folders.iter().flat_map(|folder| assess(folder)).chain(unwatched).collect()
}

fn not_watched(dir: &Path) -> CheckResult {
    let found = format!("{} is configured, and no process of tfs watches it", dir.display());
    let fix = "tfs daemon   # or a mount of its server";
    CheckResult::warning(CHECK, found).fix(fix)
}

fn assess(folder: &WatchFolderStatus) -> Vec<CheckResult> {
    let WatchFolderStatus { dir, server, trouble, waiting, failed, last_rejected, .. } = folder;
    let mut findings = Vec::new();
    if let Some(trouble) = trouble {
        let found = format!("{dir} ({waiting} waiting): {trouble}");
        findings.push(CheckResult::warning(CHECK, found));
    }
    for WatchedFile { name, why } in failed {
        findings.push(CheckResult::warning(CHECK, format!("{dir}/{name} is retried: {why}")));
    }
    if let Some(WatchedFile { name, why }) = last_rejected {
        let found = format!("{dir}/{name} was refused: {why}");
        let fix = format!("ls {}   # files that end with .rejected", quoted(Path::new(dir)));
        findings.push(CheckResult::warning(CHECK, found).fix(fix));
    }
    if findings.is_empty() {
        findings.push(CheckResult::ok(CHECK, format!("{dir} is watched for {server}")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::finding::render;
    use super::*;

    #[test]
    fn each_problem_of_a_folder_is_named() {
        let file = |name: &str, why: &str| WatchedFile { name: name.into(), why: why.into() };
        let well = WatchFolderStatus {
            dir: "/w".to_owned(),
            server: "home".to_owned(),
            ..WatchFolderStatus::default()
        };
        let ill = WatchFolderStatus {
            trouble: Some("the folder does not exist".to_owned()),
            waiting: 2,
            failed: vec![file("a.torrent", "no peers")],
            last_rejected: Some(file("b.torrent", "it is damaged")),
            ..well.clone()
        };
        let findings: Vec<_> = [&well, &ill].into_iter().flat_map(assess).collect();
        let findings = render(&findings) + &render(&[not_watched(Path::new("/v"))]);
        expect![[r"
            Ok watch-folders: /w is watched for home
            Warning watch-folders: /w (2 waiting): the folder does not exist
            Warning watch-folders: /w/a.torrent is retried: no peers
            Warning watch-folders: /w/b.torrent was refused: it is damaged
                $ ls /w   # files that end with .rejected
            Warning watch-folders: /v is configured, and no process of tfs watches it
                $ tfs daemon   # or a mount of its server
        "]]
        .assert_eq(&findings);
    }
}
