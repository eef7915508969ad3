//! A limit for wrong guesses of each client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Maximum number of wrong guesses of a client in [`GUESS_INTERVAL`].
pub(super) const GUESSES_MAX: u32 = 10;

/// Maximum number of wrong guesses that come through one proxy in [`GUESS_INTERVAL`], since some
/// proxies let clients say any address. Eight random letters last for 2,000 years.
pub(super) const PROXY_GUESSES_MAX: u32 = 100;

/// The interval of the limits for guesses.
const GUESS_INTERVAL: Duration = Duration::from_secs(60);

/// Maximum number of clients that are remembered. The one whose first guess is the oldest is
/// forgotten for a new one.
const CLIENTS_MAX: usize = 1024;

/// The wrong guesses of each client.
#[derive(Debug)]
pub(super) struct Guesses {
    /// Maximum number of one client in [`GUESS_INTERVAL`].
    guesses_max: u32,
    /// By address. Held for a look-up, except to choose one of [`CLIENTS_MAX`] to forget.
    clients: Mutex<HashMap<IpAddr, ClientGuesses>>,
}

#[derive(Debug, Clone, Copy)]
struct ClientGuesses {
    first_at: Instant,
    count: u32,
}

impl Guesses {
    pub(super) fn new(guesses_max: u32) -> Self {
        Self { guesses_max, clients: Mutex::default() }
    }

    /// Returns how long guesses of a client are refused.
    pub(super) fn refused_for(&self, client: IpAddr) -> Option<Duration> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let guesses = clients.get(&network_of(client))?;
        let rest = GUESS_INTERVAL.checked_sub(guesses.first_at.elapsed())?;
        (guesses.count >= self.guesses_max && !rest.is_zero()).then_some(rest)
    }

    /// Counts a wrong guess.
    pub(super) fn count_wrong(&self, client: IpAddr) {
        let now = Instant::now();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network_of(client);
        if !clients.contains_key(&network) && clients.len() >= CLIENTS_MAX {
            let oldest = clients.iter().min_by_key(|(_, guesses)| guesses.first_at);
            let oldest = oldest.map(|(&network, _)| network);
            if let Some(oldest) = oldest {
                clients.remove(&oldest);
            }
        }
        let new = ClientGuesses { first_at: now, count: 0 };
        let guesses = clients.entry(network).or_insert(new);
        if now.duration_since(guesses.first_at) >= GUESS_INTERVAL {
            *guesses = new;
        }
        guesses.count = guesses.count.saturating_add(1);
    }
}

/// Returns what is one client: an IPv4 address, or a network of 64 bits of IPv6, of which a client
/// usually has all addresses.
fn network_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn guesses_of_a_client_are_limited_and_others_are_not() {
        let guesses = Guesses::new(GUESSES_MAX);
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        for _ in 0..GUESSES_MAX {
            assert_eq!(guesses.refused_for(ip("10.0.0.1")), None);
            guesses.count_wrong(ip("10.0.0.1"));
            guesses.count_wrong(ip("2001:db8::1"));
        }
        assert_eq!(guesses.refused_for(ip("10.0.0.1")), Some(GUESS_INTERVAL));
        assert_eq!(guesses.refused_for(ip("::ffff:10.0.0.1")), Some(GUESS_INTERVAL));
        assert_eq!(guesses.refused_for(ip("2001:db8::2")), Some(GUESS_INTERVAL));
        assert_eq!(guesses.refused_for(ip("10.0.0.2")), None);
        assert_eq!(guesses.refused_for(ip("2001:db8:0:1::1")), None);
        tokio::time::advance(GUESS_INTERVAL).await;
        assert_eq!(guesses.refused_for(ip("10.0.0.1")), None);
        guesses.count_wrong(ip("10.0.0.1"));
        assert_eq!(guesses.refused_for(ip("10.0.0.1")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bounded_number_of_clients_is_remembered() {
        let guesses = Guesses::new(GUESSES_MAX);
        for number in 0..5000_u32 {
            guesses.count_wrong(IpAddr::V4(number.into()));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(guesses.clients.lock().unwrap().len(), CLIENTS_MAX);
    }
}
