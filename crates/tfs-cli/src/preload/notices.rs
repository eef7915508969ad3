//! Lines that report why a preload does not proceed, where no bars show it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tfs_api::wire::{PreloadEvent, PreloadReason};

use super::reason;

/// How long a file waits before a line reports the reason: pauses of some seconds are usual.
const WAIT_SHOWN_MIN: Duration = Duration::from_secs(5);

/// The reasons why active files wait.
#[derive(Debug)]
pub(super) struct ReasonNotices {
    began_at: Instant,
    /// By path; a few at a time.
    waits: HashMap<String, ReasonWait>,
}

#[derive(Debug)]
struct ReasonWait {
    waits_for: PreloadReason,
    since: Duration,
    is_shown: bool,
}

impl Default for ReasonNotices {
    fn default() -> Self {
        Self { began_at: Instant::now(), waits: HashMap::new() }
    }
}

impl ReasonNotices {
    /// Handles an event, and returns the line that is due.
    pub(super) fn on_event(&mut self, event: &PreloadEvent) -> Option<String> {
        self.on_event_at(self.began_at.elapsed(), event)
    }

    fn on_event_at(&mut self, now: Duration, event: &PreloadEvent) -> Option<String> {
        let (path, waits_for) = match event {
            PreloadEvent::Progress { path, waits_for, .. } => (path, *waits_for),
            PreloadEvent::Done { path, .. }
            | PreloadEvent::Stalled { path, .. }
            | PreloadEvent::Failed { path, .. } => (path, None),
            PreloadEvent::Began { .. } | PreloadEvent::Ended { .. } | PreloadEvent::Unknown => {
                return None;
            }
        };
        // Among the files of a batch, only the one whose turn it is reports the problem. A piece in
        // download is not a problem.
        let Some(waits_for) = waits_for
            .filter(|reason| !matches!(reason, PreloadReason::Turn | PreloadReason::Piece))
        else {
            self.waits.remove(path);
            return None;
        };
        let new = ReasonWait { waits_for, since: now, is_shown: false };
        let wait = self.waits.entry(path.clone()).or_insert(new);
        if wait.waits_for != waits_for {
            *wait = ReasonWait { waits_for, since: now, is_shown: false };
        }
        let is_due = !wait.is_shown && now.saturating_sub(wait.since) >= WAIT_SHOWN_MIN;
        wait.is_shown |= is_due;
        is_due.then(|| format!("{path}: {}", reason(waits_for)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_once_when_it_has_lasted() {
        use PreloadReason::{Peers, Piece, Readers, Turn};
        let mut notices = ReasonNotices::default();
        let mut at = |second, path: &str, waits_for| {
            let (path, there_bytes, total_bytes) = (path.to_owned(), 0, 9);
            let event = PreloadEvent::Progress { path, there_bytes, total_bytes, waits_for };
            notices.on_event_at(Duration::from_secs(second), &event)
        };
        assert_eq!([0, 4].map(|second| at(second, "a", Some(Peers))), [None, None]);
        assert_eq!(at(5, "a", Some(Peers)).as_deref(), Some("a: no peer sends data"));
        assert_eq!([6, 60].map(|second| at(second, "a", Some(Peers))), [None, None]);
        // A different reason, and the same one again after data came.
        assert_eq!([61, 65].map(|second| at(second, "a", Some(Readers))), [None, None]);
        assert_eq!(at(66, "a", Some(Readers)).as_deref(), Some("a: paused while programs read"));
        assert_eq!([at(67, "a", None), at(68, "a", Some(Peers))], [None, None]);
        assert_eq!(at(73, "a", Some(Peers)).as_deref(), Some("a: no peer sends data"));
        for usual in [Turn, Piece] {
            assert_eq!([0, 100].map(|second| at(second, "b", Some(usual))), [None, None]);
        }
    }
}
