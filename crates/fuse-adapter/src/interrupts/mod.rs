//! Readers that are killed or interrupted while they wait.
//!
//! The kernel lets a reader wait for a page of a read-ahead only until a signal ends the program.
//! All other waits last until the read is answered: for the single page that it asks for when a
//! read-ahead has failed, for a read with `O_DIRECT`, and whenever the program handles the signal.
//! It would tell a filesystem of signals, but fuser 0.18 says that it does not want to know, and
//! for a read-ahead the kernel never does.
//!
//! So one thread looks at `/proc/<tid>/status` of all threads whose reads wait, ten times a second
//! while there are any. A thread that has a signal to act on gets an error for all its reads, and
//! the work for them ends.
//!
//! | the thread | its reads | errno | the program |
//! |---|---|---|---|
//! | has a signal that ends it, or is gone | fail | `EINTR` | ends and sees nothing of it |
//! | handles SIGINT, SIGTERM, SIGHUP, SIGQUIT | fail | `EINTR` | its handler runs at once |
//! | asks for the same again within a second | fail at once | `ECANCELED` | sees an error |
//! | handles any other signal | go on | | its handler runs after the read, as with a local file |
//! | blocks or ignores the signal | go on | | |
//! | is stopped and continued | go on | | stops after the read, as with a local file |
//! | waits while another thread gets the signal | go on | | is ended by that thread, or waits |
//! | has touched a mapped page | fail | | ends with SIGBUS if it handles the signal |
//! | is in a container that we do not see into | go on | | waits for the deadline |
//!
//! # Why `EINTR`, and then another
//! It is what a read that a signal interrupted returns, and what programs are written for: dd
//! prints its figures and dies of the signal, Python raises `KeyboardInterrupt`. With any other
//! errno they report a bad disk. A handler installed with `SA_RESTART` sees it too, since a
//! filesystem cannot ask for a restart: the kernel does not let an answer carry that. A program
//! that just reads on, as Python does if its handler returns, would not notice its signal for a
//! minute, so that its next try gets an error that nobody repeats. Nor can it try for ever: on top
//! of the first time only the kernel's own next tries get `EINTR`.
//!
//! # What it cannot see
//! A signal handler does not tell from outside what it is for: a server that reloads on SIGHUP gets
//! an error for what it reads from a torrent that does not answer. A thread in another PID
//! namespace has no number here, or a `/proc` of another namespace lies about all: then nothing is
//! watched and the deadline of the read is what ends it. Reads beyond the kernel's `max_background`
//! are not here yet; the kernel lets go of them for a fatal signal only.

mod thread;

use std::time::{Duration, Instant};

pub(crate) use self::thread::{PendingSignal, look};
use crate::reads::{InflightReads, Tid};

/// How often threads are looked at while few reads wait: an interrupted reader is free after this
/// and half as much again, which a user at a keyboard takes for at once.
const INTERVAL_MIN: Duration = Duration::from_millis(20);

/// How often they are looked at while many wait: a reader is free within 0.3 s all the same.
const INTERVAL_MAX: Duration = Duration::from_millis(100);

/// How much longer the interval is for each thread. A look costs 17 µs, so that it is less
/// than 2 % of a processor, however many there are.
const INTERVAL_PER_THREAD: Duration = Duration::from_millis(1);

/// Looks at the threads whose reads wait, until it all ends. Costs nothing while none do.
pub(crate) fn watch(waiting: &InflightReads) {
    if !thread::can_look() {
        tracing::warn!("/proc is not there or of other processes: readers cannot be interrupted");
        return;
    }
    let mut last = Tid::UNKNOWN;
    let mut interval = INTERVAL_MIN;
    while let Some(threads) = waiting.next_threads(last, interval) {
        for &tid in &threads {
            if let Some(urge) = look(tid) {
                tracing::debug!(tid = tid.0, ?urge, "reads interrupted");
                waiting.interrupt(tid, Instant::now());
            }
        }
        last = threads.last().copied().unwrap_or(last);
        let thread_count = u32::try_from(threads.len()).unwrap_or(u32::MAX);
        let wish = INTERVAL_PER_THREAD.saturating_mul(thread_count);
        interval = wish.clamp(INTERVAL_MIN, INTERVAL_MAX);
    }
}
