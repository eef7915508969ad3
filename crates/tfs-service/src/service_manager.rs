//! Notifications to the service manager (systemd), if it started this process and requests them.
//!
//! Without `NOTIFY_SOCKET` in the environment nothing here has an effect. No call blocks: if the
//! manager does not read, a message is lost and the mount continues.
//!
//! # The watchdog
//! A timer only shows that the timer runs. [`Watchdog`] queries the mount as a program would, and
//! sends no keep-alive while the answer is missing. The manager then ends the process, and its unit
//! restarts it. The cost is one request to the mount for each half of `WatchdogSec=`.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Minimum interval between two queries. It bounds the load if the manager sets a shorter
/// `WatchdogSec=`.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// A notification to the manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagerNotice<'a> {
    /// The mount answers. `status` is what `systemctl status` shows.
    Ready {
        /// A status line for users.
        status: &'a str,
    },
    /// The mount answers, and the main process is not the one that was started: it went to the
    /// background.
    ReadyAsMain {
        /// A status line for users.
        status: &'a str,
    },
    /// The status changed.
    Status(&'a str),
    /// A new configuration is being applied; [`Ready`](Self::Ready) follows.
    Reloading,
    /// Shutdown has begun.
    Stopping,
}

/// Notifies the manager. A failure is logged and otherwise ignored.
pub fn notify(notice: ManagerNotice<'_>) {
    let sent = match notice {
        ManagerNotice::Ready { status } => send(&[NotifyState::Ready, line(&one_line(status))]),
        ManagerNotice::ReadyAsMain { status } => send(&[
            NotifyState::MainPid(std::process::id()),
            NotifyState::Ready,
            line(&one_line(status)),
        ]),
        ManagerNotice::Status(status) => send(&[line(&one_line(status))]),
        // `Type=notify-reload` compares this time with the one of its request.
        ManagerNotice::Reloading => {
            NotifyState::monotonic_usec_now().and_then(|now| send(&[NotifyState::Reloading, now]))
        }
        ManagerNotice::Stopping => send(&[NotifyState::Stopping]),
    };
    if let Err(error) = sent {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "cannot notify the service manager"
        );
    }
}

fn send(states: &[NotifyState<'_>]) -> std::io::Result<()> {
    sd_notify::notify(states)
}

fn line(status: &str) -> NotifyState<'_> {
    NotifyState::Status(status)
}

/// The message is line-based: a line break in a status would add further assignments.
fn one_line(status: &str) -> String {
    status.replace(char::is_control, " ")
}

/// The keep-alive that the manager requests.
#[derive(Debug)]
pub struct Watchdog {
    look_interval: Duration,
}

impl Watchdog {
    /// Returns the watchdog if the manager requests one from this process (`WATCHDOG_USEC`,
    /// `WATCHDOG_PID`).
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        sd_notify::watchdog_enabled().map(Self::new)
    }

    /// Queries twice per keep-alive period, as `sd_watchdog_enabled(3)` recommends.
    fn new(time_max: Duration) -> Self {
        Self { look_interval: (time_max / 2).max(LOOK_INTERVAL_MIN) }
    }

    /// Sends keep-alives at the requested interval while `is_alive` returns true. An answer that
    /// takes longer than the interval counts as false.
    ///
    /// # Cancel safety
    /// It never returns; drop the future to stop it.
    pub async fn watch(self, is_alive: impl AsyncFn() -> bool) {
        self.watch_and(is_alive, || send(&[NotifyState::Watchdog])).await;
    }

    async fn watch_and(
        self,
        is_alive: impl AsyncFn() -> bool,
        tell: impl Fn() -> std::io::Result<()>,
    ) {
        let mut looks = interval(self.look_interval);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_alive = true;
        loop {
            looks.tick().await;
            let is_alive = timeout(self.look_interval, is_alive()).await.unwrap_or(false);
            if is_alive {
                if let Err(error) = tell() {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "cannot notify the service manager");
                }
            } else if was_alive {
                tracing::error!("the mount does not answer, so the watchdog is not fed");
            }
            was_alive = is_alive;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use tokio::time::{Instant, sleep_until};

    use super::*;

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("3 torrents\nWATCHDOG=1"), "3 torrents WATCHDOG=1");
    }

    /// Runs a watchdog of 10 s for a minute; returns the seconds at which it sent a keep-alive.
    async fn seconds_told(is_alive: impl AsyncFn() -> bool) -> Vec<u64> {
        let start = Instant::now();
        let told = RefCell::new(Vec::new());
        let watchdog = Watchdog::new(Duration::from_secs(10));
        let watch = watchdog.watch_and(is_alive, || {
            told.borrow_mut().push(start.elapsed().as_secs());
            Ok(())
        });
        assert!(timeout(Duration::from_secs(31), watch).await.is_err());
        told.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn the_manager_hears_only_of_a_mount_that_answers() {
        let start = Instant::now();
        assert_eq!(seconds_told(async || true).await, [0, 5, 10, 15, 20, 25, 30]);
        assert_eq!(seconds_told(async || false).await, [0_u64; 0]);
        // A query that hangs is dropped, and the next one is made.
        let hangs = Cell::new(3);
        let told = seconds_told(async || {
            if hangs.get() > 0 {
                hangs.set(hangs.get() - 1);
                sleep_until(start + Duration::from_secs(1 << 20)).await;
            }
            true
        });
        assert_eq!(told.await, [15, 20, 25, 30]);
    }

    #[test]
    fn no_interval_is_nothing() {
        assert_eq!(Watchdog::new(Duration::ZERO).look_interval, LOOK_INTERVAL_MIN);
        assert_eq!(Watchdog::new(Duration::from_secs(60)).look_interval.as_secs(), 30);
    }
}
