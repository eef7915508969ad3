//! Every call against the recorded answer of a real server.

use std::fmt::Debug;
use std::time::Duration;

use expect_test::expect_file;
use rqbit_client::wire::Limits;
use rqbit_client::{AddOptions, AddSource, Client, InfoHash, Result, TorrentRef};

use crate::support::{PATIENT, ScriptStep, ScriptedServer, recorded, run};

/// Renders the request of one call, and the client's result for the recorded answer.
fn exchange<T: Debug>(recording: &str, call: impl AsyncFnOnce(Client) -> Result<T>) -> String {
    run(async {
        let server = ScriptedServer::start(vec![vec![ScriptStep::Request, recorded(recording)]]);
        let url = server.url("http");
        let result = match call(server.client(PATIENT)).await {
            Ok(answer) => format!("{answer:#?}"),
            Err(error) if error.is_retryable() => format!("failed to {error} (retryable)"),
            Err(error) => format!("failed to {error}"),
        };
        let result = result.replace(&url, "http://server");
        format!("# {recording}\n{}{result}\n\n", server.finish().await)
    })
}

const SAMPLE: &str = "391a5cb84b84e239a2659eb97b596dc3b355d221";

fn sample() -> TorrentRef {
    SAMPLE.parse::<InfoHash>().expect("a valid info hash").into()
}

const ONE: TorrentRef = TorrentRef::Id(1);

#[test]
fn calls_that_read() {
    let text = [
        exchange("server_info", async |client| client.server_info().await),
        exchange("list", async |client| client.torrents().await),
        exchange("list_with_stats", async |client| client.torrents_with_stats().await),
        exchange("details", async |client| client.torrent_details(sample()).await),
        exchange("details_partial", async |client| client.torrent_details(ONE).await),
        exchange("metadata", async |client| client.torrent_metadata(ONE).await),
        exchange("haves_all", async |client| client.torrent_haves(sample()).await),
        exchange("haves_some", async |client| client.torrent_haves(sample()).await),
        exchange("stats_initializing", async |client| client.torrent_stats(ONE).await),
        exchange("stats_live", async |client| client.torrent_stats(ONE).await),
        exchange("stats_paused", async |client| client.torrent_stats(ONE).await),
        exchange("stats_finished", async |client| client.torrent_stats(ONE).await),
        exchange("peers", async |client| client.torrent_peers(ONE).await),
        exchange("session_stats", async |client| client.session_stats().await),
        exchange("limits", async |client| client.limits().await),
    ];
    expect_file!["../data/calls_that_read.txt"].assert_eq(&text.concat());
}

#[test]
fn calls_that_change() {
    let magnet = AddSource::Url("magnet:?xt=urn:btih:1".into());
    let file = AddSource::TorrentFile(vec![0xff, 0xfe].into());
    let default = AddOptions::default();
    let look = AddOptions { list_only: true, ..AddOptions::default() };
    let quick = AddOptions { timeout: Some(Duration::from_secs(3)), ..AddOptions::default() };
    let peers = ["127.0.0.1:9", "[::1]:10"].map(|peer| peer.parse().unwrap());
    let slow = Limits { download_bps: Some(300_000.try_into().unwrap()), upload_bps: None };
    let text = [
        exchange("add", async |client| client.add_torrent(&file, &default).await),
        exchange("list_only", async |client| client.add_torrent(&file, &look).await),
        exchange("add_magnet", async |client| client.add_torrent(&magnet, &look).await),
        exchange("done", async |client| client.pause(sample()).await),
        exchange("done", async |client| client.start(sample()).await),
        exchange("done", async |client| client.forget(sample()).await),
        exchange("done", async |client| client.delete(sample()).await),
        exchange("done", async |client| client.update_only_files(ONE, &[0, 2]).await),
        exchange("done", async |client| client.set_limits(slow).await),
        exchange("add_peers", async |client| client.add_peers(ONE, &peers).await),
        exchange("error_500_timeout", async |client| client.add_torrent(&magnet, &quick).await),
    ];
    expect_file!["../data/calls_that_change.txt"].assert_eq(&text.concat());
}

#[test]
fn errors_of_the_server() {
    let garbage = AddSource::TorrentFile("garbage".into());
    let default = AddOptions::default();
    let text = [
        exchange("error_404", async |client| client.torrent_details(ONE).await),
        exchange("error_404_route", async |client| client.server_info().await),
        exchange("error_404_route", async |client| client.torrent_stats(ONE).await),
        exchange("error_401", async |client| client.torrents().await),
        exchange("error_412_haves", async |client| client.torrent_haves(ONE).await),
        exchange("error_400_add", async |client| client.add_torrent(&garbage, &default).await),
        exchange("error_400_regex", async |client| client.add_torrent(&garbage, &default).await),
        exchange("error_400_path", async |client| client.torrent_details(ONE).await),
        exchange("error_400_paused", async |client| client.pause(ONE).await),
        exchange("error_500_forget_hash", async |client| client.forget(sample()).await),
        exchange("error_500_forget_id", async |client| client.delete(ONE).await),
        exchange("error_500_only_files", async |client| client.update_only_files(ONE, &[77]).await),
    ];
    expect_file!["../data/errors_of_the_server.txt"].assert_eq(&text.concat());
}
