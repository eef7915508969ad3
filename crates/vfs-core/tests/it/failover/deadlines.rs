//! How long a read waits for data that no server has, at one server and at the better of two.

use super::*;

/// A torrent that one server downloads for `time`, and that the second server, if there is one, has
/// paused.
fn downloading(server_count: usize, time: Option<Duration>) -> FailoverStage {
    let servers =
        [SimulatedServer::new("home", |_| false), SimulatedServer::new("away", |_| false)];
    *servers[1].state.lock().unwrap() = TorrentState::Paused;
    *servers[0].fetches.lock().unwrap() = time.map(|time| (Instant::now(), time));
    FailoverStage::new(servers.into_iter().take(server_count).collect())
}

#[tokio::test(start_paused = true)]
async fn progress_of_the_download_moves_the_deadline() {
    for server_count in [1, 2] {
        for (fetches_for, ends_in) in [
            // The server reports no progress, or fetches nothing.
            (None, 60..=61),
            (Some(0), 60..=61),
            // One time-out after the sample that shows the last byte.
            (Some(100), 160..=168),
            (Some(10_000), 600..=601),
        ] {
            let stage = downloading(server_count, fetches_for.map(seconds));
            let film = stage.open();
            let start = Instant::now();
            let error = stage.read(film, 5, 9).await.unwrap_err();
            assert!(matches!(error, VfsError::TimedOut), "{error:?}");
            let took = start.elapsed().as_secs();
            assert!(ends_in.contains(&took), "{server_count} servers, {fetches_for:?}: {took} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_piece_that_takes_longer_than_the_timeout_comes() {
    for server_count in [1, 2] {
        let stage = downloading(server_count, Some(seconds(200)));
        let film = stage.open();
        let home = Arc::clone(&stage.servers[0]);
        let download = async {
            pass(seconds(170)).await;
            home.get(0..1);
        };
        let (took, ()) = tokio::join!(stage.read(film, 5, 9), download);
        assert!((170..180).contains(&took.unwrap().as_secs()), "{server_count} servers");
    }
}
