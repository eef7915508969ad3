//! What is forgotten before a measurement, and by whom.

use std::fs::{self, File};
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// Makes the kernel forget the pages of a file.
pub(crate) fn forget_pages(path: &Path) {
    let file = File::open(path).unwrap();
    // Pages that are not written yet are not forgotten.
    file.sync_all().unwrap_or_default();
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
}

/// Makes the kernel forget all names and attributes, of all filesystems.
pub(crate) fn forget_names() {
    // 2: dentries and inodes, see proc_sys_vm(5).
    fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
}

/// Has the kernel hold all pages of a file.
pub(crate) fn warm(path: &Path) {
    std::io::copy(&mut File::open(path).unwrap(), &mut std::io::sink()).unwrap();
}

/// Has the kernel hold so much free memory that it need not ask for any. A virtual machine may
/// have given what nobody used back to its host, and a read into the page cache then waits for the
/// host: that takes several times as long as the read, and is nobody's merit or fault.
pub(crate) fn have_free_memory(bytes: u64) {
    drop(std::hint::black_box(vec![1_u8; usize::try_from(bytes).unwrap()]));
}

/// Lets the kernel read ahead as far for one mount as it does for another.
pub(crate) fn share_read_ahead(from: &Path, to: &Path) {
    fs::copy(read_ahead_file(from), read_ahead_file(to)).unwrap();
}

fn read_ahead_file(path: &Path) -> String {
    let device = nix::sys::stat::stat(path).unwrap().st_dev;
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb")
}
