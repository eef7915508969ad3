//! Notifications to a front end that caches names and attributes: everything that it may have
//! cached wrongly, and nothing else.

use std::sync::{Arc, Mutex};

use crate::support::{child, vfs_of};
use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::{
    Child, InfoHash, Ino, InvalidationSink, NodeKind, ServerId, Validity, Vfs, VfsConfig,
};

/// Records notifications.
#[derive(Debug, Default)]
pub(crate) struct NotifiedNames(Mutex<Vec<String>>);

impl NotifiedNames {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl InvalidationSink for NotifiedNames {
    fn entry_added(&self, parent: Ino, name: &str) {
        self.note(format!("{} has {name}", parent.0));
    }

    fn entry_removed(&self, parent: Ino, name: &str, child: Child) {
        self.note(format!("{} lost {name}, {:?} {}", parent.0, child.kind, child.ino.0));
    }

    fn attr_changed(&self, parent: Ino, ino: Ino) {
        self.note(format!("{} in {}", ino.0, parent.0));
    }
}

struct InvalidationStage {
    source: FakeSource,
    vfs: Vfs<FakeSource>,
    told: Arc<NotifiedNames>,
}

impl InvalidationStage {
    fn new(source: FakeSource) -> Self {
        let vfs = vfs_of(&source);
        let told = Arc::<NotifiedNames>::default();
        let sink: Arc<dyn InvalidationSink> = Arc::<NotifiedNames>::clone(&told);
        vfs.set_sink(Some(sink));
        Self { source, vfs, told }
    }

    /// Applies the listing and checks the notifications.
    #[track_caller]
    fn check(&self, want: &[String]) {
        self.vfs.apply(ServerId::FIRST, self.source.listing(), self.source.all_details(), 1);
        assert_eq!(self.told.take(), want);
    }

    fn set_progress(&self, torrent: InfoHash, have: &[u64]) {
        self.source.update(torrent, |summary| summary.file_progress = Some(have.into()));
    }

    /// Looks a name up and keeps the lookup.
    fn known(&self, parent: Ino, name: &str) -> Ino {
        self.vfs.lookup(parent, name.as_bytes()).unwrap().attr.ino
    }
}

#[test]
fn names_of_the_root_are_told() {
    let source = FakeSource::new(4);
    let old = source.add(directory(1, "old", &[("file", 1)]));
    let stage = InvalidationStage::new(source);
    let ino = child(&stage.vfs, Ino::ROOT, "old").unwrap().ino;
    stage.check(&[]);
    stage.source.add(single_file(2, "new", 1));
    stage.check(&["1 has new".to_owned()]);
    stage.source.remove(old);
    // Its content is unknown.
    stage.check(&[format!("1 lost old, Directory {}", ino.0)]);
    stage.vfs.set_sink(None);
    stage.source.add(single_file(3, "other", 1));
    stage.check(&[]);
}

#[test]
fn what_is_known_of_a_torrent_that_is_gone_is_told() {
    let source = FakeSource::new(4);
    let torrent = source.add(directory(1, "t", &[("a", 1), ("sub/b", 1)]));
    let stage = InvalidationStage::new(source);
    let top = stage.known(Ino::ROOT, "t");
    let sub = stage.known(top, "sub");
    let file = stage.known(sub, "b");
    stage.source.remove(torrent);
    let mut want = [(top, Ino::ROOT), (sub, top), (file, sub)]
        .map(|(ino, parent)| format!("{} in {}", ino.0, parent.0));
    let lost = format!("1 lost t, {:?} {}", NodeKind::Directory, top.0);
    stage.vfs.apply(ServerId::FIRST, stage.source.listing(), Vec::new(), 1);
    let mut told = stage.told.take();
    assert_eq!(told.pop(), Some(lost));
    told.sort();
    want.sort();
    assert_eq!(told, want);
}

#[test]
fn progress_is_told_of_what_is_known_and_shows_it() {
    let source = FakeSource::new(4);
    let torrent = source.add(directory(1, "t", &[("a", 100), ("b", 100), ("c", 100)]));
    let stage = InvalidationStage::new(source);
    stage.set_progress(torrent, &[0, 0, 0]);
    stage.check(&[]);
    let top = stage.known(Ino::ROOT, "t");
    let [a, b] = ["a", "b"].map(|name| stage.known(top, name));
    let told = |ino: Ino| format!("{} in {}", ino.0, top.0);
    stage.set_progress(torrent, &[1, 0, 1]);
    stage.check(&[told(a)]);
    stage.check(&[]);
    stage.set_progress(torrent, &[100, 100, 100]);
    stage.check(&[told(a), told(b)]);
    // A progress above the length is not shown.
    stage.set_progress(torrent, &[100, 200, 100]);
    stage.check(&[]);
    stage.vfs.forget(a, 1);
    stage.set_progress(torrent, &[50, 50, 50]);
    stage.check(&[told(b)]);
}

#[test]
fn nobody_was_told_anything_before_the_first_listing() {
    let source = FakeSource::new(4);
    source.add(single_file(1, "a", 1));
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let told = Arc::<NotifiedNames>::default();
    let sink: Arc<dyn InvalidationSink> = Arc::<NotifiedNames>::clone(&told);
    vfs.set_sink(Some(sink));
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1);
    assert_eq!(told.take(), [""; 0]);
}

#[test]
fn names_hold_as_long_as_nobody_says_otherwise() {
    let source = FakeSource::new(4);
    source.add(directory(1, "t", &[("a", 1)]));
    let vfs = vfs_of(&source);
    let top = child(&vfs, Ino::ROOT, "t").unwrap().ino;
    assert_eq!(vfs.names_validity(Ino::ROOT), Validity::Announced);
    assert_eq!(vfs.names_validity(top), Validity::Fixed);
    assert_eq!(vfs.names_validity(Ino(2)), Validity::Unannounced);
}

/// A remount sees the same torrents at another time, and must show the same.
#[test]
fn the_time_of_the_root_is_not_that_of_the_mount() {
    let source = FakeSource::new(4);
    let first = source.add(single_file(1, "a", 1));
    source.add(single_file(7, "b", 1));
    let root_mtime = |vfs: &Vfs<FakeSource>| vfs.attr(Ino::ROOT).unwrap().mtime;
    let vfs = vfs_of(&source);
    assert_eq!(root_mtime(&vfs), 1_000_000_007);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 2_000_000_000);
    assert_eq!(root_mtime(&vfs), 1_000_000_007);
    source.remove(first);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 2_000_000_000);
    assert_eq!(root_mtime(&vfs), 2_000_000_000);
    assert_eq!(root_mtime(&vfs_of(&source)), 1_000_000_007);
}
