//! Interruption of waiting readers by signals.
//!
//! While a reader waits for a page of a read-ahead, a fatal signal ends its wait. All other waits
//! last until the read is answered: the wait for a single page after a failed read-ahead, a read
//! with `O_DIRECT`, and any read of a program that handles the signal. The kernel would send
//! FUSE_INTERRUPT, but fuser 0.18 disables it, and for a read-ahead the kernel never sends it.
//!
//! So one thread polls `/proc/<tid>/status` of all threads with waiting reads, at least ten times a
//! second while there are any. All reads of a thread with a signal to handle fail, and their work
//! is cancelled.
//!
//! | the thread | its reads | errno | the program |
//! |---|---|---|---|
//! | has a fatal signal, or has exited | fail | `EINTR` | ends without an error |
//! | handles SIGINT, SIGTERM, SIGHUP, SIGQUIT | fail | `EINTR` | its handler runs at once |
//! | repeats the read within a second | fail at once | `ECANCELED` | gets an error |
//! | handles any other signal | continue | | its handler runs after the read, as for local files |
//! | blocks or ignores the signal | continue | | |
//! | is stopped and continued | continue | | stops after the read, as with a local file |
//! | waits while another thread gets the signal | continue | | is ended by that thread, or waits |
//! | accessed a mapped page | fail | | ends with SIGBUS if it handles the signal |
//! | is in a container with a hidden PID namespace | continue | | waits for the deadline |
//!
//! # Why `EINTR`, and then another
//! A read interrupted by a signal returns `EINTR`, and programs are written for it: dd prints its
//! statistics and exits by the signal, Python raises `KeyboardInterrupt`. With any other errno they
//! report a bad disk. A handler installed with `SA_RESTART` sees `EINTR` too: the kernel does not
//! let a filesystem request a restart. A program that reads on, as Python does if its handler
//! returns, would not react to its signal for a minute; its next attempt therefore gets an errno
//! that programs do not retry. The number of retries is bounded too: after the first `EINTR`, only
//! the kernel's own retries get `EINTR`.
//!
//! # Limits
//! The purpose of a signal handler is not visible from outside: a server that reloads on SIGHUP
//! gets an error for reads of a torrent that does not respond. A thread in another PID namespace
//! has no id here, or `/proc` belongs to another namespace: then no thread is watched, and reads
//! end at their deadline. Reads beyond the kernel's `max_background` have not reached this process;
//! the kernel ends them for a fatal signal only.

mod thread;

use std::time::Duration;

pub(crate) use self::thread::{PendingSignal, look};
use crate::request::Tid;

/// Poll interval while few reads wait. An interrupted reader is released within 1.5 intervals,
/// which a user at a keyboard perceives as immediate.
const INTERVAL_MIN: Duration = Duration::from_millis(20);

/// Maximum poll interval. A reader is still released within 0.3 s.
const INTERVAL_MAX: Duration = Duration::from_millis(100);

/// Added to the interval for each thread. One poll costs 17 µs, so that polling takes less than 2 %
/// of a CPU for any number of threads.
const INTERVAL_PER_THREAD: Duration = Duration::from_millis(1);

/// Polls the threads with waiting reads until the mount ends. Costs nothing while no read waits.
///
/// `next_threads` waits for an interval, and returns the threads to poll after the given one, or
/// `None` when the mount ends. `interrupt` ends the reads of a thread.
pub(crate) fn watch(
    next_threads: impl Fn(Tid, Duration) -> Option<Vec<Tid>>,
    interrupt: impl Fn(Tid),
) {
    if !thread::can_look() {
        tracing::warn!(
            "/proc is missing or of another PID namespace: waiting reads cannot be \
                        interrupted"
        );
        return;
    }
    let mut last = Tid::UNKNOWN;
    let mut interval = INTERVAL_MIN;
    while let Some(threads) = next_threads(last, interval) {
        for &tid in &threads {
            if let Some(urge) = look(tid) {
                tracing::debug!(tid = tid.0, ?urge, "reads interrupted");
                interrupt(tid);
            }
        }
        last = threads.last().copied().unwrap_or(last);
        let thread_count = u32::try_from(threads.len()).unwrap_or(u32::MAX);
        let wish = INTERVAL_PER_THREAD.saturating_mul(thread_count);
        interval = wish.clamp(INTERVAL_MIN, INTERVAL_MAX);
    }
}
