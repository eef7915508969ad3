//! Control of caches before a measurement.

use std::fs::{self, File};
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// Drops a file's pages from the page cache.
pub(crate) fn forget_pages(path: &Path) {
    let file = File::open(path).unwrap();
    // Dirty pages would not be dropped.
    file.sync_all().unwrap_or_default();
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
}

/// Drops all dentries and inodes of all filesystems from the kernel's caches.
pub(crate) fn forget_names() {
    // 2: dentries and inodes, see proc_sys_vm(5).
    fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
}

/// Loads all pages of a file into the page cache.
pub(crate) fn warm(path: &Path) {
    std::io::copy(&mut File::open(path).unwrap(), &mut std::io::sink()).unwrap();
}

/// Makes the kernel hold this much free memory. A virtual machine may have returned unused memory
/// to its host. A read into the page cache then waits for the host, which takes several times as
/// long as the read and says nothing about the filesystems.
pub(crate) fn have_free_memory(bytes: u64) {
    drop(std::hint::black_box(vec![1_u8; usize::try_from(bytes).unwrap()]));
}

/// Sets the read-ahead of one mount to that of another.
pub(crate) fn share_read_ahead(from: &Path, to: &Path) {
    fs::copy(read_ahead_file(from), read_ahead_file(to)).unwrap();
}

fn read_ahead_file(path: &Path) -> String {
    let device = nix::sys::stat::stat(path).unwrap().st_dev;
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb")
}
