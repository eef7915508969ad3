//! What `proc_pidinfo` (libproc.h) reports of this process.

use std::mem::MaybeUninit;
use std::time::Duration;

use super::ProcessResources;

/// Returns the fields that the system reports; the others are those of the default.
pub(super) fn of_the_system() -> ProcessResources {
    #[expect(unsafe_code, reason = "no safe crate has proc_pidinfo")]
    // SAFETY: `proc_taskinfo` is a C structure of numbers, and belongs to this flavor.
    let task = unsafe { info::<libc::proc_taskinfo>(libc::PROC_PIDTASKINFO) };
    #[expect(unsafe_code, reason = "no safe crate has proc_pidinfo")]
    // SAFETY: `proc_bsdinfo` is a C structure of numbers, and belongs to this flavor.
    let process = unsafe { info::<libc::proc_bsdinfo>(libc::PROC_PIDTBSDINFO) };
    ProcessResources {
        resident_bytes: task.map(|task| task.pti_resident_size),
        virtual_bytes: task.map(|task| task.pti_virtual_size),
        threads: task.and_then(|task| u64::try_from(task.pti_threadnum).ok()),
        started_at: process.and_then(|process| {
            let micros = Duration::from_micros(process.pbi_start_tvusec);
            Duration::from_secs(process.pbi_start_tvsec).checked_add(micros)
        }),
        ..ProcessResources::default()
    }
}

/// Asks for one kind of information on this process.
///
/// # Safety
/// `T` must be the structure of `flavor`, and valid for all bit patterns.
#[expect(unsafe_code, reason = "the caller vouches for the structure")]
unsafe fn info<T: Copy>(flavor: libc::c_int) -> Option<T> {
    let pid = libc::c_int::try_from(std::process::id()).ok()?;
    let len = libc::c_int::try_from(size_of::<T>()).ok()?;
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the buffer has `len` bytes, and the call writes no more.
    let written = unsafe { libc::proc_pidinfo(pid, flavor, 0, value.as_mut_ptr().cast(), len) };
    // SAFETY: it was zeroed, and any bytes are a valid `T`.
    let value = unsafe { value.assume_init() };
    (written == len).then_some(value)
}
