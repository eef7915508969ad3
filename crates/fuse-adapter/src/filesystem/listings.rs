//! How long the kernel caches listings, and whether it sends opens of directories.
//!
//! A walk over cached directories costs two requests for each directory (open and close) and
//! nothing else. They also show that a program looks. Where that need not be known, the first open
//! is answered with `ENOSYS`: the kernel then sends no further opens and caches all listings.
//! Announced listings are then invalidated by notification, as in any case; unannounced ones are
//! invalidated as soon as they have been read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fuser::{FopenFlags, InitFlags, KernelConfig};
use vfs_core::{Ino, Validity};

use crate::notices::Notices;
use crate::ttl::Ttls;

/// Open flags of directories whose listing the kernel may cache.
const KEPT: FopenFlags = FopenFlags::FOPEN_CACHE_DIR.union(FopenFlags::FOPEN_KEEP_CACHE);

/// Listings in the kernel's cache.
#[derive(Debug)]
pub(crate) struct Listings {
    ttls: Arc<Ttls>,
    notices: Arc<Notices>,
    /// Whether every open must arrive.
    forwards_looks: bool,
    /// Whether the kernel supports directories without an open.
    can_skip_opens: AtomicBool,
    /// Whether the kernel was answered `ENOSYS`.
    skips_opens: AtomicBool,
}

/// Answer to the open of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirOpen {
    /// The directory is open, with these flags.
    Opened(FopenFlags),
    /// `ENOSYS`: the kernel sends no opens from now on.
    NeedNotAsk,
}

impl Listings {
    pub(crate) fn new(ttls: Arc<Ttls>, notices: Arc<Notices>, forwards_looks: bool) -> Self {
        let (can_skip_opens, skips_opens) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { ttls, notices, forwards_looks, can_skip_opens, skips_opens }
    }

    /// Records the kernel's capabilities.
    pub(super) fn negotiate(&self, config: &KernelConfig) {
        let can = config.capabilities().contains(InitFlags::FUSE_NO_OPENDIR_SUPPORT);
        self.can_skip_opens.store(can, Ordering::Relaxed);
    }

    /// Answers the open of a directory whose names have this validity.
    pub(super) fn open(&self, names: Validity) -> DirOpen {
        // Names that may change are cached only if the kernel supports notifications and the TTL
        // permits it.
        let may_keep_all = self.ttls.may_keep_names(Validity::Announced);
        if may_keep_all && !self.forwards_looks && self.can_skip_opens.load(Ordering::Relaxed) {
            self.skips_opens.store(true, Ordering::Relaxed);
            return DirOpen::NeedNotAsk;
        }
        let may_keep = self.ttls.may_keep_names(names);
        DirOpen::Opened(if may_keep { KEPT } else { FopenFlags::empty() })
    }

    /// Records that a directory was listed, in whole or in part.
    pub(super) fn on_listed(&self, dir: Ino, names: Validity) {
        if self.skips_opens.load(Ordering::Relaxed) && !self.ttls.may_keep_names(names) {
            self.notices.drop_listing(dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::AttrOptions;

    #[track_caller]
    fn check(
        (is_notify_supported, can_skip, forwards_looks): (bool, bool, bool),
        entry_ttl: Duration,
        want: [DirOpen; 3],
    ) {
        let ttls = Arc::new(Ttls::new(&AttrOptions { entry_ttl, ..AttrOptions::default() }));
        ttls.set_notify_supported(is_notify_supported);
        let listings =
            Listings::new(Arc::clone(&ttls), Arc::new(Notices::new(ttls)), forwards_looks);
        listings.can_skip_opens.store(can_skip, Ordering::Relaxed);
        let validities = [Validity::Fixed, Validity::Announced, Validity::Unannounced];
        let got = validities.map(|validity| listings.open(validity));
        assert_eq!(got, want, "{is_notify_supported} {can_skip} {entry_ttl:?}");
    }

    #[test]
    fn directories_are_not_opened_if_all_changes_are_told() {
        let (none, kept) = (DirOpen::Opened(FopenFlags::empty()), DirOpen::Opened(KEPT));
        let hour = Duration::from_secs(3600);
        check((true, true, false), hour, [DirOpen::NeedNotAsk; 3]);
        check((true, true, true), hour, [kept, kept, none]);
        check((true, false, false), hour, [kept, kept, none]);
        check((false, true, false), hour, [kept, none, none]);
        check((true, true, false), Duration::ZERO, [none; 3]);
    }
}
