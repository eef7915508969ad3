//! How long the kernel may keep what it is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use vfs_core::{Attr, Validity};

use crate::AttrOptions;

/// What may change while nobody tells the kernel: new by the next look of a user, yet one question
/// a second at most however often a program asks.
const UNANNOUNCED_TTL: Duration = Duration::from_secs(1);

/// The longest time that is passed on. The kernel counts in ticks, of which there are not enough
/// for any time.
pub(crate) const TTL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long names and attributes stay in the kernel.
///
/// What is announced may stay as long as what never changes, if the kernel takes our notices. As
/// long as it has not taken one, and from then on that it refuses one, it is not to keep for long
/// what may change.
#[derive(Debug)]
pub(crate) struct Ttls {
    attr: Duration,
    entry: Duration,
    is_notify_supported: AtomicBool,
}

impl Ttls {
    /// Returns the times that a mount was asked to have, before the kernel has taken a notice.
    pub(crate) fn new(appearance: &AttrOptions) -> Self {
        Self {
            attr: appearance.attr_ttl.min(TTL_MAX),
            entry: appearance.entry_ttl.min(TTL_MAX),
            is_notify_supported: AtomicBool::new(false),
        }
    }

    /// Takes note of whether the kernel takes notices.
    pub(crate) fn set_notify_supported(&self, is_notify_supported: bool) {
        self.is_notify_supported.store(is_notify_supported, Ordering::Relaxed);
    }

    /// Returns how long the kernel may keep these attributes.
    pub(crate) fn attr(&self, attr: &Attr) -> Duration {
        self.limit(self.attr, attr.validity)
    }

    /// Returns how long the kernel may keep a name, or that there is no such name.
    pub(crate) fn entry(&self, validity: Validity) -> Duration {
        self.limit(self.entry, validity)
    }

    /// Returns whether the kernel may keep a list of names. It does not count the time for that
    /// itself, so only if it would be told of changes.
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
