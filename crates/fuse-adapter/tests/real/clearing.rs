//! Clearing the kernel's caches: cached data is read again, no entry vanishes, and no call hangs.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::thread;

use fuse_adapter::{FuseMount, KernelCaches, KernelCleared};
use tfs_testkit::fake::directory;

use crate::support::{Fixture, TestReader, check_file, first_file, quickly, run};

const ALL: KernelCaches = KernelCaches { has_data: true, has_metadata: true };
const DATA: KernelCaches = KernelCaches { has_data: true, has_metadata: false };

fn clear(fixture: &Fixture, mount: &FuseMount, caches: KernelCaches) -> KernelCleared {
    let nodes = fixture.vfs.known_nodes();
    quickly(|| {
        fixture.vfs.clear_data();
        fixture.runtime.block_on(mount.kernel_side().clear(nodes, caches))
    })
}

#[test]
fn what_was_cleared_is_read_again() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("file", 3_000_000), ("other", 5)])]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("t/file");
        let mut opened = 0;
        for caches in [DATA, ALL] {
            check_file(&path, first_file());
            let before = fixture.source.fake.opened().len();
            assert!(before > opened, "the source was asked");
            check_file(&path, first_file());
            assert_eq!(fixture.source.fake.opened().len(), before, "the kernel has it");
            let cleared = clear(&fixture, &mount, caches);
            assert_eq!((cleared.files, cleared.files_in_use), (1, 0), "{cleared:?}");
            assert_eq!(cleared.names, u64::from(caches.has_metadata));
            opened = before;
        }
        check_file(&path, first_file());
        assert!(fixture.source.fake.opened().len() > opened);
        fixture.finish(mount);
    });
}

#[test]
fn who_stands_in_the_tree_or_has_a_file_open_notices_nothing() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "t", &[("file", 3_000_000)])]);
        let mount = fixture.mount(dir);
        std::env::set_current_dir(mount.mountpoint().join("t")).unwrap();
        let file = File::open("file").unwrap();
        file.read_exact_at(&mut [0; 10], 0).unwrap();
        let ino = |path: &str| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
        let before = ino("file");
        clear(&fixture, &mount, ALL);
        assert_eq!(std::env::current_dir().unwrap(), mount.mountpoint().join("t"));
        assert_eq!(ino("file"), before);
        file.read_exact_at(&mut [0; 10], 2_000_000).unwrap();
        drop(file);
        std::env::set_current_dir("/").unwrap();
        fixture.finish(mount);
    });
}

#[test]
fn reads_that_wait_do_not_hold_it_up() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([
            directory(1, "t", &[("file", 30_000_000)]),
            directory(2, "u", &[("file", 1_000_000)]),
        ]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("t/file");
        fs::read(mount.mountpoint().join("u/file")).unwrap();
        let reader = TestReader::start(&fixture, &path, first_file());
        let cleared = clear(&fixture, &mount, ALL);
        assert_eq!((cleared.files, cleared.files_in_use), (1, 1), "{cleared:?}");
        thread::scope(|scope| {
            let other = scope.spawn(|| check_file(&path, first_file()));
            fixture.source.fake.let_go(first_file());
            other.join().unwrap();
        });
        reader.kill();
        fixture.finish(mount);
    });
}
