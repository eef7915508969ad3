//! Requests that search the names of all files: one at a time, and not on fuser's threads.
//!
//! Any user may search for ever new words in `.tfs/search/`. In a library of a million files a
//! search takes up to 0.25 s of CPU time, and fuser's few threads have to answer all other requests
//! meanwhile.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::reads::Reads;

/// Queue of searches. It needs no bound of its own: each entry is a request whose process waits for
/// it.
#[derive(Debug)]
pub(crate) struct SearchQueue {
    /// Has one permit, for the running search.
    turn: Arc<Semaphore>,
}

impl SearchQueue {
    pub(crate) fn new() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)) }
    }

    /// Runs `answer` on a blocking thread, after all earlier searches. Returns at once.
    pub(super) fn run(&self, reads: &Reads, answer: impl FnOnce() + Send + 'static) {
        let turn = Arc::clone(&self.turn);
        reads.spawn_short(async move {
            // The semaphore is never closed.
            let Ok(turn) = turn.acquire_owned().await else { return };
            // A blocking task that has started continues when this one is dropped, and keeps its
            // permit.
            let search = tokio::task::spawn_blocking(move || {
                answer();
                drop(turn);
            });
            if let Err(error) = search.await {
                tracing::error!(%error, "a search did not finish");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::runtime::Runtime;

    use super::*;
    use crate::MissingErrno;

    const TIME_MAX: Duration = Duration::from_secs(60);

    #[test]
    fn searches_come_one_after_the_other_and_hold_up_nobody_who_asks() {
        let runtime = Runtime::new().unwrap();
        let reads = Reads::new(runtime.handle().clone(), MissingErrno::default());
        let searches = SearchQueue::new();
        let (started, starts) = mpsc::channel();
        let mut ends = Vec::new();
        for n in 0..5 {
            let (end, ended) = mpsc::channel::<()>();
            ends.push(end);
            let started = started.clone();
            // `run` returns although no search has ended.
            searches.run(&reads, move || {
                started.send(n).unwrap();
                ended.recv().unwrap_err();
                if n == 1 {
                    panic!("the panic of a test");
                }
            });
        }
        let mut seen = Vec::new();
        for _ in 0..5 {
            let n: usize = starts.recv_timeout(TIME_MAX).unwrap();
            // No other search starts while this one runs.
            assert!(starts.try_recv().is_err());
            seen.push(n);
            let (unused, _) = mpsc::channel();
            drop(std::mem::replace(&mut ends[n], unused));
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }
}
