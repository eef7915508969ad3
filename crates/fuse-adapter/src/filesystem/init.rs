//! What is negotiated with the kernel before the first request.

use fuser::{InitFlags, KernelConfig};

use crate::passthrough::PassthroughFiles;

/// What we want and what for. Each is asked for alone, since fuser refuses all if one is missing.
///
/// Left out on purpose: `AUTO_INVAL_DATA` (bytes never change), `READDIRPLUS_AUTO` (guesses wrong
/// for `find -size`: 100,000 lookups in place of 514 lists), `WRITEBACK_CACHE` (nothing is
/// written), `ABORT_ERROR` (fuser 0.18 takes it for a failure), `OVER_IO_URING` (fuser cannot; the
/// mount would hang).
const WANTED: [InitFlags; 5] = [
    // File handles (`open_by_handle_at`, NFS) are good also for what the kernel has forgotten, and
    // after a remount: it then looks up `.` and `..` by number.
    InitFlags::FUSE_EXPORT_SUPPORT,
    // One slow lookup must not stop the others of its directory.
    InitFlags::FUSE_PARALLEL_DIROPS,
    // `ls -l` and `find` get the attributes with the names.
    InitFlags::FUSE_DO_READDIRPLUS,
    // Targets never change.
    InitFlags::FUSE_CACHE_SYMLINKS,
    // O_DIRECT readers get their requests in parallel.
    InitFlags::FUSE_ASYNC_DIO,
];

/// How many reads the kernel may have under way in the background. With fuser's 16, twenty readers
/// of one dead torrent stop all reads of the mount.
const MAX_BACKGROUND: u16 = 256;

/// From how many on the kernel holds back read-ahead: three quarters, as is the kernel's habit.
const CONGESTION_THRESHOLD: u16 = 192;

/// On how many layers the files may lie that the kernel reads itself: on none, such as ext4, but
/// not overlayfs. With two the mount itself could not be a layer of any filesystem.
const STACK_DEPTH: u32 = 1;

/// Asks the kernel for what suits us. What it cannot do is left out.
pub(super) fn negotiate(config: &mut KernelConfig, passthrough: &PassthroughFiles) {
    if passthrough.is_allowed() {
        let granted = config
            .add_capabilities(InitFlags::FUSE_PASSTHROUGH)
            .map_err(|missing| format!("{missing:?}"))
            .and_then(|()| config.set_max_stack_depth(STACK_DEPTH).map_err(|it| it.to_string()));
        if let Err(refused) = granted {
            passthrough.disallow();
            tracing::info!(refused, "the kernel cannot read files itself");
        }
    }
    for capability in WANTED {
        if let Err(missing) = config.add_capabilities(capability) {
            tracing::debug!(?missing, "the kernel cannot do this");
        }
    }
    // `max_write` stays as it is: it also limits reads, and the default allows 1 MiB of them.
    for (limit, result) in [
        ("max_background", config.set_max_background(MAX_BACKGROUND)),
        ("congestion_threshold", config.set_congestion_threshold(CONGESTION_THRESHOLD)),
    ] {
        if let Err(nearest) = result {
            tracing::debug!(limit, nearest, "limit refused");
        }
    }
}
