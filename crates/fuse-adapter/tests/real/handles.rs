//! File handles (`name_to_handle_at(2)`), with which NFS servers identify files: they stay valid
//! after the kernel has dropped the inode, and across remounts.

use std::fs;
use std::path::Path;
use std::process::Command;

use tfs_testkit::fake::{directory, single_file};

use crate::support::{Fixture, run_as_root};

/// Prints the handle of each path, or the target of each handle: its inode number, and the first
/// bytes of a file or the names in a directory.
const PROGRAM: &str = "
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
class Handle(ctypes.Structure):
    _fields_ = [('size', ctypes.c_uint), ('type', ctypes.c_int), ('bytes', ctypes.c_ubyte * 128)]
def take(path):
    handle, mount_id = Handle(size=128), ctypes.c_int()
    args = (-100, path.encode(), ctypes.byref(handle), ctypes.byref(mount_id), 0)
    assert libc.name_to_handle_at(*args) == 0, path
    return '%d:%s' % (handle.type, bytes(handle.bytes[:handle.size]).hex())
def look(mount, text):
    kind, data = text.split(':')
    data = bytes.fromhex(data)
    handle = Handle(size=len(data), type=int(kind))
    ctypes.memmove(handle.bytes, data, len(data))
    fd = libc.open_by_handle_at(mount, ctypes.byref(handle), os.O_RDONLY)
    if fd < 0:
        return errno.errorcode[ctypes.get_errno()]
    number = os.fstat(fd).st_ino
    try:
        return '%d %s' % (number, os.pread(fd, 8, 0).hex())
    except IsADirectoryError:
        return '%d %s' % (number, ' '.join(sorted(os.listdir(fd))))
if sys.argv[1] == 'take':
    print('\\n'.join(map(take, sys.argv[2:])))
else:
    mount = os.open(sys.argv[2], os.O_RDONLY)
    print('\\n'.join(look(mount, text) for text in sys.argv[3:]))
";

fn python(args: &[&str]) -> Vec<String> {
    let output = Command::new("python3").arg("-c").arg(PROGRAM).args(args).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Makes the kernel drop all unused names and inodes.
fn drop_caches() {
    fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
}

// https://github.com/trapexit/mergerfs/issues/576
// https://github.com/hanwen/go-fuse/issues/620
#[test]
fn file_handles_are_good_when_the_kernel_forgot_and_after_a_remount() {
    let test = tfs_testkit::test_name!();
    run_as_root(test, |dir| {
        let torrents = || {
            [
                directory(1, "torrent", &[("folder/deep/file", 10_000), ("b", 3)]),
                single_file(2, "single", 5000),
            ]
        };
        let names = ["torrent", "torrent/folder/deep", "torrent/folder/deep/file", "single", ""];
        let fixture = Fixture::new(torrents());
        let mount = fixture.mount(dir);
        let root = mount.mountpoint().to_owned();
        let paths = names.map(|name| root.join(name).to_str().unwrap().to_owned());
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let handles = python(&[&["take"], &paths[..]].concat());
        let look = |root: &Path| {
            let handles = handles.iter().map(String::as_str);
            python(&["look", root.to_str().unwrap()].into_iter().chain(handles).collect::<Vec<_>>())
        };
        let fresh = look(&root);
        assert!(fresh[1].ends_with(" file") && fresh[4].ends_with(" single torrent"), "{fresh:?}");
        assert_eq!(fresh[2].split(' ').nth(1).map(str::len), Some(16), "{fresh:?}");
        drop_caches();
        assert_eq!(look(&root), fresh);
        // The same with only the handle of a file.
        drop_caches();
        let one = python(&["look", root.to_str().unwrap(), &handles[2]]);
        assert_eq!(one, [fresh[2].as_str()]);
        fixture.finish(mount);

        let fixture = Fixture::new(torrents());
        let mount = fixture.mount(dir);
        assert_eq!(look(&root), fresh);
        // Handles of a removed torrent are stale, others stay valid.
        let gone = fixture.source.fake.listing()[0].info_hash;
        fixture.source.fake.remove(gone);
        fixture.apply();
        drop_caches();
        let after = look(&root);
        assert_eq!(after[..3], ["ESTALE"; 3]);
        assert_eq!(after[3], fresh[3]);
        fixture.finish(mount);
    });
}
