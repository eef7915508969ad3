//! Bytes: a program reads exactly the source's content.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::thread;

use tfs_testkit::fake::{FakeSource, directory, file_id, single_file};

use crate::support::{Fixture, check_file, run, run_as_root};

/// One for each alignment of a length to pages and to the read-ahead window.
const LENGTHS: [u64; 9] = [0, 1, 4095, 4096, 4097, 131_072, 1_048_575, 3_000_000, 9_999_991];

#[test]
fn whole_files_are_their_content() {
    run(tfs_testkit::test_name!(), |dir| {
        let names: Vec<_> = LENGTHS.iter().map(|len| format!("folder/{len} bytes")).collect();
        let files: Vec<_> = names.iter().map(String::as_str).zip(LENGTHS).collect();
        let fixture = Fixture::new([directory(1, "torrent", &files)]);
        let mount = fixture.mount(dir);
        // The second read comes from the page cache.
        for _ in 0..2 {
            for (index, (name, len)) in (0..).zip(&files) {
                let path = mount.mountpoint().join("torrent").join(name);
                assert_eq!(fs::metadata(&path).unwrap().len(), *len);
                check_file(&path, file_id(1, index));
            }
        }
        fixture.finish(mount);
    });
}

#[test]
fn what_was_read_is_not_asked_for_again() {
    run_as_root(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([single_file(1, "file", 5_000_000)]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("file");
        check_file(&path, file_id(1, 0));
        let opened = fixture.source.fake.opened();
        // Windows of 1 MiB, after a first one that grows.
        assert!(opened.len() <= 12, "{opened:?}");
        check_file(&path, file_id(1, 0));
        assert_eq!(fixture.source.fake.opened().len(), opened.len());
        fixture.finish(mount);
    });
}

#[test]
fn random_reads_of_four_threads_are_right() {
    const LEN: u64 = 20_000_003;
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([single_file(1, "file", LEN)]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("file");
        let content = FakeSource::content(file_id(1, 0), LEN);
        thread::scope(|scope| {
            for seed in 1..=4_u64 {
                let path = &path;
                scope.spawn(move || {
                    let file = File::open(path).unwrap();
                    let mut random = seed;
                    for _ in 0..200 {
                        // A linear congruential generator is random enough for offsets.
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        let offset = (random >> 16) % (LEN + 5000);
                        let mut buf = vec![0; (random >> 40) as usize % 200_000];
                        let len = file.read_at(&mut buf, offset).unwrap();
                        let want = (buf.len() as u64).min(LEN.saturating_sub(offset));
                        assert_eq!(len as u64, want, "seed {seed} offset {offset}");
                        content.check(offset, &buf[..len]).unwrap();
                    }
                });
            }
        });
        fixture.finish(mount);
    });
}
