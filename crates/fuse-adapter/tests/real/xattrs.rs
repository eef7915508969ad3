//! Extended attributes, as seen by `getfattr` and scripts.

use std::path::Path;

use rustix::fs::{getxattr, getxattr_query, lgetxattr, listxattr, listxattr_query, llistxattr};
use rustix::io::Errno;
use tfs_testkit::fake::{directory, file_id, single_file};
use vfs_core::{FileEntry, FileKind, TorrentState};

use crate::support::{Fixture, run};

/// Returns all attributes as text, one per line.
fn dump(path: &Path) -> Vec<String> {
    let mut list = [0; 1000];
    let len = listxattr(path, &mut list).unwrap();
    assert_eq!(listxattr_query(path), Ok(len));
    let names = list[..len].split(|byte| *byte == 0).map(|name| str::from_utf8(name).unwrap());
    names
        .filter(|name| !name.is_empty())
        .map(|name| format!("{name}={}", value(path, name)))
        .collect()
}

#[track_caller]
fn value(path: &Path, name: &str) -> String {
    let mut value = [0; 100];
    let len = getxattr(path, name, &mut value).unwrap();
    assert_eq!(getxattr_query(path, name), Ok(len));
    // A buffer of exactly the length suffices, a shorter one does not.
    assert_eq!(getxattr(path, name, &mut value[..len]).unwrap(), len);
    if len > 1 {
        assert_eq!(getxattr(path, name, &mut *vec![0; len - 1]), Err(Errno::RANGE));
    }
    String::from_utf8(value[..len].to_vec()).unwrap()
}

#[test]
fn attributes_tell_what_stat_does_not() {
    run(tfs_testkit::test_name!(), |dir| {
        let mut details = directory(1, "t", &[("a", 1000), ("sub/b", 3000)]);
        details.files.push(FileEntry {
            path: vec!["link".to_owned()],
            len: 0,
            kind: FileKind::Symlink { target: vec!["a".to_owned()] },
        });
        let fixture = Fixture::new([details, single_file(2, "single", 10)]);
        fixture.source.fake.update(file_id(1, 0).torrent, |summary| {
            summary.state = TorrentState::Paused;
            summary.file_progress = Some([1000, 1000, 0].into());
        });
        fixture.apply();
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join(name);
        let hash = format!("user.tfs.info_hash={}", "01".repeat(20));
        let torrent = |index: Option<&str>, progress: &str, have: &str| {
            let mut lines = vec![hash.clone(), "user.tfs.name=t".to_owned()];
            lines.extend(index.map(|index| format!("user.tfs.file_index={index}")));
            lines.extend([
                "user.tfs.state=paused".to_owned(),
                format!("user.tfs.progress={progress}"),
                format!("user.tfs.have_bytes={have}"),
                "user.tfs.server=the fake".to_owned(),
            ]);
            lines
        };
        assert_eq!(dump(&path("t")), torrent(None, "50.00", "2000"));
        assert_eq!(dump(&path("t/a")), torrent(Some("0"), "100.00", "1000"));
        assert_eq!(dump(&path("t/sub")), torrent(None, "33.33", "1000"));
        assert_eq!(dump(&path("t/sub/b")), torrent(Some("1"), "33.33", "1000"));
        assert_eq!(value(&path("single"), "user.tfs.state"), "live");
        let tags = ["film", "kids"].map(str::to_owned);
        fixture.vfs.set_tags(file_id(2, 0).torrent, tags.into(), 1);
        assert_eq!(value(&path("single"), "user.tfs.tags"), "film,kids");
        assert_eq!(value(&path("t/link"), "user.tfs.file_index"), "0");
        assert_eq!(llistxattr(path("t/link"), &mut [0; 100]), Ok(0));
        assert_eq!(dump(mount.mountpoint()), [""; 0]);

        let missing = |path: &Path, name: &str| getxattr(path, name, &mut [0; 100]).unwrap_err();
        assert_eq!(missing(&path("t"), "user.tfs.file_index"), Errno::NODATA);
        assert_eq!(missing(&path("t/a"), "user.other"), Errno::NODATA);
        assert_eq!(missing(mount.mountpoint(), "user.tfs.state"), Errno::NODATA);
        assert_eq!(missing(&path("t/a"), "security.selinux"), Errno::OPNOTSUPP);
        assert_eq!(missing(&path("t/a"), "security.capability"), Errno::OPNOTSUPP);
        let of_link = lgetxattr(path("t/link"), "user.tfs.state", &mut [0; 100]);
        assert_eq!(of_link, Err(Errno::NODATA));
        // The kernel has not concluded that the filesystem has no attributes.
        assert_eq!(value(&path("t/a"), "user.tfs.have_bytes"), "1000");
        fixture.source.fake.update(file_id(1, 0).torrent, |summary| summary.file_progress = None);
        fixture.apply();
        // While the server reports no progress, as during a check, the last one is shown.
        assert_eq!(value(&path("t/a"), "user.tfs.progress"), "100.00");
        fixture.finish(mount);
    });
}
