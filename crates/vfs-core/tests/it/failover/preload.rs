//! Preloads with several servers: which of them fetches, and which continues after a failure.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use vfs_core::{FileParts, SourceErrorKind, TorrentState};

use super::{FailoverStage, Mode, PIECES, SimulatedServer, pass, seconds};

#[tokio::test(start_paused = true)]
async fn a_preload_goes_on_at_another_server_when_its_own_is_down() {
    use SourceErrorKind::{Denied, Unreachable};
    let modes = [(Mode::Fails(Unreachable), 15), (Mode::Fails(Denied), 2), (Mode::Silent, 70)];
    for (mode, late_max) in modes {
        let servers = vec![
            SimulatedServer::new("home", |piece| piece < 9),
            SimulatedServer::new("away", |p| p < 3),
        ];
        let stage = FailoverStage::new(servers);
        let file = stage.vfs.files_below("film").unwrap().remove(0);
        let vfs = Arc::clone(&stage.vfs);
        let parts = FileParts { head: None, tail: None };
        let preload = tokio::spawn(async move { vfs.preload(&file, parts, |_| {}).await });
        pass(seconds(5)).await;
        assert_eq!(stage.opened()[1], 0, "the one that has most is to be asked");
        stage.servers[0].set(mode);
        pass(seconds(late_max)).await;
        assert!(stage.servers[1].open_count.load(Ordering::Relaxed) > 0, "{mode:?}");
        stage.servers[1].get(0..PIECES as usize);
        // The bitfield is checked every few seconds.
        tokio::time::timeout(seconds(60), preload).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_preload_waits_while_no_server_can_go_on_with_it() {
    let stage = FailoverStage::new(vec![
        SimulatedServer::new("home", |_| false),
        SimulatedServer::new("away", |_| false),
    ]);
    *stage.servers[1].state.lock().unwrap() = TorrentState::Paused;
    stage.hear();
    let file = stage.vfs.files_below("film").unwrap().remove(0);
    let vfs = Arc::clone(&stage.vfs);
    let parts = FileParts { head: None, tail: None };
    let preload = tokio::spawn(async move { vfs.preload(&file, parts, |_| {}).await });
    stage.servers[0].set(Mode::Fails(SourceErrorKind::Unreachable));
    pass(seconds(3600)).await;
    assert!(!preload.is_finished());
    stage.servers[0].set(Mode::Up);
    stage.servers[0].get(0..PIECES as usize);
    tokio::time::timeout(seconds(60), preload).await.unwrap().unwrap().unwrap();
    assert_eq!(stage.opened()[1], 0);
}
