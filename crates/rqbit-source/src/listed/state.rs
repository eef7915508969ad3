//! The last listing of a server, and what the next one changes.

use std::collections::{HashMap, HashSet, VecDeque};

use rqbit_client::wire::{ProgressStats, TorrentProgress, TorrentState};
use rqbit_client::{ListChanges, ListPrint};
use vfs_core::{InfoHash, TorrentSummary};

use crate::failure::failure_reason;
use crate::mapping;

/// Maximum number of unlisted torrents that are kept, in addition to as many as the last list had.
const UNLISTED_MAX: usize = 1000;

/// One torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedTorrent {
    id: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) folder: String,
    total_pieces: Option<u32>,
    /// The error, reduced to one line.
    pub(super) failure: Option<String>,
    /// Whether the server has all that is selected.
    pub(super) has_selected: bool,
    /// The size of what is selected, in bytes, since it was last known.
    pub(super) selected_bytes: Option<u64>,
    summary: TorrentSummary,
    /// Whether the last list contains it.
    is_listed: bool,
    /// Whether its progress or state may change by itself.
    is_unfinished: bool,
}

/// A list without stats.
#[derive(Debug)]
pub(crate) struct PlainList {
    print: ListPrint,
    /// The info hash of each entry.
    order: Vec<InfoHash>,
}

/// The last listing. Its parts may come from different answers of the server.
#[derive(Debug, Default)]
pub(super) struct ListState {
    /// Listed torrents, and some that were listed earlier.
    pub(super) torrents: HashMap<InfoHash, ListedTorrent>,
    /// The listed torrents, without duplicates, in the order of the last list.
    pub(super) order: Vec<InfoHash>,
    /// The last list without stats.
    plain: Option<PlainList>,
    /// Listed torrents that are unfinished; the one that was requested longest ago is the first.
    unfinished: VecDeque<InfoHash>,
    /// Torrents whose selected size has changed.
    pub(super) reselected: HashSet<InfoHash>,
}

impl ListState {
    pub(super) fn print(&self) -> ListPrint {
        self.plain.as_ref().map(|plain| plain.print.clone()).unwrap_or_default()
    }

    /// Returns the list without stats after these changes, and its entries that are new, or differ
    /// in more than their stats.
    pub(super) fn new_in(
        &self,
        changes: ListChanges<TorrentProgress>,
    ) -> (PlainList, Vec<TorrentProgress>) {
        let ListChanges { changed, print } = changes;
        let mut order = match &self.plain {
            Some(plain) => plain.order.clone(),
            None => Vec::with_capacity(print.len()),
        };
        order.truncate(print.len());
        for (idx, torrent) in &changed {
            match order.get_mut(*idx) {
                Some(known) => *known = torrent.info_hash,
                // Entries beyond the last list are all changed, and in ascending order.
                None => order.push(torrent.info_hash),
            }
        }
        let changed = changed.into_iter().map(|(_, torrent)| torrent);
        let new = changed.filter(|torrent| {
            let known = self.torrents.get(&torrent.info_hash);
            !known.is_some_and(|known| known.is_listed && known.is_same_entry(torrent))
        });
        let new = new.collect();
        (PlainList { print, order }, new)
    }

    /// Returns the last entries of up to `room` torrents whose stats may have changed: of these
    /// that are `in_use`, and of unfinished ones in turn. Each must be accepted by `is_new`.
    pub(super) fn entries(
        &mut self,
        in_use: &[InfoHash],
        room: usize,
        mut is_new: impl FnMut(InfoHash) -> bool,
    ) -> Vec<TorrentProgress> {
        let mut entries = Vec::new();
        let mut add = |torrents: &HashMap<InfoHash, ListedTorrent>, torrent: InfoHash| {
            let listed = torrents.get(&torrent).filter(|listed| listed.is_listed);
            if let Some(listed) = listed.filter(|_| is_new(torrent)) {
                entries.push(listed.entry(torrent));
            }
            entries.len() < room
        };
        if room == 0 || !in_use.iter().all(|torrent| add(&self.torrents, *torrent)) {
            return entries;
        }
        for _ in 0..self.unfinished.len().min(room) {
            let Some(torrent) = self.unfinished.pop_front() else { break };
            self.unfinished.push_back(torrent);
            if !add(&self.torrents, torrent) {
                break;
            }
        }
        entries
    }

    /// Updates the listing from a list without stats and entries with stats, which include all that
    /// are new. Returns the summaries that have changed, or `None` if the listing must be
    /// processed as a whole.
    pub(super) fn update(
        &mut self,
        list: PlainList,
        torrents: Vec<TorrentProgress>,
    ) -> Option<Vec<TorrentSummary>> {
        let has_new_order = list.order != self.order && {
            let mut listed = HashSet::with_capacity(list.order.len());
            let order = list.order.iter().copied().filter(|torrent| listed.insert(*torrent));
            let order: Vec<_> = order.collect();
            self.set_order(order, &listed)
        };
        self.plain = Some(list);
        let hashes: Vec<_> = torrents.iter().map(|torrent| torrent.info_hash).collect();
        let changed = self.set_entries(torrents);
        for torrent in hashes {
            let is_unfinished = self.torrents.get(&torrent).is_some_and(|it| it.is_unfinished);
            let is_queued = self.unfinished.contains(&torrent);
            if is_unfinished && !is_queued {
                self.unfinished.push_back(torrent);
            } else if !is_unfinished && is_queued {
                self.unfinished.retain(|queued| *queued != torrent);
            }
        }
        changed.filter(|_| !has_new_order)
    }

    /// Updates the listing from a list with stats. Returns as [`update`](Self::update).
    pub(super) fn update_all(
        &mut self,
        mut torrents: Vec<TorrentProgress>,
    ) -> Option<Vec<TorrentSummary>> {
        let mut listed = HashSet::with_capacity(torrents.len());
        torrents.retain(|torrent| listed.insert(torrent.info_hash));
        let order = torrents.iter().map(|torrent| torrent.info_hash).collect();
        let has_new_order = self.set_order(order, &listed);
        let unfinished = torrents.iter().filter(|torrent| !is_settled(&torrent.stats));
        self.unfinished = unfinished.map(|torrent| torrent.info_hash).collect();
        let changed = self.set_entries(torrents);
        changed.filter(|_| !has_new_order)
    }

    /// Returns all listed torrents.
    pub(super) fn summaries(&self) -> Vec<TorrentSummary> {
        let torrents = self.order.iter().filter_map(|torrent| self.torrents.get(torrent));
        torrents.map(|torrent| torrent.summary.clone()).collect()
    }

    pub(super) fn is_listed(&self, torrent: InfoHash) -> bool {
        self.torrents.get(&torrent).is_some_and(|torrent| torrent.is_listed)
    }

    /// Returns whether the order is a new one.
    fn set_order(&mut self, order: Vec<InfoHash>, listed: &HashSet<InfoHash>) -> bool {
        if order == self.order {
            return false;
        }
        let is_kept = self.torrents.len() <= order.len().saturating_mul(2) + UNLISTED_MAX;
        self.torrents.retain(|torrent, known| {
            known.is_listed = listed.contains(torrent);
            is_kept || known.is_listed
        });
        self.unfinished.retain(|torrent| listed.contains(torrent));
        self.reselected.retain(|torrent| listed.contains(torrent));
        self.order = order;
        true
    }

    /// Sets entries. Returns the summaries that have changed, or `None` if one of them differs in
    /// more than its stats.
    fn set_entries(&mut self, torrents: Vec<TorrentProgress>) -> Option<Vec<TorrentSummary>> {
        let (mut changed, mut are_known) = (Vec::new(), true);
        for torrent in torrents {
            let info_hash = torrent.info_hash;
            let selected_bytes = selected_bytes(&torrent.stats);
            let known_bytes = self.torrents.get(&info_hash).and_then(|it| it.selected_bytes);
            if selected_bytes.is_some() && selected_bytes != known_bytes {
                self.reselected.insert(info_hash);
            }
            match self.torrents.get_mut(&info_hash).filter(|known| known.is_same_entry(&torrent)) {
                Some(known) => {
                    let was_resolved = known.summary.is_resolved;
                    if known.set_stats(torrent) {
                        are_known &= was_resolved == known.summary.is_resolved;
                        changed.push(known.summary.clone());
                    }
                }
                None => {
                    are_known = false;
                    self.torrents.insert(info_hash, ListedTorrent::new(torrent));
                }
            }
        }
        are_known.then_some(changed)
    }
}

impl ListedTorrent {
    fn new(torrent: TorrentProgress) -> Self {
        Self {
            id: torrent.id,
            name: torrent.name.clone(),
            folder: torrent.output_folder.clone(),
            total_pieces: torrent.total_pieces,
            failure: failure(&torrent.stats),
            has_selected: torrent.stats.finished,
            selected_bytes: selected_bytes(&torrent.stats),
            is_unfinished: !is_settled(&torrent.stats),
            summary: mapping::to_summary(torrent),
            is_listed: true,
        }
    }

    /// Returns its entry in a list without stats.
    fn entry(&self, info_hash: InfoHash) -> TorrentProgress {
        TorrentProgress {
            id: self.id,
            info_hash,
            name: self.name.clone(),
            output_folder: self.folder.clone(),
            total_pieces: self.total_pieces,
            stats: ProgressStats::default(),
        }
    }

    fn is_same_entry(&self, torrent: &TorrentProgress) -> bool {
        (self.id, self.total_pieces) == (torrent.id, torrent.total_pieces)
            && self.name == torrent.name
            && self.folder == torrent.output_folder
    }

    /// Sets the state and the progress. Returns whether the summary has changed.
    ///
    /// Unchanged progress keeps its allocation, which the tree shares.
    fn set_stats(&mut self, torrent: TorrentProgress) -> bool {
        self.failure = failure(&torrent.stats);
        self.has_selected = torrent.stats.finished;
        self.selected_bytes = selected_bytes(&torrent.stats).or(self.selected_bytes);
        self.is_unfinished = !is_settled(&torrent.stats);
        let mut summary = mapping::to_summary(torrent);
        if summary.file_progress == self.summary.file_progress {
            summary.file_progress.clone_from(&self.summary.file_progress);
        }
        let has_changed = summary != self.summary;
        self.summary = summary;
        has_changed
    }
}

/// Returns whether a torrent can change only by an action of a user: all that is selected of it is
/// complete.
fn is_settled(stats: &ProgressStats) -> bool {
    stats.finished && matches!(stats.state, TorrentState::Live | TorrentState::Paused)
}

/// Returns the size of what is selected. While a torrent is checked, and after it failed, rqbit
/// reports the size of all files.
fn selected_bytes(stats: &ProgressStats) -> Option<u64> {
    let is_known = matches!(stats.state, TorrentState::Live | TorrentState::Paused);
    stats.total_bytes.filter(|_| is_known)
}

fn failure(stats: &ProgressStats) -> Option<String> {
    let error = stats.error.as_ref().filter(|_| stats.state == TorrentState::Error)?;
    Some(failure_reason(error)).filter(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use rqbit_client::wire::parse_list;
    use vfs_core::TorrentState as State;

    use super::*;

    /// Returns a list of torrents, each as its id, its state and its progress.
    fn list(torrents: &[(u8, &str, u64)]) -> Vec<TorrentProgress> {
        let torrents = torrents.iter().map(|(id, state, progress)| {
            let hash = format!("{id:02x}").repeat(20);
            let finished = *progress == 9;
            format!(
                r#"{{"id":{id},"info_hash":"{hash}","name":"t","output_folder":"/d",
                "total_pieces":1,"stats":{{"state":"{state}","file_progress":[{progress}],
                "finished":{finished}}}}}"#
            )
        });
        let torrents: Vec<_> = torrents.collect();
        parse_list(format!(r#"{{"torrents":[{}]}}"#, torrents.join(",")).as_bytes()).unwrap()
    }

    fn hash(id: u8) -> InfoHash {
        InfoHash::from_bytes([id; 20])
    }

    fn ids(torrents: &[TorrentProgress]) -> Vec<u8> {
        torrents.iter().map(|torrent| torrent.info_hash.as_bytes()[0]).collect()
    }

    /// Processes a list without stats whose entries at these indices have changed.
    fn plain(state: &mut ListState, all: &[(u8, &str, u64)], changed: &[usize]) -> Vec<u8> {
        let mut print = ListPrint::default();
        all.iter().for_each(|(id, ..)| print.push(&[*id]));
        let entries = list(all).into_iter().enumerate();
        let changed = entries.filter(|(idx, _)| changed.contains(idx)).collect();
        let (list, new) = state.new_in(ListChanges { changed, print });
        let asked = ids(&new);
        let has_gone = all.len() < state.summaries().len();
        let difference = state.update(list, new);
        assert_eq!(difference.is_none(), !asked.is_empty() || has_gone);
        asked
    }

    #[test]
    fn only_what_differs_is_a_change() {
        let mut state = ListState::default();
        let all = [(1, "live", 9), (2, "live", 3), (3, "paused", 9)];
        assert_eq!(state.update_all(list(&all)), None);
        assert_eq!(state.update_all(list(&all)), Some(Vec::new()));
        let progress = state.summaries()[0].file_progress.clone().unwrap();
        let changed = state.update_all(list(&[(1, "live", 9), (2, "live", 4), (3, "live", 9)]));
        let changed = changed.unwrap();
        let seen: Vec<_> = changed.iter().map(|it| (it.info_hash, it.state)).collect();
        assert_eq!(seen, [(hash(2), State::Live), (hash(3), State::Live)]);
        assert!(std::ptr::eq(&*state.summaries()[0].file_progress.clone().unwrap(), &*progress));
        // A torrent that was removed, and one that was added again with another id.
        assert_eq!(state.update_all(list(&all[..2])), None);
        assert!(state.is_listed(hash(2)) && !state.is_listed(hash(3)));
        let mut again = list(&all[..2]);
        again[1].id = Some(7);
        assert_eq!(state.update_all(again), None);
    }

    #[test]
    fn stats_are_requested_of_new_used_and_unfinished_torrents() {
        let mut state = ListState::default();
        let mut all = vec![(1, "live", 9), (2, "live", 3), (3, "error", 9), (4, "paused", 0)];
        state.update_all(list(&all));
        // The first list without stats is parsed as a whole, and has nothing new.
        assert!(plain(&mut state, &all, &[0, 1, 2, 3]).is_empty());
        assert!(plain(&mut state, &all, &[]).is_empty());
        let mut entries = |in_use: &[u8], room| {
            let in_use: Vec<_> = in_use.iter().copied().map(hash).collect();
            let mut known = HashSet::new();
            ids(&state.entries(&in_use, room, |torrent| known.insert(torrent)))
        };
        assert_eq!(entries(&[1, 77], 2), [1, 2]);
        assert!(entries(&[1], 0).is_empty());
        assert_eq!(entries(&[3], 9), [3, 4, 2]);
        assert_eq!(entries(&[], 2), [3, 4]);
        all.push((5, "live", 0));
        assert_eq!(plain(&mut state, &all, &[4]), [5]);
        assert_eq!(ids(&state.entries(&[], 9, |_| true)), [2, 3, 4, 5]);
        // One that has finished, and one that was removed.
        let (list_now, new) =
            state.new_in(ListChanges { changed: Vec::new(), print: state.print() });
        assert!(new.is_empty());
        let finished = list(&[(2, "live", 9)]);
        let changed = state.update(list_now, finished).unwrap();
        assert_eq!(changed.iter().map(|it| it.info_hash).collect::<Vec<_>>(), [hash(2)]);
        all.remove(3);
        assert!(plain(&mut state, &all, &[3]).is_empty());
        assert_eq!(ids(&state.entries(&[], 9, |_| true)), [3, 5]);
        assert_eq!(state.summaries().len(), 4);
    }

    #[test]
    fn a_change_of_the_selected_size_is_reported_once() {
        let mut state = ListState::default();
        let mut update = |stats: &str| {
            let hash = "07".repeat(20);
            let entry = format!(r#"{{"info_hash":"{hash}","stats":{{{stats}}}}}"#);
            let list = parse_list(format!(r#"{{"torrents":[{entry}]}}"#).as_bytes()).unwrap();
            state.update_all(list);
            let selected = state.torrents[&hash.parse().unwrap()].selected_bytes;
            (std::mem::take(&mut state.reselected).len(), selected)
        };
        // While it is checked, the server reports the size of all files.
        assert_eq!(update(r#""state":"initializing","total_bytes":9"#), (0, None));
        assert_eq!(update(r#""state":"live","total_bytes":5"#), (1, Some(5)));
        assert_eq!(update(r#""state":"paused","total_bytes":5"#), (0, Some(5)));
        assert_eq!(update(r#""state":"error","total_bytes":9"#), (0, Some(5)));
        assert_eq!(update(r#""state":"live""#), (0, Some(5)));
        assert_eq!(update(r#""state":"live","total_bytes":0"#), (1, Some(0)));
    }
}
