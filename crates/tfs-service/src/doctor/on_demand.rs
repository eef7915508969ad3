//! Checks on-demand torrents: whether their records can be read, and whether a server downloads
//! more of them than programs read.

use std::collections::BTreeMap;
use std::path::Path;

use rqbit_client::wire::{TorrentProgress, TorrentState};
use tfs_api::status::TORRENTS_NAMED_MAX;
use tfs_sys::shell::quoted;
use tfs_types::InfoHash;

use super::CheckResult;
use crate::on_demand::OnDemandRecord;

pub(super) const CHECK: &str = "on-demand";

/// Why a torrent is downloaded, although it is on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Excess {
    /// The server has not been made to deselect its files.
    NotDeselected,
    /// Another program has selected files.
    Selected,
}

/// Evaluates the records of a server with its torrents. `flag` is the value of `--server` for
/// suggested commands.
pub(super) fn assess(
    records: Result<&BTreeMap<InfoHash, OnDemandRecord>, &str>,
    listing: &[TorrentProgress],
    flag: Option<&str>,
) -> Vec<CheckResult> {
    let records = match records {
        Ok(records) => records,
        Err(reason) => return vec![CheckResult::warning(CHECK, reason)],
    };
    let of_listing = listing.iter().filter_map(|torrent| {
        let record = records.get(&torrent.info_hash)?;
        Some((torrent, excess_of(torrent, record)))
    });
    let of_listing: Vec<_> = of_listing.collect();
    if of_listing.is_empty() {
        return Vec::new();
    }
    let excesses = of_listing.iter().filter_map(|(torrent, excess)| Some((*torrent, (*excess)?)));
    let excesses: Vec<_> = excesses.collect();
    let mut findings: Vec<_> = excesses
        .iter()
        .take(TORRENTS_NAMED_MAX)
        .map(|(torrent, excess)| finding(torrent, *excess, flag))
        .collect();
    if let Some(more) = excesses.len().checked_sub(TORRENTS_NAMED_MAX).filter(|more| *more > 0) {
        let found = format!("{more} more on-demand torrents have selected files");
        findings.push(CheckResult::warning(CHECK, found).fix("tfs on-demand   # shows all"));
    }
    if findings.is_empty() {
        let count = of_listing.len();
        let torrents = if count == 1 { "torrent" } else { "torrents" };
        let found = format!("{count} {torrents}, of which only what is read is downloaded");
        findings.push(CheckResult::ok(CHECK, found));
    }
    findings
}

fn excess_of(torrent: &TorrentProgress, record: &OnDemandRecord) -> Option<Excess> {
    // In other states rqbit reports the size of the torrent, not that of the selection.
    let is_selected = torrent.stats.state == TorrentState::Live
        && torrent.stats.total_bytes.is_some_and(|bytes| bytes > 0);
    match record.is_pending {
        _ if !is_selected => None,
        true => Some(Excess::NotDeselected),
        false => record.selected.is_empty().then_some(Excess::Selected),
    }
}

fn finding(torrent: &TorrentProgress, excess: Excess, flag: Option<&str>) -> CheckResult {
    let hash = torrent.info_hash.to_string();
    let name = torrent.name.as_deref().unwrap_or(&hash);
    let found = match excess {
        Excess::NotDeselected => format!("the files of {name} are not deselected yet"),
        Excess::Selected => {
            format!("{name} is on demand, but another program has selected files of it")
        }
    };
    let server =
        flag.map(|flag| format!(" --server {}", quoted(Path::new(flag)))).unwrap_or_default();
    CheckResult::warning(CHECK, found)
        .fix(format!("tfs on-demand {hash} on{server}   # deselects its files"))
        .fix(format!("tfs on-demand {hash} off{server}   # downloads all of it"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use tfs_types::OnDemandMode;

    use super::super::finding::render;
    use super::*;

    /// Compares the findings about a torrent in a state, with a record.
    #[track_caller]
    fn check(state: &str, selected_bytes: u64, record: Option<OnDemandRecord>, want: &Expect) {
        let hash = "07".repeat(20);
        let text = format!(
            r#"{{"info_hash":"{hash}","name":"a film",
                "stats":{{"state":"{state}","total_bytes":{selected_bytes}}}}}"#
        );
        let torrent: TorrentProgress = serde_json::from_str(&text).unwrap();
        let records = record.map(|record| (hash.parse().unwrap(), record)).into_iter().collect();
        want.assert_eq(&render(&assess(Ok(&records), &[torrent], Some("nas"))));
    }

    #[test]
    fn selected_files_of_on_demand_torrents_are_said() {
        let pending = OnDemandRecord::pending(OnDemandMode::Pieces);
        let settled = OnDemandRecord { is_pending: false, ..pending.clone() };
        let reading = OnDemandRecord {
            selected: [(3, std::collections::BTreeSet::new())].into(),
            ..settled.clone()
        };
        check("live", 9, None, &expect![""]);
        check(
            "live",
            0,
            Some(settled.clone()),
            &expect![[r#"
            Ok on-demand: 1 torrent, of which only what is read is downloaded
        "#]],
        );
        check(
            "paused",
            9,
            Some(settled.clone()),
            &expect![[r#"
            Ok on-demand: 1 torrent, of which only what is read is downloaded
        "#]],
        );
        check(
            "live",
            9,
            Some(reading),
            &expect![[r#"
            Ok on-demand: 1 torrent, of which only what is read is downloaded
        "#]],
        );
        check(
            "live",
            9,
            Some(settled),
            &expect![[r#"
            Warning on-demand: a film is on demand, but another program has selected files of it
                $ tfs on-demand 0707070707070707070707070707070707070707 on --server nas   # deselects its files
                $ tfs on-demand 0707070707070707070707070707070707070707 off --server nas   # downloads all of it
        "#]],
        );
        check(
            "live",
            9,
            Some(pending),
            &expect![[r#"
            Warning on-demand: the files of a film are not deselected yet
                $ tfs on-demand 0707070707070707070707070707070707070707 on --server nas   # deselects its files
                $ tfs on-demand 0707070707070707070707070707070707070707 off --server nas   # downloads all of it
        "#]],
        );
        want_error();
    }

    #[track_caller]
    fn want_error() {
        expect![[r#"
            Warning on-demand: no records
        "#]]
        .assert_eq(&render(&assess(Err("no records"), &[], None)));
    }
}
