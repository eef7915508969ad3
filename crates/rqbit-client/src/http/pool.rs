//! The connections that wait for another call.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::HttpConnection;

/// Twice the four streams that rqbit can serve beside its own work.
const IDLE_MAX: usize = 8;

/// Reverse proxies close idle connections after 60 seconds or more (nginx 75, Caddy 300), a few
/// after 5; rqbit itself never does. The older a connection, the likelier it is dead.
const IDLE_AGE_MAX: Duration = Duration::from_secs(30);

/// How old a connection may become. A mount asks for its list every few seconds, so that one is
/// never idle for long: without this limit it would lead to where the name of the server was when
/// it was mounted.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(300);

/// The connections that wait for another call: at most [`IDLE_MAX`], the oldest is closed for a
/// new one.
#[derive(Default)]
pub(super) struct ConnectionPool {
    /// Protects the list only; the oldest comes first. Never held across an await.
    idle: Mutex<Vec<IdleConnection>>,
}

struct IdleConnection {
    connection: HttpConnection,
    since: Instant,
}

impl ConnectionPool {
    /// Takes the connection that was used last, if it is young and, as far as can be told without
    /// sending anything, open.
    pub(super) fn take(&self) -> Option<HttpConnection> {
        loop {
            let IdleConnection { mut connection, since } = self.lock().pop()?;
            if since.elapsed() > IDLE_AGE_MAX {
                // All that are left are older.
                self.clear();
                return None;
            }
            if connection.age() <= CONNECTION_AGE_MAX && connection.is_ready() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for another call if it is ready for one, else closes it.
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
        // The list is whole between any two of its statements.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
