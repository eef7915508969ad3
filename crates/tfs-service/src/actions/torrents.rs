//! The torrents of a server, for users and scripts.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use rqbit_client::{AddOptions, AddSource, wire};
use rqbit_source::failure_reason;
use serde::Serialize;
use tfs_types::OnDemandMode;

use super::torrent_sizes::TorrentSizes;
use crate::{ConnectError, RqbitServer};

/// One torrent. Serialized, this is a line of `tfs list --json`: fields are added, never changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TorrentRow {
    /// The torrent's id on the server, which a restart may change.
    pub id: Option<u64>,
    /// 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The torrent's name; `null` while its metadata is not resolved.
    pub name: Option<String>,
    /// `resolving`, `initializing`, `live`, `paused`, `error` or `unknown`.
    pub state: &'static str,
    /// The share of the selected files that is downloaded, from 0 to 1; of all files if none is
    /// selected.
    pub progress: f64,
    /// Downloaded bytes of the selected files; of all files if none is selected.
    pub have_bytes: u64,
    /// Bytes of the selected files; of all files if none is selected, 0 if that is not known.
    pub total_bytes: u64,
    /// Bytes of all files; `null` if the server was not asked for it or does not report it.
    pub size_bytes: Option<u64>,
    /// Downloaded bytes of all files.
    pub there_bytes: u64,
    /// Bytes of the selected files, in whole pieces; `null` if the server does not report it.
    pub selected_bytes: Option<u64>,
    /// Whether all selected files are downloaded. True if none is selected.
    pub finished: bool,
    /// Download rate in bytes per second.
    pub download_bps: u64,
    /// Upload rate in bytes per second.
    pub upload_bps: u64,
    /// Bytes sent to peers since the server started, as far as it reports them.
    pub uploaded_bytes: u64,
    /// Number of connected peers.
    pub peers: u32,
    /// Reason for state `error`, in one line.
    pub error: Option<String>,
    /// Names of the servers that have it, if several servers were queried by name.
    pub servers: Vec<String>,
    /// Tags of the torrent, from A to Z.
    pub tags: Vec<String>,
    /// What is downloaded of an on-demand torrent, `pieces` or `file`; `null` if it is not one.
    pub on_demand: Option<OnDemandMode>,
}

#[cfg(test)]
impl TorrentRow {
    /// Returns a live torrent without a name and without any data.
    pub(crate) fn empty(info_hash: String) -> Self {
        Self { info_hash, state: "live", ..Self::default() }
    }
}

/// Returns the torrents of a server in the order in which they were added. The sizes of running
/// torrents are unknown: see [`TorrentRow::size_bytes`].
///
/// # Errors
/// [`ConnectError`].
pub async fn torrents(server: &RqbitServer) -> Result<Vec<TorrentRow>, ConnectError> {
    list(server, &mut TorrentSizes::default(), Duration::ZERO).await
}

/// Returns the torrents of a server in the order in which they were added, with the sizes that
/// arrive within `sizes_time_max`.
///
/// # Errors
/// [`ConnectError`].
pub(crate) async fn list(
    server: &RqbitServer,
    sizes: &mut TorrentSizes,
    sizes_time_max: Duration,
) -> Result<Vec<TorrentRow>, ConnectError> {
    let client = server.client();
    let failed = |source| ConnectError { url: client.base_url().clone(), source };
    let mut torrents = client.torrents_with_stats().await.map_err(failed)?;
    torrents.sort_by_key(|torrent| (torrent.id, torrent.info_hash));
    if !sizes_time_max.is_zero() {
        sizes.ask(client, &torrents, sizes_time_max).await;
    }
    Ok(torrents.into_iter().map(|torrent| row(sizes.of(torrent.info_hash), torrent)).collect())
}

/// Adds a `.torrent` file to a server, with the addresses of peers.
///
/// # Errors
/// [`ConnectError`].
pub async fn add_torrent(
    server: &RqbitServer,
    torrent_file: Bytes,
    peers: Vec<SocketAddr>,
) -> Result<(), ConnectError> {
    let client = server.client();
    let failed = |source| ConnectError { url: client.base_url().clone(), source };
    let options = AddOptions { initial_peers: peers, ..AddOptions::default() };
    let source = AddSource::TorrentFile(torrent_file);
    client.add_torrent(&source, &options).await.map(|_added| ()).map_err(failed)
}

/// Returns the row of a torrent. `size` is in bytes, if it is known.
pub(crate) fn row(size: Option<u64>, torrent: wire::TorrentDetails) -> TorrentRow {
    let stats = torrent.stats.unwrap_or_default();
    let live = stats.live.unwrap_or_default();
    let state = match stats.state {
        wire::TorrentState::Initializing if torrent.total_pieces == Some(0) => "resolving",
        wire::TorrentState::Initializing => "initializing",
        wire::TorrentState::Live => "live",
        wire::TorrentState::Paused => "paused",
        wire::TorrentState::Error => "error",
        wire::TorrentState::Unknown => "unknown",
    };
    // In other states rqbit reports the size of the torrent, not that of the selection.
    let says_selection =
        matches!(stats.state, wire::TorrentState::Live | wire::TorrentState::Paused);
    let selected_bytes = says_selection.then_some(stats.total_bytes);
    let size_bytes =
        if says_selection { size } else { size.or(Some(stats.total_bytes).filter(|it| *it > 0)) };
    let there_bytes = match stats.file_progress.as_slice() {
        [] => stats.progress_bytes,
        files => {
            let sum = files.iter().copied().fold(0, u64::saturating_add);
            // rqbit 9.1.0 may count less than the length of a file that is complete, if a piece
            // of it is shared with the next file.
            if says_selection { sum.max(stats.progress_bytes) } else { sum }
        }
    };
    // rqbit reports a torrent without selected files as finished.
    let is_none_selected = selected_bytes == Some(0) && size != Some(0);
    let (have_bytes, total_bytes, is_whole) = if is_none_selected {
        (there_bytes, size.unwrap_or(0), false)
    } else {
        (stats.progress_bytes, stats.total_bytes, stats.finished)
    };
    TorrentRow {
        id: torrent.id,
        info_hash: torrent.info_hash.to_string(),
        name: torrent.name,
        state,
        progress: share(have_bytes, total_bytes, is_whole),
        have_bytes,
        total_bytes,
        size_bytes,
        there_bytes,
        selected_bytes,
        finished: stats.finished,
        download_bps: live.download_speed.bytes_per_second(),
        upload_bps: live.upload_speed.bytes_per_second(),
        uploaded_bytes: stats.uploaded_bytes,
        peers: live.snapshot.peer_stats.live,
        error: stats.error.as_deref().map(failure_reason).filter(|reason| !reason.is_empty()),
        servers: Vec::new(),
        tags: Vec::new(),
        on_demand: None,
    }
}

/// Returns the downloaded share; of zero bytes it is 1 if finished.
fn share(have_bytes: u64, total_bytes: u64, finished: bool) -> f64 {
    if total_bytes == 0 {
        return if finished { 1.0 } else { 0.0 };
    }
    #[expect(clippy::cast_precision_loss, reason = "a share for people, not for sums")]
    let share = have_bytes as f64 / total_bytes as f64;
    share.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(size: Option<u64>, stats: &str, want: &Expect) {
        let hash = "0".repeat(40);
        let text = format!(r#"{{"info_hash":"{hash}","total_pieces":9,"stats":{{{stats}}}}}"#);
        let row = row(size, serde_json::from_str(&text).unwrap());
        let TorrentRow { progress, have_bytes, total_bytes, size_bytes, there_bytes, .. } = row;
        want.assert_eq(&format!(
            "{progress} {have_bytes}/{total_bytes}, {there_bytes}/{size_bytes:?} of all, selected \
             {:?}, finished {}, {:?}",
            row.selected_bytes, row.finished, row.error
        ));
    }

    // Measured with rqbit 9.1.0: with nothing selected it reports `finished` and 0 bytes.
    #[test]
    fn a_torrent_with_nothing_selected_has_its_true_size() {
        let none = r#""state":"live","finished":true,"progress_bytes":0,"total_bytes":0,
            "file_progress":[30,20]"#;
        check(
            Some(200),
            none,
            &expect!["0.25 50/200, 50/Some(200) of all, selected Some(0), finished true, None"],
        );
        check(
            None,
            none,
            &expect!["0 50/0, 50/None of all, selected Some(0), finished true, None"],
        );
        check(
            Some(0),
            r#""state":"live","finished":true"#,
            &expect!["1 0/0, 0/Some(0) of all, selected Some(0), finished true, None"],
        );
        let shared = r#""state":"live","finished":true,"progress_bytes":50,"total_bytes":50,
            "file_progress":[30,0,10]"#;
        check(
            Some(50),
            shared,
            &expect!["1 50/50, 50/Some(50) of all, selected Some(50), finished true, None"],
        );
        let part = r#""state":"paused","finished":true,"progress_bytes":100,"total_bytes":100,
            "file_progress":[30,90]"#;
        check(
            Some(200),
            part,
            &expect!["1 100/100, 120/Some(200) of all, selected Some(100), finished true, None"],
        );
        check(
            None,
            part,
            &expect!["1 100/100, 120/None of all, selected Some(100), finished true, None"],
        );
    }

    #[test]
    fn a_torrent_that_does_not_run_says_its_size() {
        check(
            None,
            r#""state":"initializing","progress_bytes":7,"total_bytes":100"#,
            &expect!["0.07 7/100, 7/Some(100) of all, selected None, finished false, None"],
        );
        check(
            None,
            r#""state":"error","total_bytes":100,"error":"full\n\nStack backtrace:\n 0: x""#,
            &expect![[
                r#"0 0/100, 0/Some(100) of all, selected None, finished false, Some("full")"#
            ]],
        );
    }
}
