//! Torrents that running mounts leave out, or that their servers do not list any more.

use tokio::time::timeout;

use super::{CHECK_TIME_MAX, Finding};
use crate::control::statuses;
use crate::shell::quoted;
use crate::status::{DetailsStatus, Status};

const CHECK: &str = "torrents";

/// Checks what the mounts of this user show.
pub(super) async fn torrents() -> Vec<Finding> {
    // Mounts that do not answer are the finding of another check.
    let Ok(Ok(statuses)) = timeout(CHECK_TIME_MAX, statuses(None)).await else {
        return Vec::new();
    };
    statuses.mounts.iter().flat_map(|mount| judge(&mount.status)).collect()
}

fn judge(status: &Status) -> Vec<Finding> {
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
            findings.push(Finding::warning(CHECK, text).fix(format!("tfs status {shown}")));
        }
        if let Some(text) = discovery.missing_text() {
            let finding = Finding::warning(CHECK, format!("{mountpoint}: {text}"));
            findings.push(finding.fix(format!(
                "tfs refresh --accept-removals {shown}   # only if they were removed on purpose"
            )));
        }
        if let Some(text) = discovery.left_out_text() {
            let finding = Finding::warning(CHECK, format!("{mountpoint}: {text}"));
            findings.push(finding.fix(format!("tfs refresh {shown}   # asks for them now")));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("{mountpoint} shows all torrents")));
    }
    findings
}
