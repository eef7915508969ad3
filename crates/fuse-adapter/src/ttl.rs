//! How long the kernel may cache names and attributes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use vfs_core::{Attr, Validity};

use crate::AttrOptions;

/// TTL of entries that may change without a notification. Users see a change within a second, and a
/// program causes at most one request a second.
const UNANNOUNCED_TTL: Duration = Duration::from_secs(1);

/// Maximum TTL. The kernel counts in ticks and cannot represent every duration.
pub(crate) const TTL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// TTLs of names and attributes in the kernel.
///
/// Announced entries have the TTL of entries that never change, if the kernel accepts
/// notifications. Until it has accepted the first one, and again after it has refused one,
/// everything that may change has a short TTL.
#[derive(Debug)]
pub(crate) struct Ttls {
    attr: Duration,
    entry: Duration,
    /// For names that are not there, in a directory whose changes are announced.
    absent: Duration,
    is_notify_supported: AtomicBool,
}

impl Ttls {
    /// Returns the configured TTLs, before the kernel has accepted a notification.
    pub(crate) fn new(appearance: &AttrOptions) -> Self {
        Self {
            attr: appearance.attr_ttl.min(TTL_MAX),
            entry: appearance.entry_ttl.min(TTL_MAX),
            absent: appearance.entry_ttl.min(TTL_MAX),
            is_notify_supported: AtomicBool::new(false),
        }
    }

    /// Returns the same TTLs, with which lookups of names that are not there keep arriving.
    pub(crate) fn forwarding_looks(self) -> Self {
        Self { absent: self.absent.min(UNANNOUNCED_TTL), ..self }
    }

    /// Records whether the kernel accepts notifications.
    pub(crate) fn set_notify_supported(&self, is_notify_supported: bool) {
        self.is_notify_supported.store(is_notify_supported, Ordering::Relaxed);
    }

    /// Returns how long the kernel may keep these attributes.
    pub(crate) fn attr(&self, attr: &Attr) -> Duration {
        self.limit(self.attr, attr.validity)
    }

    /// Returns how long the kernel may cache that a name is not in a directory with names of this
    /// validity.
    pub(crate) fn absent(&self, names: Validity) -> Duration {
        match names {
            Validity::Announced => self.limit(self.absent, names),
            Validity::Fixed | Validity::Unannounced => self.entry(names),
        }
    }

    /// Returns how long the kernel may cache a name.
    pub(crate) fn entry(&self, validity: Validity) -> Duration {
        self.limit(self.entry, validity)
    }

    /// Returns whether the kernel may cache a listing. It applies no TTL to listings, so this needs
    /// notifications of changes.
    pub(crate) fn may_keep_names(&self, validity: Validity) -> bool {
        !self.entry.is_zero() && self.is_told(validity)
    }

    fn limit(&self, ttl: Duration, validity: Validity) -> Duration {
        if self.is_told(validity) { ttl } else { ttl.min(UNANNOUNCED_TTL) }
    }

    fn is_told(&self, validity: Validity) -> bool {
        match validity {
            Validity::Fixed => true,
            Validity::Announced => self.is_notify_supported.load(Ordering::Relaxed),
            Validity::Unannounced => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ttls(entry_secs: u64, is_notify_supported: bool) -> Ttls {
        let entry_ttl = Duration::from_secs(entry_secs);
        let ttls = Ttls::new(&AttrOptions { entry_ttl, ..AttrOptions::default() });
        ttls.set_notify_supported(is_notify_supported);
        ttls
    }

    #[track_caller]
    fn check(entry_secs: u64, is_notify_supported: bool, validity: Validity, want: (u64, bool)) {
        let ttls = ttls(entry_secs, is_notify_supported);
        assert_eq!((ttls.entry(validity).as_secs(), ttls.may_keep_names(validity)), want);
    }

    #[test]
    fn a_name_that_is_not_there_is_kept_briefly_if_looks_must_arrive() {
        for (ttls, want) in [
            (ttls(3600, true), [3600, 3600]),
            (ttls(3600, true).forwarding_looks(), [3600, 1]),
            (ttls(0, true).forwarding_looks(), [0, 0]),
        ] {
            let got = [Validity::Fixed, Validity::Announced].map(|it| ttls.absent(it).as_secs());
            assert_eq!(got, want);
        }
    }

    #[test]
    fn what_changes_is_kept_long_only_if_the_kernel_is_told() {
        check(3600, true, Validity::Fixed, (3600, true));
        check(3600, false, Validity::Fixed, (3600, true));
        check(3600, true, Validity::Announced, (3600, true));
        check(3600, false, Validity::Announced, (1, false));
        check(3600, true, Validity::Unannounced, (1, false));
        check(0, true, Validity::Announced, (0, false));
        check(0, false, Validity::Unannounced, (0, false));
        check(u64::MAX, true, Validity::Fixed, (TTL_MAX.as_secs(), true));
        let untold = Ttls::new(&AttrOptions::default());
        assert_eq!(untold.entry(Validity::Announced), UNANNOUNCED_TTL);
    }
}
