//! Torrents with unusual shapes, through the kernel.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use tfs_testkit::edge_cases::{DEEP_LEVELS, MANY_FILES, edge_case_torrents};
use tfs_testkit::fake::FakeSource;
use vfs_core::{FileId, FileIndex, FileKind};

use crate::support::{Fixture, run_long};

/// Number of bytes read of each file: its end, where offsets are largest.
const TAIL_BYTES: u64 = 9;

#[test]
fn edge_case_torrents_are_walked_and_read() {
    run_long(tfs_testkit::test_name!(), |dir| {
        let torrents = edge_case_torrents();
        let fixture = Fixture::new(torrents.clone());
        let mount = fixture.mount(dir);
        let root = mount.mountpoint();
        let names: BTreeSet<_> =
            fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, torrents.iter().map(|torrent| torrent.name.clone().into()).collect());

        // A program reaches every node, also nodes deeper than the maximum path length.
        let find = Command::new("find").arg(root).args(["-printf", "%y\n"]).output().unwrap();
        assert!(find.status.success(), "{}", String::from_utf8_lossy(&find.stderr));
        let found = find.stdout.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(found as u64, fixture.vfs.stats().inode_count);
        assert_eq!(fs::read_dir(root.join("many files")).unwrap().count(), MANY_FILES);

        let mut read_count = 0;
        for torrent in torrents.iter().filter(|torrent| torrent.files.len() < MANY_FILES) {
            let files = (0..).zip(&torrent.files);
            for (index, file) in files.filter(|(_, file)| file.kind == FileKind::Regular) {
                let path = file.path.iter().fold(root.join(&torrent.name), |at, it| at.join(it));
                // Files with escaped names are covered by the tests of names.
                let Ok(opened) = File::open(path) else { continue };
                let len = opened.metadata().unwrap().len();
                if len != file.len {
                    continue;
                }
                let mut tail = vec![0; usize::try_from(len.min(TAIL_BYTES)).unwrap()];
                let offset = len - tail.len() as u64;
                opened.read_exact_at(&mut tail, offset).unwrap();
                let id = FileId { torrent: torrent.info_hash, index: FileIndex(index) };
                FakeSource::content(id, len).check(offset, &tail).unwrap();
                read_count += 1;
            }
        }
        assert!(read_count >= 12, "{read_count}");

        // Step by step, as no path is long enough.
        env::set_current_dir(root.join("very deep")).unwrap();
        for level in 0..DEEP_LEVELS {
            env::set_current_dir(format!("d{level:04}")).unwrap();
        }
        assert_eq!(fs::read("file").unwrap().len(), 40);
        env::set_current_dir("/").unwrap();
        fixture.finish(mount);
    });
}
