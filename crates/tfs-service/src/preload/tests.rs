//! Preloads over the fake source: events of requests, and configured patterns.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::StreamExt as _;
use tfs_api::status::PreloadTotals;
use tfs_api::wire::{FailureKind, PreloadEvent, PreloadReason, PreloadRequest, PreloadStatus};
use tfs_testkit::fake::{FakeSource, directory, file_id};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use vfs_core::{Bitfield, ServerId, TorrentState, Vfs, VfsConfig};

use super::*;

const MIB: u64 = 1 << 20;

/// A source with a torrent `t` without any data.
fn source() -> FakeSource {
    let source = FakeSource::new(4);
    source.set_chunk_bytes(1 << 20);
    add(&source, 1, "t");
    source
}

/// Adds a torrent of two files of four pieces each, without any data.
fn add(source: &FakeSource, id: u8, name: &str) {
    let mut details = directory(id, name, &[("a.mkv", 4 * MIB), ("b.txt", 4 * MIB)]);
    details.piece_len = NonZeroU32::new(1 << 20);
    let torrent = source.add(details);
    source.update(torrent, |it| it.file_progress = Some([0, 0].into()));
    source.set_haves(torrent, Bitfield::from_fn(8, |_| false).unwrap());
}

fn vfs_of(source: &FakeSource) -> Arc<Vfs<FakeSource>> {
    let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), VfsConfig::default()));
    refresh(source, &vfs);
    vfs
}

fn refresh(source: &FakeSource, vfs: &Vfs<FakeSource>) {
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1);
}

fn request(paths: &[&str]) -> PreloadRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    PreloadRequest { paths, ..PreloadRequest::default() }
}

/// Returns all events of a preload except progress.
async fn events_of(vfs: &Arc<Vfs<FakeSource>>, request: &PreloadRequest) -> Vec<String> {
    let events = preload(Arc::clone(vfs), request, &Preloads::default()).unwrap();
    let events =
        events.filter(|event| std::future::ready(!matches!(event, PreloadEvent::Progress { .. })));
    events.map(|event| serde_json::to_string(&event).unwrap()).collect().await
}

fn opened(source: &FakeSource) -> Vec<(u8, u32, u64, u64)> {
    let opened = source.opened().into_iter();
    opened
        .map(|(file, range)| {
            let torrent = file.torrent.as_bytes()[0];
            (torrent, file.index.0, range.start() / MIB, range.end() / MIB)
        })
        .collect()
}

/// Advances the paused time, which jumps when all tasks are idle.
async fn pass(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

#[tokio::test(start_paused = true)]
async fn each_file_of_the_paths_is_preloaded_once_and_told_of() {
    let source = source();
    let vfs = vfs_of(&source);
    let wanted = PreloadRequest {
        head_bytes: Some(MIB),
        tail_bytes: Some(1),
        ..request(&["t/b.txt", "t", "/t/b.txt"])
    };
    assert_eq!(
        events_of(&vfs, &wanted).await,
        [
            r#"{"event":"began","files":2,"total_bytes":2097154}"#,
            r#"{"event":"done","path":"t/b.txt","total_bytes":1048577}"#,
            r#"{"event":"done","path":"t/a.mkv","total_bytes":1048577}"#,
            r#"{"event":"ended","done":2,"failed":0}"#,
        ]
    );
    let mut opened = opened(&source);
    opened.sort_unstable();
    assert_eq!(opened, [(1, 0, 0, 1), (1, 0, 3, 4), (1, 1, 0, 1), (1, 1, 3, 4)]);
    let refused = preload(vfs, &request(&["t", "u"]), &Preloads::default()).map(drop).unwrap_err();
    assert_eq!(refused.kind, FailureKind::UnknownFile);
    assert_eq!(refused.message, "failed to find u in the mount: no such file or directory");
}

#[tokio::test(start_paused = true)]
async fn what_is_stuck_goes_to_the_end_and_what_cannot_come_is_given_up() {
    let source = source();
    add(&source, 2, "paused");
    source.update(file_id(2, 0).torrent, |it| it.state = TorrentState::Paused);
    source.hold(file_id(1, 0));
    let vfs = vfs_of(&source);
    let wanted = request(&["t", "paused/a.mkv"]);
    let events = preload(Arc::clone(&vfs), &wanted, &Preloads::default()).unwrap();
    let mut events =
        events.filter(|event| std::future::ready(!matches!(event, PreloadEvent::Progress { .. })));
    assert!(matches!(events.next().await, Some(PreloadEvent::Began { files: 3, .. })));
    let Some(PreloadEvent::Failed { path, message }) = events.next().await else { panic!() };
    assert_eq!(path, "paused/a.mkv");
    assert_eq!(message, "failed to get missing data: the torrent is paused");
    let done = PreloadEvent::Done { path: "t/b.txt".to_owned(), total_bytes: 4 * MIB };
    assert_eq!(events.next().await, Some(done));
    let Some(PreloadEvent::Stalled { path, .. }) = events.next().await else { panic!() };
    assert_eq!(path, "t/a.mkv");
    source.let_go(file_id(1, 0));
    assert!(matches!(events.next().await, Some(PreloadEvent::Done { .. })));
    assert_eq!(events.next().await, Some(PreloadEvent::Ended { done: 2, failed: 1 }));
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_preload_ends_with_whoever_listens_and_with_the_mount() {
    let source = source();
    source.hold(file_id(1, 0));
    let vfs = vfs_of(&source);
    let mut events =
        preload(Arc::clone(&vfs), &request(&["t/a.mkv"]), &Preloads::default()).unwrap();
    events.next().await.unwrap();
    pass(Duration::from_secs(1)).await;
    assert_eq!(source.open_now(), 1);
    drop(events);
    pass(Duration::from_secs(1)).await;
    assert_eq!((source.open_now(), Arc::strong_count(&vfs)), (0, 1));

    let events = preload(Arc::clone(&vfs), &request(&["t/a.mkv"]), &Preloads::default()).unwrap();
    vfs.shut_down();
    let last = events.fold(None, |_, event| std::future::ready(Some(event))).await;
    assert_eq!(last, Some(PreloadEvent::Ended { done: 0, failed: 1 }));
}

#[tokio::test(start_paused = true)]
async fn files_of_patterns_are_preloaded_when_their_torrent_appears() {
    let source = source();
    let vfs = vfs_of(&source);
    let added = Arc::new(Notify::new());
    let settings = PreloadSettings {
        patterns: vec!["*.mkv".to_owned()],
        head_bytes: Some(2 * MIB),
        tail_bytes: None,
    };
    let preloads =
        PatternPreloads::new(&vfs, &settings, Arc::clone(&added), &Preloads::default()).unwrap();
    let task = tokio::spawn(preloads.run());
    pass(Duration::from_secs(5)).await;
    assert_eq!(opened(&source), [(1, 0, 0, 2)]);

    // A paused torrent is retried when it may run.
    add(&source, 2, "u");
    let paused = file_id(2, 0).torrent;
    source.update(paused, |it| it.state = TorrentState::Paused);
    refresh(&source, &vfs);
    added.notify_one();
    pass(Duration::from_secs(5)).await;
    source.update(paused, |it| it.state = TorrentState::Live);
    refresh(&source, &vfs);
    added.notify_one();
    pass(Duration::from_secs(5)).await;
    assert_eq!(opened(&source).len(), 1);
    pass(Duration::from_secs(300)).await;
    assert_eq!(opened(&source), [(1, 0, 0, 2), (2, 0, 0, 2)]);

    // The bitfield of a complete torrent is not even requested.
    source.set_haves(paused, Bitfield::from_fn(8, |_| true).unwrap());
    source.update(paused, |it| it.file_progress = Some([4 * MIB, 4 * MIB].into()));
    refresh(&source, &vfs);
    let asked = source.bitfield_requests();
    added.notify_one();
    pass(Duration::from_secs(5)).await;
    assert_eq!((opened(&source).len(), source.bitfield_requests()), (2, asked));
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(source.violations(), [] as [String; 0]);

    assert!(
        PatternPreloads::new(&vfs, &PreloadSettings::default(), added, &Preloads::default())
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_and_what_waits_is_told_until_it_is_over() {
    let source = source();
    add(&source, 2, "u");
    add(&source, 3, "v");
    source.hold(file_id(1, 0));
    let vfs = vfs_of(&source);
    let preloads = Preloads::default();
    let wanted = PreloadRequest { head_bytes: Some(3 * MIB), ..request(&["t", "u", "v"]) };
    let mut events = preload(Arc::clone(&vfs), &wanted, &preloads).unwrap();
    assert_eq!(preloads.totals(), PreloadTotals::default());
    assert!(matches!(events.next().await, Some(PreloadEvent::Began { files: 6, .. })));
    // The first file stalls, and the others have ended.
    let mut done = 0;
    while done < 5 {
        let event = events.next().await.unwrap();
        done += u32::from(matches!(event, PreloadEvent::Done { .. }));
        let PreloadTotals { running, waiting, .. } = preloads.totals();
        assert!(running <= 4 && running + waiting >= 1, "{running} {waiting}");
    }
    let left = PreloadTotals { running: 1, waiting: 0, total_bytes: 3 * MIB, there_bytes: 0 };
    assert_eq!(preloads.totals(), left);
    let path = "t/a.mkv".to_owned();
    let waits_for = Some(PreloadReason::Peers);
    let film =
        PreloadStatus { path, total_bytes: 3 * MIB, there_bytes: 0, waits_for, follows: None };
    assert_eq!(preloads.running(), [film]);
    // The client disconnects.
    drop(events);
    pass(Duration::from_millis(1)).await;
    assert_eq!(preloads.totals(), PreloadTotals::default());
    assert_eq!(preloads.running(), []);
}

// https://github.com/transmission/transmission/issues/1001: the reason of a failure is not shown.
#[tokio::test(start_paused = true)]
async fn transmission_1001_a_failed_torrent_says_why_and_what_to_do() {
    let source = source();
    source.fail(file_id(1, 0).torrent, "No space left on device (os error 28)");
    let vfs = vfs_of(&source);
    let events = events_of(&vfs, &request(&["t/a.mkv"])).await;
    let want = "failed to get missing data: the torrent has failed: No space left on device \
        (os error 28); make room on the disk of the server, then start it as tfs status shows";
    assert!(events[1].contains(&format!("\"message\":\"{want}\"")), "{events:?}");
}
