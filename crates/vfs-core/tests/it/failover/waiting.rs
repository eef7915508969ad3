//! Reads of data that no server has: where they wait, and when they do not.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_no_server_has_is_waited_for_until_any_of_them_has_it() {
    let stage = FailoverStage::new(vec![
        SimulatedServer::new("home", |_| false),
        SimulatedServer::new("away", |p| p > 60),
    ]);
    let film = stage.open();
    for getter in [0, 1] {
        let offset = 10 * PIECE + getter as u64 * 20 * PIECE;
        let vfs = Arc::clone(&stage.vfs);
        let reading = tokio::spawn(async move { read(&vfs, film, offset, 9).await });
        pass(seconds(10)).await;
        // It waits at the server that has most of the file.
        assert_eq!(stage.servers[0].opened(), 0);
        assert!(stage.servers[1].opened() > 0);
        let piece = usize::try_from(offset / PIECE).unwrap();
        stage.servers[getter].get(std::iter::once(piece));
        let took = reading.await.unwrap().unwrap();
        assert!((seconds(10)..seconds(13)).contains(&took), "{getter} {took:?}");
        stage.servers[0].opened.lock().unwrap().clear();
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_server_that_fails_may_have_is_waited_for_where_it_downloads() {
    use SourceErrorKind::{Failed, NotFound, Unreachable};
    let modes = [Mode::Fails(Unreachable), Mode::Fails(NotFound), Mode::FailsStreams(Failed)];
    for (mode, back) in modes.into_iter().flat_map(|mode| [(mode, 0), (mode, 1)]) {
        let stage = FailoverStage::new(vec![
            SimulatedServer::new("home", |_| true),
            SimulatedServer::new("away", |_| false),
        ]);
        let film = stage.open();
        stage.servers[0].set(mode);
        let vfs = Arc::clone(&stage.vfs);
        let reading = tokio::spawn(async move { read(&vfs, film, 5, 9).await });
        pass(seconds(20)).await;
        // The other one fetches it meanwhile, and the failing server is tried now and then.
        assert!(stage.servers[1].open_count.load(Ordering::Relaxed) > 0, "{mode:?}");
        assert!(stage.opened()[0] < 25, "{mode:?} {:?}", stage.opened());
        match back {
            0 => stage.servers[0].set(Mode::Up),
            _ => stage.servers[1].get(0..1),
        }
        let took = reading.await.unwrap().unwrap();
        assert!((seconds(20)..seconds(23)).contains(&took), "{mode:?} {back} {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_come_is_not_waited_for() {
    let missing =
        || vec![SimulatedServer::new("home", |_| false), SimulatedServer::new("away", |_| false)];
    let stage = FailoverStage::new(missing());
    for server in &stage.servers {
        *server.state.lock().unwrap() = TorrentState::Paused;
    }
    stage.hear();
    let film = stage.open();
    let refused = stage.read(film, 5, 9).await;
    assert!(matches!(refused, Err(VfsError::WouldBlock)), "{refused:?}");
    // One running torrent is enough.
    *stage.servers[1].state.lock().unwrap() = TorrentState::Live;
    stage.hear();
    stage.servers[1].get(0..1);
    assert!(stage.read(film, 5, 9).await.is_ok());
    let fails = ReadPolicy { missing: MissingPolicy::Fail, ..ReadPolicy::default() };
    let stage = FailoverStage::with(missing(), fails);
    let refused = stage.read(stage.open(), 5, 9).await;
    assert!(matches!(refused, Err(VfsError::WouldBlock)), "{refused:?}");
    assert_eq!(stage.vfs.counters().total.failures, 1);
}

#[tokio::test(start_paused = true)]
async fn where_all_servers_are_away_the_first_that_is_back_answers() {
    let stage = twins();
    let film = stage.open();
    let down = Mode::Fails(SourceErrorKind::Unreachable);
    stage.servers.iter().for_each(|server| server.set(down));
    let vfs = Arc::clone(&stage.vfs);
    let reading = tokio::spawn(async move { read(&vfs, film, 5, 9).await });
    pass(seconds(7)).await;
    stage.servers[1].set(Mode::Up);
    let took = reading.await.unwrap().unwrap();
    assert!((seconds(7)..seconds(10)).contains(&took), "{took:?}");

    stage.servers[1].set(Mode::Silent);
    let start = Instant::now();
    let late = stage.read(film, 2_000_000, 9).await;
    assert!(matches!(late, Err(VfsError::TimedOut | VfsError::Source(_))), "{late:?}");
    assert!(start.elapsed() <= seconds(61), "{:?}", start.elapsed());
}
