//! Pool of idle connections.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::HttpConnection;

/// Maximum number of idle connections: twice the four streams that rqbit serves beside its own
/// work.
const IDLE_MAX: usize = 8;

/// Maximum idle time. Reverse proxies close idle connections after 60 s or more (nginx 75 s, Caddy
/// 300 s), a few after 5 s; rqbit never does. The older a connection, the likelier it is dead.
const IDLE_AGE_MAX: Duration = Duration::from_secs(30);

/// Maximum age of a connection. A mount polls the list every few seconds, so that one connection is
/// never idle for long: without this limit it would stay at the address that the server's name had
/// at mount time.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(300);

/// The idle connections: at most [`IDLE_MAX`]; a new one evicts the oldest.
#[derive(Default)]
pub(super) struct ConnectionPool {
    /// Protects the list only; oldest first. Never held across an await.
    idle: Mutex<Vec<IdleConnection>>,
}

struct IdleConnection {
    connection: HttpConnection,
    since: Instant,
}

impl ConnectionPool {
    /// Takes the most recently used connection, if it is young enough and, as far as known without
    /// sending, open.
    pub(super) fn take(&self) -> Option<HttpConnection> {
        loop {
            let IdleConnection { mut connection, since } = self.lock().pop()?;
            if since.elapsed() > IDLE_AGE_MAX {
                // All remaining ones are older.
                self.clear();
                return None;
            }
            if connection.age() <= CONNECTION_AGE_MAX && connection.is_ready() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection if it is ready for another call; otherwise closes it.
    pub(super) fn put(&self, mut connection: HttpConnection) {
        if !connection.is_ready() {
            return;
        }
        let mut idle = self.lock();
        let oldest = (idle.len() >= IDLE_MAX).then(|| idle.remove(0));
        idle.push(IdleConnection { connection, since: Instant::now() });
        drop(idle);
        drop(oldest);
    }

    /// Closes all connections.
    pub(super) fn clear(&self) {
        let closed = std::mem::take(&mut *self.lock());
        drop(closed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<IdleConnection>> {
        // The list is consistent after each statement.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
