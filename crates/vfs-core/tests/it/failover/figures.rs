//! Figures of reads: durations, waits for missing pieces, failures by reason, the longest waits.

use vfs_core::{DurationCounts, FailureReason};

use super::*;

fn film(has: impl Fn(u32) -> bool) -> FailoverStage {
    FailoverStage::new(vec![SimulatedServer::new("home", has)])
}

/// Returns the reasons that occurred, with their counts, and checks the total.
fn failures(stage: &FailoverStage) -> String {
    let summary = stage.vfs.read_summary();
    assert_eq!(stage.vfs.counters().total.failures, summary.failure_count());
    let failures = summary.failures.iter().filter(|(_, count)| *count > 0);
    let failures = failures.map(|(reason, count)| format!("{count} {}", reason.as_str()));
    failures.collect::<Vec<_>>().join(", ")
}

fn missing(stage: &FailoverStage) -> (u64, u64) {
    let waits = stage.vfs.read_summary().missing_waits;
    (waits.count(), waits.sum.as_secs())
}

/// Returns the buckets that are not empty: their upper bounds in milliseconds, and their counts.
fn buckets(counts: &DurationCounts) -> Vec<(u64, u64)> {
    let bounds = counts.bounds_micros.iter().map(|bound| bound / 1000).chain([u64::MAX]);
    bounds.zip(counts.counts.iter().copied()).filter(|(_, count)| *count > 0).collect()
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_missing_piece_counts_and_slow_present_data_does_not() {
    for server_count in [1, 2] {
        let mut servers = vec![SimulatedServer::new("home", |piece| piece != 7)];
        if server_count == 2 {
            servers.push(SimulatedServer::new("away", |_| false));
        }
        let stage = FailoverStage::new(servers);
        let film = stage.open();
        *stage.servers[0].latency.lock().unwrap() = millis(600);
        stage.read(film, 0, 9).await.unwrap();
        assert_eq!((missing(&stage), stage.vfs.longest_waits().len()), ((0, 0), 0));
        assert_eq!(buckets(&stage.vfs.read_summary().durations), [(2500, 1)]);

        *stage.servers[0].latency.lock().unwrap() = Duration::ZERO;
        let (vfs, offset) = (Arc::clone(&stage.vfs), 7 * PIECE + 5);
        let reading = tokio::spawn(async move { read(&vfs, film, offset, 9).await });
        pass(seconds(20)).await;
        stage.servers[0].get(7..8);
        let took = reading.await.unwrap().unwrap();
        let summary = stage.vfs.read_summary();
        assert_eq!(summary.durations.count(), 2, "{server_count}");
        assert_eq!(missing(&stage).0, 1, "{server_count}");
        assert!(summary.missing_waits.sum <= took, "{summary:?} {took:?}");
        assert!(summary.missing_waits.sum + millis(100) >= took, "{summary:?} {took:?}");
        let longest = stage.vfs.longest_waits();
        let [wait] = longest.as_slice() else { panic!("{longest:?}") };
        assert_eq!((wait.file, wait.offset, wait.failure), (file_id(1, 0), offset, None));
        assert_eq!(wait.waited, summary.missing_waits.sum);
        pass(seconds(5)).await;
        assert!(stage.vfs.longest_waits()[0].ended_ago >= seconds(5));
    }
}

#[tokio::test(start_paused = true)]
async fn data_that_another_server_has_is_not_missing() {
    let stage = halves();
    let film = stage.open();
    *stage.servers[1].latency.lock().unwrap() = millis(900);
    for offset in [LEN - 9, LEN - 200_000] {
        stage.read(film, offset, 9).await.unwrap();
    }
    assert_eq!((missing(&stage), failures(&stage)), ((0, 0), String::new()));
}

#[tokio::test(start_paused = true)]
async fn each_failed_read_has_one_reason() {
    let stage = film(|piece| piece == 0);
    let film = stage.open();
    stage.read(film, LEN - 9, 9).await.unwrap_err();
    assert_eq!(failures(&stage), "1 timed_out");
    assert_eq!(missing(&stage), (1, 60));
    let longest = stage.vfs.longest_waits();
    assert_eq!(longest[0].failure, Some(FailureReason::TimedOut));
    // At once, as the wait before it failed: no wait.
    stage.read(film, LEN - 9, 9).await.unwrap_err();
    assert_eq!((failures(&stage).as_str(), missing(&stage)), ("2 timed_out", (1, 60)));
    *stage.servers[0].state.lock().unwrap() = TorrentState::Paused;
    stage.hear();
    stage.read(stage.open(), LEN - 9, 9).await.unwrap_err();
    assert_eq!(failures(&stage), "2 timed_out, 1 missing");
    stage.vfs.read(HandleId(77), 0, 9).await.unwrap_err();
    stage.vfs.shut_down();
    stage.read(film, 0, 9).await.unwrap_err();
    let want = "2 timed_out, 1 missing, 1 shutting_down, 1 bad_handle";
    assert_eq!(failures(&stage), want);
    // The end of the file and bytes that come are none.
    assert_eq!(stage.vfs.read(film, LEN, 9).await.unwrap().len(), 0);
    assert_eq!(failures(&stage), want);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_no_server_answers_fails_once_and_one_that_moves_does_not() {
    let stage = twins();
    let film = stage.open();
    stage.servers[0].set(Mode::Fails(SourceErrorKind::Failed));
    stage.read(film, 0, 9).await.unwrap();
    assert_eq!(failures(&stage), "");
    stage.servers.iter().for_each(|it| it.set(Mode::Fails(SourceErrorKind::Denied)));
    stage.read(stage.open(), LEN - 9, 9).await.unwrap_err();
    assert_eq!(failures(&stage), "1 denied");
    assert_eq!(missing(&stage), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_a_signal_ends_has_waited_and_failed() {
    for server_count in [1, 2] {
        let servers = ["home", "away"].into_iter().take(server_count);
        let servers = servers.map(|name| SimulatedServer::new(name, |_| false)).collect();
        let stage = FailoverStage::new(servers);
        let film = stage.open();
        let vfs = Arc::clone(&stage.vfs);
        let reading = tokio::spawn(async move { read(&vfs, film, 9, 9).await });
        pass(seconds(12)).await;
        reading.abort();
        assert!(reading.await.unwrap_err().is_cancelled());
        stage.vfs.on_interrupted(film, 9, 9);
        assert_eq!(failures(&stage), "1 interrupted");
        let (count, sum) = missing(&stage);
        assert!(count == 1 && (11..=12).contains(&sum), "{count} {sum} {server_count}");
        let longest = stage.vfs.longest_waits();
        assert_eq!(longest[0].failure, Some(FailureReason::Interrupted));
        assert_eq!(stage.vfs.read_summary().durations.count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_byte_of_each_stream_at_present_data_is_timed() {
    let stage = halves();
    *stage.servers[0].latency.lock().unwrap() = millis(30);
    let film = stage.open();
    stage.read(film, 5, 9).await.unwrap();
    stage.read(stage.open(), LEN / 4, 9).await.unwrap();
    let servers = stage.vfs.counters().servers;
    assert_eq!(buckets(&servers[0].first_bytes), [(100, 2)]);
    assert_eq!(servers[1].first_bytes.count(), 0);
    // One that waits for peers is not.
    let stage = FailoverStage::new(vec![SimulatedServer::new("home", |_| false)]);
    let (vfs, film) = (Arc::clone(&stage.vfs), stage.open());
    let reading = tokio::spawn(async move { read(&vfs, film, 5, 9).await });
    pass(seconds(3)).await;
    stage.servers[0].get(0..1);
    reading.await.unwrap().unwrap();
    assert_eq!(stage.vfs.counters().servers[0].first_bytes.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_tells_the_number_of_peers() {
    let stage = film(|_| false);
    *stage.servers[0].peers.lock().unwrap() = Some(3);
    let (vfs, film) = (Arc::clone(&stage.vfs), stage.open());
    let reading = tokio::spawn(async move { read(&vfs, film, 5, 9).await });
    let peers = || stage.vfs.readers()[0].wait.unwrap().peers;
    pass(millis(300)).await;
    assert_eq!(peers(), None);
    pass(seconds(10)).await;
    assert_eq!(peers(), Some(3));
    *stage.servers[0].peers.lock().unwrap() = Some(0);
    pass(seconds(45)).await;
    assert_eq!(peers(), Some(0));
    stage.servers[0].get(0..1);
    reading.await.unwrap().unwrap();
    assert_eq!(stage.vfs.readers()[0].wait, None);
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_counts_although_the_last_bitfield_is_old() {
    let stage = film(|piece| piece == 0);
    let film = stage.open();
    stage.read(film, 5, 9).await.unwrap();
    pass(seconds(5)).await;
    // Piece 3 comes now, and the last bitfield does not show it. Piece 9 comes during the read.
    stage.servers[0].get(3..4);
    stage.read(film, 3 * PIECE, 9).await.unwrap();
    assert_eq!(missing(&stage), (0, 0));
    let (vfs, offset) = (Arc::clone(&stage.vfs), 9 * PIECE);
    let reading = tokio::spawn(async move { read(&vfs, film, offset, 9).await });
    pass(millis(800)).await;
    stage.servers[0].get(9..10);
    reading.await.unwrap().unwrap();
    let waits = stage.vfs.read_summary().missing_waits;
    assert!((millis(750)..millis(900)).contains(&waits.sum), "{waits:?}");
    assert_eq!(stage.vfs.longest_waits().len(), 1);
}
