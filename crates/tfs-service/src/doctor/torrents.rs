//! Checks torrents: failed ones, ones that running mounts skip, and ones that their servers no
//! longer list.

use rqbit_client::wire::{TorrentProgress, TorrentState};
use rqbit_source::failure_reason;
use tfs_api::status::{
    DetailsStatus, FailedStatus, NamedTorrent, StatusReport, TORRENTS_NAMED_MAX,
};
use tfs_api::statuses;
use tfs_sys::shell::quoted;
use tokio::time::timeout;

use super::{CHECK_TIME_MAX, CheckResult, DoctorServer};
use crate::failed::{remedy, start_command};

const CHECK: &str = "torrents";

/// Checks the torrents of this user's mounts. `servers` are queried separately, so their failed
/// torrents are skipped here.
pub(super) async fn torrents(servers: &[DoctorServer]) -> Vec<CheckResult> {
    // Another check reports mounts that do not answer.
    let Ok(Ok(statuses)) = timeout(CHECK_TIME_MAX, statuses(None)).await else {
        return Vec::new();
    };
    let asked: Vec<_> = servers.iter().map(|server| server.connection.url.to_string()).collect();
    statuses.mounts.iter().flat_map(|mount| assess(&mount.status, &asked)).collect()
}

/// Returns a fault for each torrent in state `error`. Up to a limit they are named, the others are
/// counted. `flag` is the value of `--server` for suggested commands.
pub(super) fn assess_listing(listing: &[TorrentProgress], flag: Option<&str>) -> Vec<CheckResult> {
    let failed = listing.iter().filter(|torrent| torrent.stats.state == TorrentState::Error);
    let named: Vec<_> = failed
        .clone()
        .take(TORRENTS_NAMED_MAX)
        .map(|TorrentProgress { info_hash, name, stats, .. }| NamedTorrent {
            info_hash: info_hash.to_string(),
            name: name.clone(),
            why: stats.error.as_deref().map(failure_reason).filter(|why| !why.is_empty()),
        })
        .collect();
    assess_failed(&FailedStatus { count: failed.count(), torrents: named }, flag)
}

fn assess_failed(failed: &FailedStatus, flag: Option<&str>) -> Vec<CheckResult> {
    let FailedStatus { count, torrents } = failed;
    let finding = |torrent: &NamedTorrent| {
        let found = format!("{} has failed: {}", torrent.label(), torrent.reason());
        let named = (torrent.name.as_deref(), torrent.info_hash.as_str());
        let remedy = remedy(torrent.why.as_deref());
        CheckResult::fault(CHECK, found)
            .fix(format!("{}   # before that: {remedy}", start_command([named], flag)))
    };
    let mut findings: Vec<_> = torrents.iter().map(finding).collect();
    if let Some(more) = count.checked_sub(torrents.len()).filter(|more| *more > 0) {
        let found = format!("{more} more torrents have failed");
        findings.push(CheckResult::fault(CHECK, found).fix("tfs list   # shows all of them"));
    }
    findings
}

/// Evaluates the status of a mount. Skips failed torrents of the servers with these URLs.
fn assess(status: &StatusReport, asked: &[String]) -> Vec<CheckResult> {
    let mountpoint = &status.mountpoint;
    let shown = quoted(std::path::Path::new(mountpoint));
    let mut findings = Vec::new();
    for server in &status.servers {
        let discovery = &server.discovery;
        if let Some(DetailsStatus { known, all }) = discovery.details {
            let text = format!(
                "{mountpoint} shows no torrents of {} yet: details of {known} of {all}",
                server.url
            );
            findings.push(CheckResult::warning(CHECK, text).fix(format!("tfs status {shown}")));
        }
        if let Some(text) = discovery.missing_text() {
            let advice = "if the disk of the server was not mounted, mount it and restart rqbit";
            let finding = CheckResult::warning(CHECK, format!("{mountpoint}: {text}; {advice}"));
            findings.push(finding.fix(format!(
                "tfs refresh --accept-removals {shown}   # only if they were removed on purpose"
            )));
        }
        if !asked.contains(&server.url) {
            findings.extend(assess_failed(&discovery.failed, server.flag()));
        }
        if let Some(text) = discovery.left_out_text() {
            let finding = CheckResult::warning(CHECK, format!("{mountpoint}: {text}"));
            findings.push(finding.fix(format!("tfs refresh {shown}   # asks for them now")));
        }
    }
    if findings.is_empty() && !status.tree.known {
        let why = status.trouble.as_deref().unwrap_or("the list of torrents is not known yet");
        let finding = CheckResult::warning(CHECK, format!("{mountpoint} shows no torrents: {why}"));
        findings.push(finding.fix(format!("tfs status {shown}")));
    }
    if findings.is_empty() {
        findings.push(CheckResult::ok(CHECK, format!("{mountpoint} shows all torrents")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::finding::render;
    use super::*;

    fn listing(torrents: &str) -> Vec<TorrentProgress> {
        rqbit_client::wire::parse_list(format!("{{\"torrents\":[{torrents}]}}").as_bytes()).unwrap()
    }

    #[test]
    fn qbittorrent_13434_each_failed_torrent_is_a_fault_with_its_reason() {
        let torrent = |id: u8, stats: &str| {
            format!(
                r#"{{"info_hash":"{}","name":"film {id}.mkv","stats":{{{stats}}}}}"#,
                format!("{id:02x}").repeat(20)
            )
        };
        let full = concat!(
            r#""state":"error","error":"write\n\nCaused by:\n    No space left on device (os "#,
            r#"error 28)\n\nStack backtrace:\n 0: x""#
        );
        let torrents = [
            torrent(1, r#""state":"live""#),
            torrent(2, full),
            torrent(3, r#""state":"error""#),
            format!(
                r#"{{"info_hash":"{}","stats":{{"state":"error","error":"x"}}}}"#,
                "f".repeat(40)
            ),
        ];
        let findings = assess_listing(&listing(&torrents.join(",")), Some("home"));
        expect![[r#"
            Fault torrents: film 2.mkv has failed: write: No space left on device (os error 28)
                $ tfs start 'film 2.mkv' --server home   # before that: make room on the disk of the server
            Fault torrents: film 3.mkv has failed: the server gives no reason
                $ tfs start 'film 3.mkv' --server home   # before that: check the log of rqbit
            Fault torrents: ffffffffffffffffffffffffffffffffffffffff has failed: x
                $ tfs start ffffffffffffffffffffffffffffffffffffffff --server home   # before that: check the log of rqbit
        "#]].assert_eq(&render(&findings));
        let many: Vec<_> = (0..30).map(|id| torrent(id, full)).collect();
        let findings = assess_listing(&listing(&many.join(",")), None);
        assert_eq!(findings.len(), TORRENTS_NAMED_MAX + 1);
        expect![[r#"
            Fault torrents: 10 more torrents have failed
                $ tfs list   # shows all of them
        "#]]
        .assert_eq(&render(&findings[TORRENTS_NAMED_MAX..]));
    }
}
