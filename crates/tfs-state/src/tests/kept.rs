//! Finish times and selections of torrents.

use vfs_core::Bitfield;

use super::*;

fn selected(files: &[u32], bytes: u64) -> KeptSelection {
    let files = Bitfield::from_fn(2, |file| files.contains(&file)).unwrap();
    KeptSelection { files, bytes: Some(bytes) }
}

fn finished(known: &KnownTree) -> Vec<Option<i64>> {
    known.remembered.iter().map(|remembered| remembered.finished_at).collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_finish_of_a_torrent_is_kept_as_long_as_its_name() {
    let fixture = Fixture::new().await;
    let (state, known) = fixture.open().await;
    assert_eq!(finished(&known), [None; 3]);
    let recorder = state.recorder();
    recorder.record_finished(vec![(hash(1), AT + 1), (hash(2), AT + 1), (hash(9), AT + 1)]);
    // Another mount saw it later.
    recorder.record_finished(vec![(hash(1), AT + 5)]);
    let removed = vec![(hash(2), "t2".to_owned())];
    recorder.record(&Changes { removed, ..Changes::default() }, Vec::new(), times(AT + 2));
    state.close().await;
    for _ in 0..2 {
        let (state, known) = fixture.open().await;
        assert_eq!(finished(&known), [Some(AT + 1), Some(AT + 1), None]);
        state.close().await;
        // The second time from a rewritten log.
        let mut log = log::StateLog::new(fixture.log().parent().unwrap(), identity().as_str());
        log.catch_up().unwrap();
        log.checkpoint(AT + 3).unwrap();
    }
    let text = fs::read_to_string(fixture.log()).unwrap();
    assert_eq!(text.matches(" finished ").count(), 2, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_torrent_that_joins_another_server_keeps_its_finish() {
    let fixture = Fixture::new().await;
    let (state, _) = fixture.open().await;
    let joined = vfs_core::RestoredTorrent {
        info_hash: hash(3),
        name: "t3".to_owned(),
        first_seen: AT - 9,
        finished_at: Some(AT - 5),
    };
    let changes = Changes { joined: vec![joined], ..Changes::default() };
    state.recorder().record(&changes, Vec::new(), times(AT + 2));
    state.close().await;
    let (_state, known) = fixture.open().await;
    assert_eq!(finished(&known), [None, None, Some(AT - 5)]);
}

#[tokio::test(start_paused = true)]
async fn the_last_selection_of_a_present_torrent_is_kept() {
    let fixture = Fixture::new().await;
    let (state, known) = fixture.open().await;
    assert_eq!(known.selections, []);
    let recorder = state.recorder();
    recorder.record_selection(hash(1), Some(selected(&[0], 10)));
    recorder.record_selection(hash(1), Some(selected(&[1], 20)));
    recorder.record_selection(hash(2), Some(selected(&[], 0)));
    recorder.record_selection(hash(3), Some(selected(&[0], 10)));
    recorder.record_selection(hash(9), Some(selected(&[0], 10)));
    state.close().await;
    let (state, known) = fixture.open().await;
    let all = [(1, &[1][..], 20), (2, &[], 0), (3, &[0], 10)];
    let all = all.map(|(id, files, bytes)| (hash(id), selected(files, bytes)));
    assert_eq!(known.selections, all);
    let recorder = state.recorder();
    recorder.record_selection(hash(3), None);
    let removed = vec![(hash(2), "t2".to_owned())];
    recorder.record(&Changes { removed, ..Changes::default() }, Vec::new(), times(AT + 2));
    state.close().await;
    let mut log = log::StateLog::new(fixture.log().parent().unwrap(), identity().as_str());
    log.catch_up().unwrap();
    log.checkpoint(AT + 3).unwrap();
    let (_state, known) = fixture.open().await;
    assert_eq!(known.selections, all[..1]);
}

#[tokio::test(start_paused = true)]
async fn a_selection_of_other_files_is_not_used() {
    let fixture = Fixture::new().await;
    let (state, _) = fixture.open().await;
    let files = Bitfield::from_fn(3, |_file| true).unwrap();
    state.recorder().record_selection(hash(1), Some(KeptSelection { files, bytes: None }));
    state.close().await;
    let (_state, known) = fixture.open().await;
    assert_eq!(known.selections, []);
}
