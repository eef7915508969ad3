//! The mount table of macOS, from `getfsstat(2)`.

use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use super::{Device, MountEntry};

/// Room for mounts that appear between the two calls.
const FURTHER_MAX: usize = 16;

/// Maximum number of mounts that are read. Each takes 2 KiB.
const MOUNTS_MAX: usize = 4096;

/// Returns all mounts, oldest first. Asks no filesystem (`MNT_NOWAIT`), so it cannot hang on one.
pub(super) fn entries() -> io::Result<Vec<MountEntry>> {
    #[expect(unsafe_code, reason = "no safe crate has getfsstat")]
    // SAFETY: without a buffer the call only returns the number of mounts.
    let count = unsafe { libc::getfsstat(std::ptr::null_mut(), 0, libc::MNT_NOWAIT) };
    let count = usize::try_from(count).map_err(|_negative| io::Error::last_os_error())?;
    let len = count.saturating_add(FURTHER_MAX).min(MOUNTS_MAX);
    let mut buffer: Vec<MaybeUninit<libc::statfs>> = vec![MaybeUninit::zeroed(); len];
    let bytes = len.saturating_mul(size_of::<libc::statfs>());
    let bytes = libc::c_int::try_from(bytes).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "no safe crate has getfsstat")]
    // SAFETY: the buffer has `bytes` bytes, and the call writes no more.
    let count = unsafe { libc::getfsstat(buffer.as_mut_ptr().cast(), bytes, libc::MNT_NOWAIT) };
    let count = usize::try_from(count).map_err(|_negative| io::Error::last_os_error())?;
    let found = buffer.iter().take(count).map(|mount| {
        #[expect(unsafe_code, reason = "the kernel fills the structures")]
        // SAFETY: all fields are numbers and arrays of numbers; they were zeroed, and the call has
        // filled the first `count` ones.
        let mount = unsafe { mount.assume_init_ref() };
        entry(mount)
    });
    Ok(found.collect())
}

fn entry(mount: &libc::statfs) -> MountEntry {
    #[expect(unsafe_code, reason = "the numbers of an fsid_t are private in libc")]
    // SAFETY: `fsid_t` is a C structure of two `int32_t` (sys/_types/_fsid_t.h).
    let [device, of_type] = unsafe { std::mem::transmute::<libc::fsid_t, [i32; 2]>(mount.f_fsid) };
    let (device, of_type) = (device.cast_unsigned(), of_type.cast_unsigned());
    MountEntry {
        id: u64::from(of_type) << 32 | u64::from(device),
        // The table does not show which mount another one covers; the last one is on top.
        parent_id: 0,
        // As `major(3)` and `minor(3)` split it.
        device: Device { major: device >> 24, minor: device & 0x00FF_FFFF },
        mount_point: PathBuf::from(text(&mount.f_mntonname)),
        is_shared: false,
        fs_type: text(&mount.f_fstypename).to_string_lossy().into_owned(),
        source: text(&mount.f_mntfromname),
        user_id: Some(mount.f_owner),
    }
}

/// Returns the bytes before the first NUL.
fn text(field: &[libc::c_char]) -> OsString {
    let bytes = field.iter().map(|char| char.cast_unsigned()).take_while(|byte| *byte != 0);
    OsString::from_vec(bytes.collect())
}
