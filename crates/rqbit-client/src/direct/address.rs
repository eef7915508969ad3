//! Address of a server for inline reads, and how long it is used before the name is resolved again.
//!
//! A name may get another address while the mount lives: a new DHCP lease, a recreated container, a
//! failover. Another host may then listen at the old address. So the address of a name is used for
//! [`ADDRESS_AGE_MAX`] after it was resolved. The name is resolved again before that time ends,
//! beside the other calls, since the reading thread must not block for it. While the name cannot be
//! resolved, reads use streams, whose new connections resolve it too.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an address is used after its name was resolved. DNS records of home routers and
/// container networks live for zero to about ten minutes; no administrator expects clients to
/// follow a moved server within seconds.
const ADDRESS_AGE_MAX: Duration = Duration::from_secs(30);

/// Age from which the name of an address is resolved again. With a list poll every five seconds,
/// this gives three attempts within [`ADDRESS_AGE_MAX`], so that one answer of the resolver may be
/// lost.
const RESOLVE_AGE_MIN: Duration = Duration::from_secs(10);

/// Minimum time between two attempts to resolve.
const RESOLVE_PAUSE: Duration = Duration::from_secs(5);

/// The address of a server, as of when its name was last resolved.
#[derive(Debug)]
pub(super) struct ServerAddress {
    /// Whether the server has a name. Otherwise the address never changes.
    is_named: bool,
    /// Address of the last connection of other calls, and when the name last resolved to it.
    known: Option<(SocketAddr, Instant)>,
    /// Whether the address was used since the last resolution: an idle mount resolves nothing.
    is_wanted: bool,
    asked_at: Option<Instant>,
}

impl ServerAddress {
    pub(super) fn new(is_named: bool) -> Self {
        Self { is_named, known: None, is_wanted: false, asked_at: None }
    }

    /// Records the address of a connection that was made right after the name was resolved.
    pub(super) fn on_reached(&mut self, address: SocketAddr, now: Instant) {
        self.known = Some((address, now));
    }

    /// Records the addresses of the name. Returns whether the known address is no longer among
    /// them: it is then dropped, and the next connection of other calls sets the new one.
    pub(super) fn on_resolved(&mut self, addresses: &[SocketAddr], now: Instant) -> bool {
        self.is_wanted = false;
        let Some((known, resolved_at)) = &mut self.known else { return false };
        if addresses.contains(known) {
            *resolved_at = now;
            return false;
        }
        self.known = None;
        true
    }

    /// Returns whether the name is to be resolved now. If so, the caller does it.
    pub(super) fn wants_resolving(&mut self, now: Instant) -> bool {
        let Some((_, resolved_at)) = self.known else { return false };
        let is_old = now.saturating_duration_since(resolved_at) >= RESOLVE_AGE_MIN;
        let is_paused =
            self.asked_at.is_some_and(|at| now.saturating_duration_since(at) < RESOLVE_PAUSE);
        let wants = self.is_named && self.is_wanted && is_old && !is_paused;
        if wants {
            self.asked_at = Some(now);
        }
        wants
    }

    /// Returns the address, if it is known and recent enough.
    pub(super) fn usable(&mut self, now: Instant) -> Option<SocketAddr> {
        self.is_wanted = true;
        let (address, resolved_at) = self.known?;
        let is_young = now.saturating_duration_since(resolved_at) <= ADDRESS_AGE_MAX;
        (is_young || !self.is_named).then_some(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_of_a_name_is_used_only_for_a_while() {
        let (old, new) = (address("192.0.2.1:3030"), address("192.0.2.2:3030"));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut server = ServerAddress::new(true);
        assert_eq!((server.usable(at(0)), server.wants_resolving(at(0))), (None, false));
        server.on_reached(old, at(0));
        assert_eq!((server.usable(at(9)), server.wants_resolving(at(9))), (Some(old), false));
        // At most once in five seconds.
        assert_eq!([10, 11, 15].map(|it| server.wants_resolving(at(it))), [true, false, true]);
        assert!(!server.on_resolved(&[new, old], at(16)));
        // The address was not used since.
        assert!(!server.wants_resolving(at(40)));
        assert_eq!(server.usable(at(46)), Some(old));
        assert_eq!(server.usable(at(47)), None);
        assert!(server.wants_resolving(at(47)));
        // Another host may be there, but not the server.
        assert!(server.on_resolved(&[new], at(48)));
        assert_eq!((server.usable(at(48)), server.wants_resolving(at(99))), (None, false));
        server.on_reached(new, at(99));
        assert_eq!(server.usable(at(99)), Some(new));
    }

    #[test]
    fn an_address_without_a_name_stays() {
        let start = Instant::now();
        let mut server = ServerAddress::new(false);
        server.on_reached(address("[::1]:3030"), start);
        let later = start + Duration::from_secs(1_000_000);
        assert_eq!(server.usable(later), Some(address("[::1]:3030")));
        assert!(!server.wants_resolving(later));
    }
}
