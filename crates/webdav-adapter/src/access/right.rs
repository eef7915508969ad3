//! The right to read while a file is sent: a device token may be revoked meanwhile.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::gate::WebdavGate;

/// Interval of the check whether a device still has its token.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The right of one request to read.
#[derive(Debug)]
pub(crate) struct ReadRight {
    /// The device token of the request. Without one, the right lasts as long as the request.
    token: Option<String>,
    checked_at: Instant,
}

impl ReadRight {
    /// A right that was checked just now.
    pub(crate) fn new(token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), checked_at: Instant::now() }
    }

    /// Returns whether the token was revoked. Looks it up at most once a second.
    pub(crate) fn is_lost(&mut self, gate: &WebdavGate) -> bool {
        let Some(token) = &self.token else { return false };
        if self.checked_at.elapsed() < CHECK_INTERVAL {
            return false;
        }
        self.checked_at = Instant::now();
        !gate.has_device(token)
    }

    /// Waits until the token is revoked; for ever without one.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait.
    pub(crate) async fn lost(&self, gate: &WebdavGate) {
        let Some(token) = &self.token else { return std::future::pending().await };
        while gate.has_device(token) {
            sleep(CHECK_INTERVAL).await;
        }
    }
}
