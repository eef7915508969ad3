//! The times of torrents: created, added or finished.

use std::sync::{Arc, Mutex};

use crate::support::{SEEN_AT, child};
use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::{
    Bitfield, Child, InfoHash, Ino, InvalidationSink, RestoredTorrent, ServerId, TorrentDetails,
    TorrentTime, Vfs, VfsConfig,
};

const CREATED: i64 = SEEN_AT - 1000;

/// Counts the nodes whose attributes changed.
#[derive(Debug, Default)]
struct AttrNotices(Mutex<Vec<Ino>>);

impl InvalidationSink for AttrNotices {
    fn entry_added(&self, _parent: Ino, _name: &str) {}

    fn entry_removed(&self, _parent: Ino, _name: &str, _child: Child) {}

    fn attr_changed(&self, _parent: Ino, ino: Ino) {
        self.0.lock().unwrap().push(ino);
    }
}

fn hash(id: u8) -> InfoHash {
    InfoHash::from_bytes([id; 20])
}

fn film(id: u8) -> TorrentDetails {
    let files = [("film.mkv", 100), ("extra/a.mkv", 10)];
    TorrentDetails { created: Some(CREATED), ..directory(id, &format!("t{id}"), &files) }
}

/// Returns a filesystem whose source has two torrents, of which nothing is there.
fn stage(times: TorrentTime) -> (FakeSource, Vfs<FakeSource>) {
    let source = FakeSource::new(4);
    source.add(film(1));
    source.add(TorrentDetails { created: None, ..single_file(2, "t2", 7) });
    let config = VfsConfig { times, ..VfsConfig::default() };
    (source.clone(), Vfs::new(Arc::new(source), config))
}

/// Applies the listing, with this progress of the first torrent.
fn apply(source: &FakeSource, vfs: &Vfs<FakeSource>, progress: &[u64], at: i64) {
    let mut listing = source.listing();
    for summary in &mut listing {
        let is_film = summary.info_hash == hash(1);
        summary.file_progress = Some(if is_film { progress.into() } else { [0].into() });
    }
    vfs.apply(ServerId::FIRST, listing, source.all_details(), at);
}

fn mtimes(vfs: &Vfs<FakeSource>) -> [i64; 2] {
    ["t1", "t2"].map(|name| child(vfs, Ino::ROOT, name).unwrap().mtime)
}

#[test]
fn each_setting_shows_its_time() {
    for (times, want) in [
        (TorrentTime::Created, [CREATED, SEEN_AT]),
        (TorrentTime::Added, [SEEN_AT; 2]),
        (TorrentTime::Finished, [SEEN_AT + 5, SEEN_AT]),
    ] {
        let (source, vfs) = stage(times);
        apply(&source, &vfs, &[0, 0], SEEN_AT);
        let all = [hash(1), hash(2), hash(9)];
        let note = |at| vfs.note_finished(ServerId::FIRST, &all, Some(at));
        assert_eq!(note(SEEN_AT + 1), []);
        apply(&source, &vfs, &[100, 9], SEEN_AT + 3);
        assert_eq!(note(SEEN_AT + 4), []);
        apply(&source, &vfs, &[100, 10], SEEN_AT + 5);
        assert_eq!(note(SEEN_AT + 5), [(hash(1), SEEN_AT + 5)]);
        // It finishes once, also after a check that found less.
        apply(&source, &vfs, &[0, 0], SEEN_AT + 6);
        apply(&source, &vfs, &[100, 10], SEEN_AT + 7);
        assert_eq!(note(SEEN_AT + 8), []);
        assert_eq!(mtimes(&vfs), want, "{times:?}");
        // Metadata that comes later changes only the creation date.
        let details = TorrentDetails { created: Some(CREATED - 1), ..film(1) };
        let is_shown = times == TorrentTime::Created;
        let corrected = vfs.correct_metadata(ServerId::FIRST, &[details]);
        assert_eq!(corrected, usize::from(is_shown), "{times:?}");
        assert_eq!(mtimes(&vfs)[0], if is_shown { CREATED - 1 } else { want[0] }, "{times:?}");
    }
}

#[test]
fn an_on_demand_torrent_finishes_with_all_its_files() {
    let (source, vfs) = stage(TorrentTime::Finished);
    let first = Bitfield::from_fn(2, |file| file == 0).unwrap();
    vfs.set_selection(ServerId::FIRST, hash(1), Some(first), SEEN_AT);
    vfs.set_on_demand(ServerId::FIRST, [hash(1)].into());
    let note = || vfs.note_finished(ServerId::FIRST, &[hash(1)], Some(SEEN_AT + 5));
    apply(&source, &vfs, &[100, 9], SEEN_AT);
    assert_eq!(note(), []);
    apply(&source, &vfs, &[100, 10], SEEN_AT + 1);
    assert_eq!(note().len(), 1);
}

#[test]
fn a_torrent_that_finishes_shows_it_at_once_and_keeps_its_numbers() {
    let (source, vfs) = stage(TorrentTime::Finished);
    apply(&source, &vfs, &[0, 0], SEEN_AT);
    let told = Arc::<AttrNotices>::default();
    vfs.set_sink(Some(Arc::<AttrNotices>::clone(&told)));
    let top = vfs.lookup(Ino::ROOT, b"t1").unwrap().attr;
    let file = vfs.lookup(top.ino, b"film.mkv").unwrap().attr;
    let dir = child(&vfs, top.ino, "extra").unwrap();
    let handle = vfs.open(file.ino).unwrap();
    apply(&source, &vfs, &[100, 10], SEEN_AT + 1);
    told.0.lock().unwrap().clear();
    vfs.note_finished(ServerId::FIRST, &[hash(1)], Some(SEEN_AT + 9));
    let mut told = std::mem::take(&mut *told.0.lock().unwrap());
    told.sort();
    // The root shows the newest time of its torrents until something is added or removed.
    let mut want = vec![Ino::ROOT, top.ino, file.ino];
    want.sort();
    assert_eq!(told, want);
    for (parent, name, before) in
        [(Ino::ROOT, "t1", top), (top.ino, "film.mkv", file), (top.ino, "extra", dir)]
    {
        let now = child(&vfs, parent, name).unwrap();
        assert_eq!((now.ino, now.mtime), (before.ino, SEEN_AT + 9), "{name}");
    }
    vfs.release(handle);
}

#[test]
fn what_is_not_selected_need_not_be_there() {
    for (selected, progress, is_finished) in [
        (&[0_u32][..], [100, 0], true),
        (&[0], [99, 10], false),
        // With nothing selected rqbit says that it has finished.
        (&[], [0, 0], false),
        (&[], [100, 10], true),
    ] {
        let (source, vfs) = stage(TorrentTime::Finished);
        apply(&source, &vfs, &progress, SEEN_AT);
        let bits = Bitfield::from_fn(2, |file| selected.contains(&file));
        vfs.set_selection(ServerId::FIRST, hash(1), bits, SEEN_AT);
        let found = vfs.note_finished(ServerId::FIRST, &[hash(1)], Some(SEEN_AT));
        assert_eq!(!found.is_empty(), is_finished, "{selected:?} {progress:?}");
    }
}

#[test]
fn times_stay_over_a_restart_and_over_a_removal() {
    let (source, vfs) = stage(TorrentTime::Finished);
    let remembered = RestoredTorrent {
        info_hash: hash(1),
        name: "t1".to_owned(),
        first_seen: SEEN_AT,
        finished_at: Some(SEEN_AT + 7),
    };
    vfs.remember(ServerId::FIRST, Some(SEEN_AT), [remembered]);
    apply(&source, &vfs, &[100, 10], SEEN_AT + 50);
    assert_eq!(mtimes(&vfs), [SEEN_AT + 7, SEEN_AT + 50]);
    let note = |at| vfs.note_finished(ServerId::FIRST, &[hash(1)], at);
    assert_eq!(note(None), []);
    vfs.apply(ServerId::FIRST, Vec::new(), Vec::new(), SEEN_AT + 60);
    apply(&source, &vfs, &[100, 10], SEEN_AT + 70);
    assert_eq!(mtimes(&vfs), [SEEN_AT + 7, SEEN_AT + 50]);
}

#[test]
fn a_torrent_that_was_complete_at_first_sight_finished_then() {
    let (source, vfs) = stage(TorrentTime::Finished);
    apply(&source, &vfs, &[100, 10], SEEN_AT);
    let found = vfs.note_finished(ServerId::FIRST, &[hash(1)], None);
    assert_eq!(found, [(hash(1), SEEN_AT)]);
    // A clock that was set back does not make a torrent finish before it was added.
    let (source, vfs) = stage(TorrentTime::Finished);
    apply(&source, &vfs, &[100, 10], SEEN_AT);
    let found = vfs.note_finished(ServerId::FIRST, &[hash(1)], Some(7));
    assert_eq!(found, [(hash(1), SEEN_AT)]);
}
