//! What this kernel's FUSE can do, without a mount.
//!
//! The kernel says so only in its first request to a new filesystem (`FUSE_INIT`). The probe
//! creates a filesystem with `fsopen(2)` that is attached nowhere, reads the request, and closes
//! it: no other process sees it. No file in `/sys` or `/proc` has the version.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;

use fuser::InitFlags;
use rustix::fs::OFlags;
use rustix::mount::{FsOpenFlags, fsconfig_create, fsconfig_set_string, fsopen};
use rustix::process::{getegid, geteuid};
use tfs_sys::mounting::KernelFuse;

/// The kernel refuses to write requests into smaller buffers (`FUSE_MIN_READ_BUFFER`).
const BUFFER_BYTES: usize = 8192;

/// The number of the request (`FUSE_INIT`).
const INIT: u32 = 26;

/// Offset of the request's body: the size of `struct fuse_in_header`.
const BODY: usize = 40;

/// Asks the kernel.
///
/// # Errors
/// Without `CAP_SYS_ADMIN`, `/dev/fuse` or `fsopen(2)` (Linux 5.2), or if the answer is
/// malformed. Does not block.
pub fn probe_kernel_fuse() -> io::Result<KernelFuse> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(nonblocking);
    let mut device = options.open("/dev/fuse")?;
    let context = fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let options = [
        ("fd", device.as_raw_fd().to_string()),
        ("rootmode", "40000".to_owned()),
        ("user_id", geteuid().as_raw().to_string()),
        ("group_id", getegid().as_raw().to_string()),
    ];
    for (key, value) in options {
        fsconfig_set_string(&context, key, value)?;
    }
    fsconfig_create(&context)?;
    let mut request = [0; BUFFER_BYTES];
    let length = device.read(&mut request)?;
    let request = request.get(..length).unwrap_or_default();
    parse(request).ok_or_else(|| io::Error::other("the kernel's first request is malformed"))
}

/// Parses the first request: `struct fuse_in_header` and `struct fuse_init_in`
/// (`linux/fuse.h`).
fn parse(request: &[u8]) -> Option<KernelFuse> {
    let number = |offset: usize| {
        let bytes = request.get(offset..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*bytes))
    };
    if number(4)? != INIT {
        return None;
    }
    let low = u64::from(number(BODY + 12)?);
    // Kernels without `FUSE_INIT_EXT` send no upper half.
    let has_high = InitFlags::from_bits_retain(low).contains(InitFlags::FUSE_INIT_EXT);
    let high = if has_high { u64::from(number(BODY + 16)?) } else { 0 };
    let flags = InitFlags::from_bits_retain(high << 32 | low);
    Some(KernelFuse {
        protocol: (number(BODY)?, number(BODY + 4)?),
        has_passthrough: flags.contains(InitFlags::FUSE_PASSTHROUGH),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(opcode: u32, minor: u32, flags: u64) -> Vec<u8> {
        let [low, high] =
            [flags & 0xffff_ffff, flags >> 32].map(|half| u32::try_from(half).unwrap());
        let mut words = vec![104, opcode];
        words.extend([0; 8]);
        words.extend([7, minor, 0, low, high]);
        words.into_iter().flat_map(u32::to_ne_bytes).collect()
    }

    #[test]
    fn the_first_request_has_version_and_flags() {
        let check = |request: &[u8], want: Option<((u32, u32), bool)>| {
            let parsed = parse(request);
            assert_eq!(parsed.map(|it| (it.protocol, it.has_passthrough)), want);
        };
        let passthrough = InitFlags::FUSE_PASSTHROUGH.bits();
        let extended = InitFlags::FUSE_INIT_EXT.bits();
        check(&request(INIT, 45, passthrough | extended), Some(((7, 45), true)));
        check(&request(INIT, 31, 0), Some(((7, 31), false)));
        // Without the extension the upper half is padding.
        check(&request(INIT, 31, passthrough), Some(((7, 31), false)));
        check(&request(1, 45, 0), None);
        check(&request(INIT, 45, 0)[..50], None);
        check(&[], None);
    }

    #[test]
    fn this_kernel_is_asked_without_a_mount() {
        let mounts = || std::fs::read_to_string("/proc/self/mounts").unwrap();
        let before = mounts();
        match probe_kernel_fuse() {
            Ok(kernel) => assert_eq!(kernel.protocol.0, 7),
            Err(error) => {
                assert!(!geteuid().is_root() || error.raw_os_error().is_some(), "{error}");
            }
        }
        assert_eq!(before.lines().count(), mounts().lines().count());
    }
}
