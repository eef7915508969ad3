//! Details and metadata that arrive after the tree was first shown.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use crate::support::{SEEN_AT, child, render, vfs_of};
use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::{
    Child, FileEntry, FileKind, Ino, InvalidationSink, Layout, MetadataStatus, ServerId,
    TorrentDetails, Vfs, VfsConfig,
};

/// Records the notifications to a front end.
#[derive(Debug, Default)]
struct Notified(Mutex<Vec<String>>);

impl Notified {
    fn take(&self) -> Vec<String> {
        let mut lines = std::mem::take(&mut *self.0.lock().unwrap());
        lines.sort();
        lines
    }
}

impl InvalidationSink for Notified {
    fn entry_added(&self, parent: Ino, name: &str) {
        self.0.lock().unwrap().push(format!("{} added {name}", parent.0));
    }

    fn entry_removed(&self, parent: Ino, name: &str, child: Child) {
        self.0.lock().unwrap().push(format!("{} removed {name} {}", parent.0, child.ino.0));
    }

    fn attr_changed(&self, _parent: Ino, ino: Ino) {
        self.0.lock().unwrap().push(format!("{} attributes", ino.0));
    }
}

/// A directory with a link, as shown from its details alone.
fn with_link() -> TorrentDetails {
    let mut details = directory(1, "t", &[("d/file", 100), ("d/other", 10)]);
    details.created = None;
    details.metadata = MetadataStatus::Pending;
    details.files.push(FileEntry {
        path: vec!["links".to_owned(), "link".to_owned()],
        len: 0,
        kind: FileKind::Symlink { target: Vec::new() },
    });
    details
}

/// The same once its metadata is known.
fn with_metadata(mut details: TorrentDetails) -> TorrentDetails {
    details.created = Some(1_600_000_000);
    details.piece_len = NonZeroU32::new(16384);
    details.metadata = MetadataStatus::Known;
    if let Some(link) = details.files.get_mut(2) {
        link.kind = FileKind::Symlink { target: vec!["d".to_owned(), "file".to_owned()] };
    }
    details
}

fn stage(details: TorrentDetails) -> (Vfs<FakeSource>, Arc<Notified>) {
    let source = FakeSource::new(4);
    source.add(details);
    let vfs = vfs_of(&source);
    let notified = Arc::<Notified>::default();
    let sink: Arc<dyn InvalidationSink> = Arc::<Notified>::clone(&notified);
    vfs.set_sink(Some(sink));
    (vfs, notified)
}

#[test]
fn metadata_that_comes_later_brings_links_and_dates_and_keeps_numbers() {
    let (vfs, notified) = stage(with_link());
    assert_eq!(render(&vfs), "t/\n  d/\n    file 100\n    other 10\n  links/\n");
    let top = vfs.lookup(Ino::ROOT, b"t").unwrap().attr;
    let dir = vfs.lookup(top.ino, b"d").unwrap().attr;
    let file = vfs.lookup(dir.ino, b"file").unwrap().attr;
    let other = child(&vfs, dir.ino, "other").unwrap();
    assert_eq!([top.mtime, file.mtime], [SEEN_AT; 2]);
    let handle = vfs.open(file.ino).unwrap();

    assert_eq!(vfs.correct_metadata(ServerId::FIRST, &[with_metadata(with_link())]), 1);
    assert_eq!(
        render(&vfs),
        "t/\n  d/\n    file 100\n    other 10\n  links/\n    link -> ../d/file\n"
    );
    for (attr, parent, name) in [
        (top, Ino::ROOT, "t"),
        (dir, top.ino, "d"),
        (file, dir.ino, "file"),
        (other, dir.ino, "other"),
    ] {
        let now = child(&vfs, parent, name).unwrap();
        assert_eq!((now.ino, now.mtime), (attr.ino, 1_600_000_000), "{name}");
        assert_eq!(vfs.attr(attr.ino).unwrap(), now, "{name}");
    }
    assert_eq!(vfs.attr(Ino::ROOT).unwrap().mtime, 1_600_000_000);
    let links = child(&vfs, top.ino, "links").unwrap();
    let mut want = vec![
        format!("{} attributes", Ino::ROOT.0),
        format!("{} attributes", top.ino.0),
        format!("{} attributes", dir.ino.0),
        format!("{} attributes", file.ino.0),
        format!("{} added link", links.ino.0),
    ];
    want.sort();
    assert_eq!(notified.take(), want);
    // The lookup counts continue: no other number was forgotten.
    vfs.forget(file.ino, 1);
    assert_eq!(vfs.readers().len(), 1);
    assert_eq!(vfs.readers()[0].path.as_deref(), Some("t/d/file"));
    vfs.release(handle);

    // The same metadata again changes nothing.
    assert_eq!(vfs.correct_metadata(ServerId::FIRST, &[with_metadata(with_link())]), 0);
    assert_eq!(notified.take(), [""; 0]);
    let hits = vfs.search(&vfs_core::Query::words("other").unwrap(), 5);
    assert_eq!(hits[0].path, "t/d/other");
}

#[test]
fn a_file_that_turns_out_to_be_a_directory_keeps_its_number() {
    let mut details = single_file(1, "a.bin", 50);
    details.metadata = MetadataStatus::Pending;
    let (vfs, notified) = stage(details.clone());
    let file = vfs.lookup(Ino::ROOT, b"a.bin").unwrap().attr;
    let handle = vfs.open(file.ino).unwrap();
    details.layout = Layout::Directory;
    details.metadata = MetadataStatus::Known;
    assert_eq!(vfs.correct_metadata(ServerId::FIRST, &[details.clone()]), 1);
    assert_eq!(render(&vfs), "a.bin/\n  a.bin 50\n");
    let top = child(&vfs, Ino::ROOT, "a.bin").unwrap();
    assert_eq!(child(&vfs, top.ino, "a.bin").unwrap().ino, file.ino);
    assert_ne!(top.ino, file.ino);
    let notices = notified.take();
    assert!(notices.contains(&format!("{} removed a.bin {}", Ino::ROOT.0, file.ino.0)));
    assert!(notices.contains(&format!("{} added a.bin", Ino::ROOT.0)));
    assert_eq!(vfs.attr(Ino::ROOT).unwrap().nlink, 3);
    vfs.release(handle);

    // And back: the number of the directory is known and has no entries.
    let top = vfs.lookup(Ino::ROOT, b"a.bin").unwrap().attr;
    details.layout = Layout::SingleFile;
    assert_eq!(vfs.correct_metadata(ServerId::FIRST, &[details]), 1);
    assert_eq!(render(&vfs), "a.bin 50\n");
    assert_eq!(vfs.attr(top.ino).unwrap().nlink, 0);
    vfs.open_dir(top.ino).unwrap_err();
    vfs.lookup(top.ino, b"a.bin").unwrap_err();
    vfs.forget(top.ino, 1);
    vfs.attr(top.ino).unwrap_err();
}

#[test]
fn details_that_come_late_are_added_and_take_no_name_from_the_others() {
    let source = FakeSource::new(4);
    for id in 1..=3 {
        source.add(single_file(id, "same", 1));
    }
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let (listing, mut all) = (source.listing(), source.all_details());
    let late = all.split_off(1);
    vfs.apply(ServerId::FIRST, listing.clone(), all, 1);
    assert_eq!(render(&vfs), "same 1\n");
    let waiting: Vec<_> = listing.into_iter().skip(1).collect();
    let changes = vfs.add_late(ServerId::FIRST, waiting.clone(), vec![late[1].clone()], 2);
    assert_eq!(changes.added.len(), 1);
    assert!(changes.removed.is_empty());
    assert_eq!(render(&vfs).lines().count(), 2);
    let changes = vfs.add_late(ServerId::FIRST, waiting, late, 3);
    assert_eq!(changes.added.len(), 1);
    assert_eq!(render(&vfs).lines().count(), 3);
}
