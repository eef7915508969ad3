//! Summaries of a torrent on each server, and their visible combination.

use std::sync::Arc;

use crate::{ServerId, TorrentSummary};

/// Last summaries of a torrent; at least one.
#[derive(Debug)]
pub(super) struct PerServerState {
    /// In the order of the servers.
    on: Vec<ServerReport>,
    /// The combination of all.
    shown: TorrentSummary,
}

/// Last summary of one server.
#[derive(Debug)]
struct ServerReport {
    server: ServerId,
    summary: TorrentSummary,
    /// The earlier progress, if the summary has none because the server is checking the torrent or
    /// it has failed. It is shown, so that a file keeps its block count meanwhile, and used for
    /// nothing else.
    last_progress: Option<Arc<[u64]>>,
}

impl PerServerState {
    pub(super) fn new(server: ServerId, summary: TorrentSummary) -> Self {
        let shown = summary.clone();
        Self { on: vec![ServerReport { server, summary, last_progress: None }], shown }
    }

    /// Sets the summary of a server, and returns the previously visible one.
    ///
    /// Unchanged progress keeps its allocation: otherwise each poll would reallocate ten thousand
    /// lists, and fragment the memory.
    pub(super) fn set(&mut self, server: ServerId, summary: TorrentSummary) -> TorrentSummary {
        match self.on.binary_search_by_key(&server, |said| said.server) {
            Ok(known) => match self.on.get_mut(known) {
                Some(said) if said.summary == summary => return self.shown.clone(),
                Some(said) => said.replace(summary),
                None => {}
            },
            Err(free) => {
                self.on.insert(free, ServerReport { server, summary, last_progress: None });
            }
        }
        self.show_best()
    }

    /// Removes a server, and returns the previously visible summary; `None` if no server is left.
    pub(super) fn remove(&mut self, server: ServerId) -> Option<TorrentSummary> {
        self.on.retain(|said| said.server != server);
        (!self.on.is_empty()).then(|| self.show_best())
    }

    /// Returns the visible summary: for each file the maximum over the servers, and the best state.
    pub(super) fn shown(&self) -> &TorrentSummary {
        &self.shown
    }

    pub(super) fn of(&self, server: ServerId) -> Option<&TorrentSummary> {
        self.all().find(|(id, _)| *id == server).map(|(_, summary)| summary)
    }

    /// Returns the summary of a server, with the last known progress.
    pub(super) fn last_summary(&self, server: ServerId) -> Option<TorrentSummary> {
        self.on.iter().find(|said| said.server == server).map(ServerReport::to_shown)
    }

    /// Returns the summary of each server, in the order of the servers.
    pub(super) fn all(&self) -> impl Iterator<Item = (ServerId, &TorrentSummary)> {
        self.on.iter().map(|said| (said.server, &said.summary))
    }

    fn show_best(&mut self) -> TorrentSummary {
        let mut all = self.on.iter();
        let mut best = all.next().map_or_else(|| self.shown.clone(), ServerReport::to_shown);
        for said in all {
            let summary = said.to_shown();
            best.is_resolved |= summary.is_resolved;
            best.is_listed |= summary.is_listed;
            best.state = [best.state, summary.state]
                .into_iter()
                .min_by_key(|state| state.rank())
                .unwrap_or(best.state);
            best.file_progress = match (best.file_progress, &summary.file_progress) {
                (Some(one), Some(other)) if one.len() == other.len() => {
                    Some(one.iter().zip(other.iter()).map(|(a, b)| *a.max(b)).collect())
                }
                (one, _) => one.or(summary.file_progress),
            };
        }
        std::mem::replace(&mut self.shown, best)
    }
}

impl ServerReport {
    /// Replaces the summary.
    fn replace(&mut self, summary: TorrentSummary) {
        let old = std::mem::replace(&mut self.summary, summary);
        let now = &mut self.summary;
        if old.file_progress == now.file_progress {
            now.file_progress = old.file_progress;
        } else if now.file_progress.is_some() {
            self.last_progress = None;
        } else {
            self.last_progress = old.file_progress;
        }
    }

    fn to_shown(&self) -> TorrentSummary {
        let mut shown = self.summary.clone();
        shown.file_progress = shown.file_progress.or_else(|| self.last_progress.clone());
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InfoHash, TorrentState};

    fn says(state: TorrentState, progress: Option<&[u64]>) -> TorrentSummary {
        TorrentSummary {
            info_hash: InfoHash::from_bytes([1; 20]),
            added_order: 0,
            is_resolved: true,
            is_listed: true,
            state,
            file_progress: progress.map(Into::into),
        }
    }

    #[test]
    fn the_best_that_is_said_is_shown() {
        use TorrentState::{Failed, Initializing, Live, Paused};
        let (one, two, three) = (ServerId(0), ServerId(1), ServerId(2));
        let mut standing = PerServerState::new(two, says(Paused, Some(&[5, 0])));
        standing.set(one, says(Live, Some(&[1, 7])));
        assert_eq!(*standing.shown(), says(Live, Some(&[5, 7])));
        standing.set(three, says(Initializing, None));
        assert_eq!(*standing.shown(), says(Live, Some(&[5, 7])));
        assert_eq!(standing.remove(one), Some(says(Live, Some(&[5, 7]))));
        assert_eq!(*standing.shown(), says(Initializing, Some(&[5, 0])));
        assert_eq!(standing.of(two), Some(&says(Paused, Some(&[5, 0]))));
        assert_eq!(standing.of(one), None);
        standing.set(two, says(Failed, None));
        // The earlier progress is shown while there is none.
        assert_eq!(*standing.shown(), says(Initializing, Some(&[5, 0])));
        assert_eq!(standing.of(two), Some(&says(Failed, None)));
        assert_eq!(standing.last_summary(two), Some(says(Failed, Some(&[5, 0]))));
        standing.set(two, says(Initializing, None));
        assert_eq!(*standing.shown(), says(Initializing, Some(&[5, 0])));
        standing.set(two, says(Live, Some(&[4, 0])));
        assert_eq!(*standing.shown(), says(Live, Some(&[4, 0])));
        standing.remove(two).unwrap();
        assert_eq!(standing.remove(three), None);
    }

    #[test]
    fn files_that_differ_in_number_are_not_compared() {
        let mut standing = PerServerState::new(ServerId(0), says(TorrentState::Live, Some(&[1])));
        standing.set(ServerId(1), says(TorrentState::Live, Some(&[9, 9])));
        assert_eq!(standing.shown().file_progress.as_deref(), Some(&[1][..]));
    }
}
