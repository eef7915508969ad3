//! Which servers have a torrent, what each says of it, and what of that is shown.

use crate::{ServerId, TorrentState, TorrentSummary};

/// What the servers last said of a torrent: at least one did.
#[derive(Debug)]
pub(super) struct Standing {
    /// In the order of the servers.
    on: Vec<(ServerId, TorrentSummary)>,
    /// The best of it.
    shown: TorrentSummary,
}

impl Standing {
    pub(super) fn new(server: ServerId, summary: TorrentSummary) -> Self {
        Self { on: vec![(server, summary.clone())], shown: summary }
    }

    /// Takes over what a server says, and returns what was shown before.
    ///
    /// Progress that did not change stays where it is in memory: else ten thousand lists would
    /// change places with each poll, and leave holes behind.
    pub(super) fn set(&mut self, server: ServerId, summary: TorrentSummary) -> TorrentSummary {
        match self.on.binary_search_by_key(&server, |(id, _)| *id) {
            Ok(known) => match self.on.get_mut(known) {
                Some((_, last)) if *last == summary => return self.shown.clone(),
                Some((_, last)) => {
                    let old = std::mem::replace(last, summary);
                    if old.file_progress == last.file_progress {
                        last.file_progress = old.file_progress;
                    }
                }
                None => {}
            },
            Err(free) => self.on.insert(free, (server, summary)),
        }
        self.show_best()
    }

    /// Takes note that a server does not have it any more, and returns what was shown before;
    /// `None` if no other server has it.
    pub(super) fn remove(&mut self, server: ServerId) -> Option<TorrentSummary> {
        self.on.retain(|(id, _)| *id != server);
        (!self.on.is_empty()).then(|| self.show_best())
    }

    /// Returns what is shown: of each file the most that a server has, and the state that promises
    /// most.
    pub(super) fn shown(&self) -> &TorrentSummary {
        &self.shown
    }

    pub(super) fn of(&self, server: ServerId) -> Option<&TorrentSummary> {
        self.all().find(|(id, _)| *id == server).map(|(_, summary)| summary)
    }

    /// Returns what each server says, in the order of the servers.
    pub(super) fn all(&self) -> impl Iterator<Item = (ServerId, &TorrentSummary)> {
        self.on.iter().map(|(server, summary)| (*server, summary))
    }

    fn show_best(&mut self) -> TorrentSummary {
        let mut said = self.on.iter().map(|(_, summary)| summary);
        let mut best = said.next().unwrap_or(&self.shown).clone();
        for summary in said {
            best.is_resolved |= summary.is_resolved;
            best.is_listed |= summary.is_listed;
            best.state =
                [best.state, summary.state].into_iter().min_by_key(rank).unwrap_or(best.state);
            best.file_progress = match (best.file_progress, &summary.file_progress) {
                (Some(one), Some(other)) if one.len() == other.len() => {
                    Some(one.iter().zip(other.iter()).map(|(a, b)| *a.max(b)).collect())
                }
                (one, other) => one.or_else(|| other.clone()),
            };
        }
        std::mem::replace(&mut self.shown, best)
    }
}

/// Returns how little may be hoped for of a torrent in a state.
fn rank(state: &TorrentState) -> u8 {
    match state {
        TorrentState::Live => 0,
        TorrentState::Initializing => 1,
        TorrentState::Paused => 2,
        TorrentState::Failed => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InfoHash;

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
        let mut standing = Standing::new(two, says(Paused, Some(&[5, 0])));
        standing.set(one, says(Live, Some(&[1, 7])));
        assert_eq!(*standing.shown(), says(Live, Some(&[5, 7])));
        standing.set(three, says(Initializing, None));
        assert_eq!(*standing.shown(), says(Live, Some(&[5, 7])));
        assert_eq!(standing.remove(one), Some(says(Live, Some(&[5, 7]))));
        assert_eq!(*standing.shown(), says(Initializing, Some(&[5, 0])));
        assert_eq!(standing.of(two), Some(&says(Paused, Some(&[5, 0]))));
        assert_eq!(standing.of(one), None);
        standing.set(two, says(Failed, None));
        assert_eq!(*standing.shown(), says(Initializing, None));
        standing.remove(two).unwrap();
        assert_eq!(standing.remove(three), None);
    }

    #[test]
    fn files_that_differ_in_number_are_not_compared() {
        let mut standing = Standing::new(ServerId(0), says(TorrentState::Live, Some(&[1])));
        standing.set(ServerId(1), says(TorrentState::Live, Some(&[9, 9])));
        assert_eq!(standing.shown().file_progress.as_deref(), Some(&[1][..]));
    }
}
