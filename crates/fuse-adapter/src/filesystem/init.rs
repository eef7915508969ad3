//! Negotiation with the kernel before the first request.

use fuser::{InitFlags, KernelConfig};

use crate::passthrough::PassthroughFiles;

/// Wanted capabilities. Each is requested alone, since fuser refuses all if one is unsupported.
///
/// Not requested: `AUTO_INVAL_DATA` (bytes never change), `READDIRPLUS_AUTO` (its heuristic fails
/// for `find -size`: 100,000 lookups instead of 514 listings), `WRITEBACK_CACHE` (the mount is
/// read-only), `ABORT_ERROR` (fuser 0.18 treats it as a failure), `OVER_IO_URING` (fuser does not
/// support it; the mount would hang).
const WANTED: [InitFlags; 5] = [
    // File handles (`open_by_handle_at`, NFS) stay valid after the kernel has dropped the inode and
    // after a remount: the kernel then looks up `.` and `..` by number.
    InitFlags::FUSE_EXPORT_SUPPORT,
    // One slow lookup must not block the others of its directory.
    InitFlags::FUSE_PARALLEL_DIROPS,
    // `ls -l` and `find` get the attributes with the names.
    InitFlags::FUSE_DO_READDIRPLUS,
    // Link targets never change.
    InitFlags::FUSE_CACHE_SYMLINKS,
    // O_DIRECT readers send their requests in parallel.
    InitFlags::FUSE_ASYNC_DIO,
];

/// Maximum number of background requests in flight. With fuser's default of 16, twenty readers of
/// one dead torrent block all reads of the mount.
const MAX_BACKGROUND: u16 = 256;

/// Number of background requests from which the kernel holds back read-ahead: three quarters, the
/// kernel's default ratio.
const CONGESTION_THRESHOLD: u16 = 192;

/// Maximum stacking depth of filesystems below passthrough files. 1 allows plain filesystems such
/// as ext4, but not overlayfs. With 2, the mount itself could not be a layer of another filesystem.
const STACK_DEPTH: u32 = 1;

/// Requests the wanted capabilities and skips those that the kernel lacks.
pub(super) fn negotiate(config: &mut KernelConfig, passthrough: &PassthroughFiles) {
    if passthrough.is_allowed() {
        let granted = config
            .add_capabilities(InitFlags::FUSE_PASSTHROUGH)
            .map_err(|missing| format!("{missing:?}"))
            .and_then(|()| config.set_max_stack_depth(STACK_DEPTH).map_err(|it| it.to_string()));
        if let Err(refused) = granted {
            passthrough.disallow();
            tracing::info!(refused, "the kernel does not support passthrough");
        }
    }
    for capability in WANTED {
        if let Err(missing) = config.add_capabilities(capability) {
            tracing::debug!(?missing, "the kernel cannot do this");
        }
    }
    // `max_write` keeps its default. It also limits reads, and the default allows 1 MiB.
    for (limit, result) in [
        ("max_background", config.set_max_background(MAX_BACKGROUND)),
        ("congestion_threshold", config.set_congestion_threshold(CONGESTION_THRESHOLD)),
    ] {
        if let Err(nearest) = result {
            tracing::debug!(limit, nearest, "limit refused");
        }
    }
}
