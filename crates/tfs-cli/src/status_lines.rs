//! Lines of `tfs status`: the stream budget, and what a process takes in.

use tfs_api::status::{
    ArrStatus, BudgetHolder, FrontStatus, HookStatus, IntakeStatus, StatusReport,
    WatchFolderStatus, WatchedFile, WebStatus,
};

use crate::figures::{counted, size};
use crate::output::visible;

/// Returns the number of open streams. For servers that other mounts share, also the owners of the
/// rest.
pub(crate) fn streams_text(status: &StatusReport) -> String {
    let StatusReport { servers, reads, pid, mountpoint, .. } = status;
    let mut parts = vec![format!("{} of {} in use", reads.streams_open, reads.streams_max)];
    for server in servers {
        let Some(budget) = &server.budget else { continue };
        let is_own =
            |holder: &&BudgetHolder| holder.pid == *pid && holder.mountpoint == *mountpoint;
        let others: Vec<_> = budget.holders.iter().filter(|holder| !is_own(holder)).collect();
        if others.is_empty() {
            continue;
        }
        let name = if servers.len() == 1 { "" } else { &format!("{}: ", server.name) };
        let limit = budget.streams_max;
        let others = others.into_iter().map(|holder| {
            let stopped = if holder.stopped { ", stopped" } else { "" };
            let BudgetHolder { mountpoint, held, pid, .. } = holder;
            format!("{mountpoint} (process {pid}{stopped}) holds {held}")
        });
        let others: Vec<_> = others.collect();
        parts.push(format!("{name}{limit} shared with {}", others.join(", ")));
    }
    visible(&parts.join("; "))
}

/// Returns the lines about watch folders, the listener for Sonarr and Radarr, the page and hooks,
/// with the name of each line, and whether it is about a failure.
pub(crate) fn intake_lines(intake: &IntakeStatus) -> Vec<(&'static str, String, bool)> {
    let arr = intake.arr.as_ref().map(|arr| {
        let ArrStatus { address, server, trouble } = arr;
        let is_failed = address.is_none() || trouble.is_some();
        let state = match (trouble, address) {
            (Some(trouble), _) => trouble,
            (None, None) => "it does not listen",
            (None, Some(_)) => "all is well",
        };
        let address = address.as_deref().unwrap_or("no address");
        ("arr", visible(&format!("{address} for {server} ({state})")), is_failed)
    });
    let page = intake.web.as_ref().map(page_line);
    let hooks = intake.hooks.iter().map(hook_line);
    intake.watch_folders.iter().flat_map(folder_lines).chain(arr).chain(page).chain(hooks).collect()
}

/// Returns the line about a front end of a mount, and whether it is not served.
pub(crate) fn front_line(front: &FrontStatus) -> (String, bool) {
    let FrontStatus { kind, url, trouble, connections, requests, refused, sent_bytes, .. } = front;
    let text = match (trouble, url) {
        (Some(trouble), _) => format!("{kind}: {trouble}"),
        (None, None) => format!("{kind}: no address"),
        (None, Some(url)) => {
            let refused =
                if *refused == 0 { String::new() } else { format!(", {refused} refused") };
            format!(
                "{url}: {}, {}{refused}, {} sent",
                counted(*connections, "connection"),
                counted(*requests, "request"),
                size(*sent_bytes)
            )
        }
    };
    (visible(&text), trouble.is_some() || url.is_none())
}

fn hook_line(hook: &HookStatus) -> (&'static str, String, bool) {
    let HookStatus { name, target, calls, failures, failing, running, last_failure, .. } = hook;
    let running = if *running { ", one is running" } else { "" };
    let why = last_failure.as_ref().filter(|_| *failing).map(|it| format!(": {}", it.why));
    let text = format!(
        "{name} for {target}; {}{running}, {failures} failed{}",
        counted(*calls, "call"),
        why.unwrap_or_default()
    );
    ("hook", visible(&text), *failing)
}

fn page_line(web: &WebStatus) -> (&'static str, String, bool) {
    let WebStatus { url, needs_token, token_file, control, trouble } = web;
    let url = url.as_deref().unwrap_or("no address");
    let text = match (trouble, token_file, needs_token) {
        (Some(trouble), _, _) => format!("{url} ({trouble})"),
        (None, Some(file), _) => format!("{url}; its token is in {file}"),
        (None, None, true) => format!("{url}; it asks for the token of TFS_WEB_TOKEN"),
        (None, None, false) => format!("{url}, for every user of this machine"),
    };
    let controls = if *control { "; it has controls" } else { "" };
    ("page", visible(&(text + controls)), trouble.is_some())
}

fn folder_lines(folder: &WatchFolderStatus) -> Vec<(&'static str, String, bool)> {
    let WatchFolderStatus { dir, server, trouble, waiting, added, rejected, .. } = folder;
    let WatchFolderStatus { failed, last_rejected, .. } = folder;
    let state = trouble.as_deref().unwrap_or("all is well");
    let text = format!(
        "{dir} for {server} ({state}); {added} added, {rejected} rejected, {} waiting",
        counted(*waiting, "file"),
    );
    let mut lines = vec![("watch", visible(&text), trouble.is_some())];
    for WatchedFile { name, why } in failed {
        lines.push(("retried", visible(&format!("{name}: {why}")), true));
    }
    if let Some(WatchedFile { name, why }) = last_rejected {
        lines.push(("rejected", visible(&format!("{name}: {why}")), true));
    }
    lines
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use tfs_api::status::HookFailure;

    use super::*;

    #[test]
    fn a_front_end_has_its_address_and_counts_or_why_it_is_down() {
        let front = FrontStatus {
            kind: "webdav".to_owned(),
            url: Some("http://127.0.0.1:8080/".to_owned()),
            connections: 1,
            requests: 204,
            sent_bytes: 5 << 20,
            ..FrontStatus::default()
        };
        let refused = FrontStatus { refused: 3, connections: 2, ..front.clone() };
        let down = FrontStatus { url: None, trouble: Some("in use".to_owned()), ..front.clone() };
        let lines = [&front, &refused, &down].map(front_line);
        let lines = lines.map(|(text, is_failed)| format!("{is_failed} {text}"));
        expect![[r#"
            false http://127.0.0.1:8080/: 1 connection, 204 requests, 5.0 MiB sent
            false http://127.0.0.1:8080/: 2 connections, 204 requests, 3 refused, 5.0 MiB sent
            true webdav: in use"#]]
        .assert_eq(&lines.join("\n"));
    }

    #[test]
    fn a_watch_folder_has_its_files_that_failed() {
        let file = |name: &str, why: &str| WatchedFile { name: name.into(), why: why.into() };
        let folder = WatchFolderStatus {
            dir: "/w".to_owned(),
            server: "home".to_owned(),
            trouble: Some("cannot reach rqbit".to_owned()),
            waiting: 1,
            added: 2,
            rejected: 3,
            failed: vec![file("a.torrent", "no peers")],
            last_rejected: Some(file("b\u{1b}.torrent", "it is damaged")),
        };
        let well = WatchFolderStatus { dir: "/v".to_owned(), ..WatchFolderStatus::default() };
        let arr = ArrStatus { server: "home".to_owned(), ..ArrStatus::default() };
        let web = WebStatus {
            url: Some("http://127.0.0.1:9132/".to_owned()),
            needs_token: true,
            token_file: Some("/s/web-token".to_owned()),
            control: true,
            trouble: None,
        };
        let open =
            WebStatus { token_file: None, needs_token: false, control: false, ..web.clone() };
        let variable = WebStatus { token_file: None, ..web.clone() };
        let down =
            WebStatus { url: None, trouble: Some("it is in use".to_owned()), ..open.clone() };
        let pages = [&open, &variable, &down].map(page_line).map(|(_, text, _)| text);
        expect![[r"
            http://127.0.0.1:9132/, for every user of this machine
            http://127.0.0.1:9132/; it asks for the token of TFS_WEB_TOKEN; it has controls
            no address (it is in use)"]]
        .assert_eq(&pages.join("\n"));
        let why = "it is not executable".to_owned();
        let failing = HookStatus {
            name: "mail".to_owned(),
            target: "/usr/local/bin/mail".to_owned(),
            calls: 2,
            failures: 1,
            failing: true,
            last_failure: Some(HookFailure { at: 1, why }),
            ..HookStatus::default()
        };
        let hooks = vec![HookStatus { failing: false, running: true, ..failing.clone() }, failing];
        let intake = IntakeStatus {
            watch_folders: vec![folder, well],
            arr: Some(arr),
            web: Some(web),
            hooks,
        };
        let lines = intake_lines(&intake);
        let lines = lines.iter().map(|(name, text, failed)| format!("{failed} {name} {text}\n"));
        expect![[r#"
            true watch /w for home (cannot reach rqbit); 2 added, 3 rejected, 1 file waiting
            true retried a.torrent: no peers
            true rejected b\u{1b}.torrent: it is damaged
            false watch /v for  (all is well); 0 added, 0 rejected, 0 files waiting
            true arr no address for home (it does not listen)
            false page http://127.0.0.1:9132/; its token is in /s/web-token; it has controls
            false hook mail for /usr/local/bin/mail; 2 calls, one is running, 1 failed
            true hook mail for /usr/local/bin/mail; 2 calls, 1 failed: it is not executable
        "#]]
        .assert_eq(&lines.collect::<String>());
    }
}
