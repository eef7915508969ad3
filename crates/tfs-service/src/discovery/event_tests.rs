//! Events: what a receiver gets, over a source with scripted failures, restarts and removals.

use std::path::Path;
use std::sync::atomic::Ordering;

use tfs_api::wire::{EventKind, ServiceEvent};
use tfs_hooks::{EventHub, EventInbox};
use tfs_state::ServerIdentity;
use tfs_testkit::fake::{FakeSource, single_file};
use tokio::sync::mpsc;
use vfs_core::VfsConfig;

use super::tests::{Flaky, hash, kept};
use super::*;
use crate::events::MountEvents;

/// A discovery with a receiver of its events.
struct EventSession {
    vfs: Arc<Vfs<Flaky>>,
    discovery: Discovery<Flaky>,
    inbox: EventInbox,
}

impl EventSession {
    /// Returns one that has not looked yet.
    fn new(flaky: Flaky) -> Self {
        let vfs = Arc::new(Vfs::new(Arc::new(flaky), VfsConfig::default()));
        let hub = EventHub::default();
        let inbox = hub.subscribe(&EventKind::ALL);
        let events = ServerEvents::new(MountEvents::new(hub, "/mnt/t"), "home".to_owned());
        let discovery = Discovery::new(Arc::clone(&vfs), None).with_events(events);
        Self { vfs, discovery, inbox }
    }

    /// Returns one after its first look.
    async fn started(torrent_count: u8) -> Self {
        let mut session = Self::new(Flaky::new(torrent_count));
        session.vfs.source(ServerId::FIRST).unwrap().uptime.store(1000, Ordering::Relaxed);
        session.discovery.poll(&PollOptions::default()).await.unwrap();
        session.discovery.events.begin();
        session
    }

    fn source(&self) -> &FakeSource {
        &self.flaky().source
    }

    fn flaky(&self) -> &Flaky {
        self.vfs.source(ServerId::FIRST).unwrap()
    }

    /// Polls, and returns the events since the last call.
    async fn poll(&mut self) -> String {
        let options = PollOptions { is_urgent: true, ..PollOptions::default() };
        drop(self.discovery.poll(&options).await);
        self.events()
    }

    fn events(&self) -> String {
        let batch = self.inbox.take();
        let texts = batch.named().iter().map(|event| {
            let ServiceEvent { event, name, path, server, error, .. } = &**event;
            let name = name.as_deref().or(server.as_deref()).unwrap_or("-");
            let path = path.as_deref().unwrap_or("-");
            let error = error.as_deref().unwrap_or("-");
            format!("{event} {name} {path} {error}")
        });
        texts.collect::<Vec<_>>().join("; ")
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_look_sends_nothing_and_later_changes_do() {
    let mut session = EventSession::started(2).await;
    assert_eq!(session.events(), "");
    assert_eq!(session.poll().await, "");
    session.source().add(kept(single_file(3, "new\n\"film\".mkv", 1)));
    let added = session.poll().await;
    let name = added.split(' ').nth(1).unwrap().to_owned();
    assert!(added.starts_with("torrent_added new"), "{added}");
    assert!(added.ends_with("; tree_changed - - -") && name.contains("film"), "{added}");
    session.source().remove(hash(3));
    let removed = session.poll().await;
    assert!(removed.starts_with("torrent_removed new"), "{removed}");
    assert!(removed.contains("/mnt/t/new"), "{removed}");
}

#[tokio::test(start_paused = true)]
async fn a_torrent_finishes_once() {
    let have =
        |bytes: u64| move |it: &mut TorrentSummary| it.file_progress = Some(vec![bytes].into());
    let mut session = EventSession::new(Flaky::new(1));
    session.source().update(hash(1), have(0));
    assert_eq!(session.poll().await, "");
    session.discovery.events.begin();
    session.source().update(hash(1), have(1));
    assert_eq!(session.poll().await, "torrent_finished t1 /mnt/t/t1 -");
    // Pieces are lost, or freed, and come again.
    session.source().update(hash(1), have(0));
    assert_eq!(session.poll().await, "");
    session.source().update(hash(1), have(1));
    assert_eq!(session.poll().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_server_that_lists_nothing_sends_nothing() {
    let mut session = EventSession::started(3).await;
    let all = session.source().all_details();
    for id in 1..=3 {
        session.source().remove(hash(id));
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    session.flaky().uptime.store(10, Ordering::Relaxed);
    assert_eq!(session.poll().await, "");
    tokio::time::advance(Duration::from_secs(600)).await;
    session.flaky().uptime.store(610, Ordering::Relaxed);
    assert_eq!(session.poll().await, "");
    for details in all {
        session.source().add(details);
    }
    assert_eq!(session.poll().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_torrent_whose_details_are_late_is_part_of_the_first_look() {
    let flaky = Flaky::new(2);
    flaky.hide(2, Some(SourceErrorKind::TimedOut));
    let mut session = EventSession::new(flaky);
    session.discovery.poll(&PollOptions::default()).await.unwrap();
    session.discovery.events.begin();
    assert_eq!(session.events(), "");
    session.flaky().hide(2, None);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(session.poll().await, "tree_changed - - -");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_for_a_while_is_told_once_and_a_short_time_is_not() {
    let session = EventSession::started(1).await;
    let EventSession { vfs, discovery, inbox } = session;
    let flaky = || vfs.source(ServerId::FIRST).unwrap();
    let (_requests, receiver) = mpsc::channel(1);
    let intervals = PollIntervals::fixed(Duration::from_secs(5));
    let task = tokio::spawn(discovery.poll_loop(intervals, receiver, false));
    let kinds = || inbox.take().named().iter().map(|it| it.event).collect::<Vec<_>>();
    let pass = async |seconds| tokio::time::sleep(Duration::from_secs(seconds)).await;
    pass(6).await;
    flaky().set_down(true);
    pass(12).await;
    flaky().set_down(false);
    pass(12).await;
    assert_eq!(kinds(), []);
    flaky().set_down(true);
    pass(120).await;
    assert_eq!(kinds(), [EventKind::ServerDown]);
    flaky().set_down(false);
    pass(12).await;
    assert_eq!(kinds(), [EventKind::ServerUp]);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_tfs_sends_nothing_for_what_changed_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let identity = || ServerIdentity::of_dir(Path::new("/srv/t"));
    let (state, _) = tfs_state::ServerState::open(dir.path(), identity()).await.unwrap();
    let vfs = Arc::new(Vfs::new(Arc::new(Flaky::new(2)), VfsConfig::default()));
    let mut discovery = Discovery::new(Arc::clone(&vfs), Some(state.recorder()));
    discovery.poll(&PollOptions::default()).await.unwrap();
    drop(discovery);
    state.close().await;
    // The same server with one torrent more.
    let (state, known) = tfs_state::ServerState::open(dir.path(), identity()).await.unwrap();
    let mut session = EventSession::new(Flaky::new(3));
    session.discovery.recorder = Some(state.recorder());
    session.discovery.remember(&known);
    session.discovery.restore(known);
    assert!(session.discovery.is_tree_known());
    session.discovery.events.begin();
    assert_eq!(session.poll().await, "");
    assert_eq!(session.vfs.counts().torrents, 3);
    session.source().add(kept(single_file(4, "t4", 1)));
    assert_eq!(
        session.poll().await,
        "torrent_added t4 /mnt/t/t4 -; torrent_finished t4 /mnt/t/t4 -; tree_changed - - -"
    );
    state.close().await;
}
