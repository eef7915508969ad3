//! Sessions of browsers, in memory: they end with the process.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

/// Maximum number of sessions; a further one ends the oldest.
pub(crate) const SESSIONS_MAX: usize = 64;

/// How long a session lasts. The monotonic clock does not count the time that the machine sleeps;
/// the browser forgets the cookie in time.
pub(crate) const SESSION_TIME_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// The hash of a session's secret: comparing hashes tells nothing about the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionId([u8; 32]);

/// The sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// The oldest first. Held for a scan of at most [`SESSIONS_MAX`].
    all: Mutex<Vec<(SessionId, Instant)>>,
}

impl Sessions {
    /// Begins a session, and returns its secret: 64 hexadecimal digits from the system's source of
    /// random numbers.
    pub(crate) fn begin(&self) -> io::Result<String> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let secret = hex(&secret);
        let mut all = self.lock();
        if all.len() >= SESSIONS_MAX {
            all.remove(0);
        }
        all.push((SessionId::of(&secret), Instant::now() + SESSION_TIME_MAX));
        Ok(secret)
    }

    /// Returns the session of a secret, if there is one.
    pub(crate) fn find(&self, secret: &str) -> Option<SessionId> {
        let id = SessionId::of(secret);
        self.is_alive(id).then_some(id)
    }

    /// Returns whether a session has not ended.
    pub(crate) fn is_alive(&self, id: SessionId) -> bool {
        self.lock().iter().any(|(other, _end)| *other == id)
    }

    /// Ends a session.
    pub(crate) fn end(&self, id: SessionId) {
        self.lock().retain(|(other, _end)| *other != id);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(SessionId, Instant)>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        all.retain(|(_id, end)| now < *end);
        all
    }
}

impl SessionId {
    fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

/// Returns bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sessions_are_few_and_end() {
        let sessions = Sessions::default();
        let first = sessions.begin().unwrap();
        assert_eq!(first.len(), 64);
        assert!(sessions.find(&first).is_some());
        assert!(sessions.find(&format!("{first}0")).is_none());
        assert!(sessions.find("").is_none());
        let others: Vec<_> = (0..SESSIONS_MAX).map(|_| sessions.begin().unwrap()).collect();
        assert!(sessions.find(&first).is_none(), "the oldest ends");
        assert!(others.iter().all(|other| sessions.find(other).is_some()));
        sessions.end(sessions.find(&others[3]).unwrap());
        assert!(sessions.find(&others[3]).is_none());
        assert!(sessions.find(&others[4]).is_some());
        tokio::time::advance(SESSION_TIME_MAX).await;
        assert!(sessions.find(&others[4]).is_none());
    }
}
