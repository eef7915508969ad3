//! Places for connections: a limited number, of which idle ones are given to new clients.
//!
//! Other users of a machine reach its loopback ports. So a connection without a valid file handle
//! never keeps a place from another one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Maximum number of connections. A kernel has one or a few for each mount.
const CONNECTIONS_MAX: usize = 128;

/// How long a connection with a valid file handle has to be idle before a new one gets its place.
/// Clients connect again without notice of their programs.
const EVICTED_AFTER: Duration = Duration::from_secs(1);

/// The connections of a server.
#[derive(Debug, Default)]
pub(crate) struct NfsPlaces {
    /// Protects the next number and the connections by number. Held for one access.
    taken: Mutex<(u64, BTreeMap<u64, TakenPlace>)>,
}

#[derive(Debug)]
struct TakenPlace {
    /// Since when no call is answered; `None` while one is.
    idle_since: Option<Instant>,
    /// Cancelled when another connection got the place.
    evicted: CancellationToken,
    /// The name of the client.
    peer: Box<str>,
    /// Whether a call had a valid file handle.
    has_handle: bool,
}

/// The place of a connection. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct NfsPlace<'a> {
    places: &'a NfsPlaces,
    number: u64,
    evicted: CancellationToken,
}

impl NfsPlaces {
    /// Returns a place, if necessary that of an idle connection: of those without a file handle,
    /// and then of the others, the one that was idle for the longest time. Returns `None` if all
    /// are in use.
    pub(crate) fn take(&self, peer: &str) -> Option<NfsPlace<'_>> {
        let now = Instant::now();
        let mut taken = self.taken();
        if taken.1.len() >= CONNECTIONS_MAX {
            let idle = taken.1.iter().filter_map(|(number, it)| {
                let since = it.idle_since?;
                let is_new = it.has_handle && now.duration_since(since) < EVICTED_AFTER;
                (!is_new).then_some((it.has_handle, since, *number))
            });
            let (_, _, number) = idle.min()?;
            taken.1.remove(&number)?.evicted.cancel();
        }
        taken.0 += 1;
        let (number, evicted) = (taken.0, CancellationToken::new());
        let entry = TakenPlace {
            idle_since: Some(now),
            evicted: evicted.clone(),
            peer: peer.into(),
            has_handle: false,
        };
        taken.1.insert(number, entry);
        Some(NfsPlace { places: self, number, evicted })
    }

    fn taken(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, TakenPlace>)> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NfsPlace<'_> {
    /// Records whether the connection answers calls.
    pub(crate) fn set_busy(&self, is_busy: bool) {
        if let Some(taken) = self.places.taken().1.get_mut(&self.number) {
            // What is no call does not count.
            let idle_since = taken.idle_since.unwrap_or_else(Instant::now);
            taken.idle_since = (!is_busy).then_some(idle_since);
        }
    }

    /// Records that a call had a valid file handle.
    pub(crate) fn set_has_handle(&self) {
        if let Some(taken) = self.places.taken().1.get_mut(&self.number) {
            taken.has_handle = true;
        }
    }

    /// Returns whether no other connection has the same client.
    pub(crate) fn is_last_of_client(&self) -> bool {
        let taken = self.places.taken();
        let own = taken.1.get(&self.number);
        let is_of_client = |other: &TakenPlace| own.is_some_and(|own| own.peer == other.peer);
        !taken.1.iter().any(|(number, it)| *number != self.number && is_of_client(it))
    }

    /// Waits until another connection got the place.
    pub(crate) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for NfsPlace<'_> {
    fn drop(&mut self) {
        self.places.taken().1.remove(&self.number);
    }
}
