//! Compares texts with the token in constant time, and limits guesses.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::time::Instant;

use super::token::AccessToken;

/// Maximum number of wrong guesses in [`GUESS_INTERVAL`], of all clients together: a proxy hides
/// their addresses.
pub(crate) const GUESSES_MAX: usize = 10;

/// The interval of [`GUESSES_MAX`].
const GUESS_INTERVAL: Duration = Duration::from_secs(60);

/// A token of this many characters is too long to be guessed, at any rate of a network: it works
/// while guesses are refused, so that its owner cannot be locked out. 16 random bytes in base64 are
/// as long.
const LONG_CHARS_MIN: usize = 24;

/// The token, for comparisons.
pub(crate) struct TokenCheck {
    /// Random: hashes of guesses tell nothing about those of the token.
    key: [u8; 32],
    hash: [u8; 32],
    is_long: bool,
    /// The times of wrong guesses, the oldest first; at most [`GUESSES_MAX`]. Held for a
    /// comparison.
    wrong: Mutex<VecDeque<Instant>>,
}

/// Why a text is not accepted as the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// There was none.
    Missing,
    /// It is wrong.
    Wrong,
    /// It was not compared: too many others were wrong. Guesses are taken again after this time.
    TooMany(Duration),
}

impl TokenCheck {
    /// Takes a random key from the system.
    pub(crate) fn new(token: &AccessToken) -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let is_long = token.reveal().chars().count() >= LONG_CHARS_MIN;
        let hash = mac(&key, token.reveal()).finalize().into_bytes().into();
        Ok(Self { key, hash, is_long, wrong: Mutex::default() })
    }

    /// Compares a guess.
    pub(crate) fn check(&self, guess: &str) -> Result<(), Denied> {
        let is_right = || mac(&self.key, guess).verify_slice(&self.hash).is_ok();
        if self.is_long && is_right() {
            return Ok(());
        }
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        wrong.retain(|&at| now.duration_since(at) < GUESS_INTERVAL);
        if let Some(&oldest) = wrong.front().filter(|_| wrong.len() >= GUESSES_MAX) {
            return Err(Denied::TooMany(GUESS_INTERVAL.saturating_sub(now - oldest)));
        }
        if is_right() {
            return Ok(());
        }
        wrong.push_back(now);
        Err(Denied::Wrong)
    }
}

impl fmt::Debug for TokenCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenCheck(hidden)")
    }
}

/// Returns the hash of a text under a key.
pub(super) fn mac(key: &[u8; 32], text: &str) -> Hmac<Sha256> {
    // A key of the block size, which is never refused.
    let mut padded = [0; 64];
    padded[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&padded.into());
    mac.update(text.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "ABEiM0RVZneImaq7zN3u/w==";

    fn check_of(token: &str) -> TokenCheck {
        TokenCheck::new(&AccessToken::new(token).unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_are_limited() {
        let check = check_of("password");
        for wrong in ["", "Password", "passwor", "password\0", "passwordd", LONG] {
            assert_eq!(check.check(wrong), Err(Denied::Wrong), "{wrong:?}");
        }
        let check = check_of("password");
        for _ in 0..GUESSES_MAX {
            assert_eq!(check.check("password"), Ok(()), "right ones are not counted");
            assert_eq!(check.check(""), Err(Denied::Wrong));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(check.check("password"), Err(Denied::TooMany(Duration::from_secs(50))));
        tokio::time::advance(Duration::from_secs(50)).await;
        assert_eq!(check.check("password"), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_of_others_do_not_lock_the_owner_of_a_long_token_out() {
        let check = check_of(LONG);
        for _ in 0..1000 {
            assert!(check.check("ABEiM0RVZneImaq7zN3u/W==").is_err());
        }
        assert_eq!(check.check(LONG), Ok(()));
        assert_eq!(check.wrong.lock().unwrap().len(), GUESSES_MAX);
    }
}
