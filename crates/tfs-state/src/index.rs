//! Index of a server's state: present and removed torrents, with names and times.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use vfs_core::InfoHash;

/// How long a removed torrent is remembered, in seconds. A user who removes a torrent and adds it
/// again, perhaps after moving its files, does so within weeks.
const REMOVED_AGE_MAX: i64 = 90 * 24 * 60 * 60;

/// Maximum number of removed torrents to remember. With their details they are some 20 MiB. The
/// limit matters for a server that adds and removes torrents by a feed.
const REMOVED_COUNT_MAX: usize = 1000;

/// The persisted index of all torrents of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateIndex {
    /// The server, since the name of the directory contains only a hash of it. Only files of 0.1.0
    /// have it.
    pub(super) identity: String,
    /// When the set of torrents last changed, in seconds since 1970.
    pub(super) changed_at: Option<i64>,
    /// Present torrents in the order of the root directory; removed ones at any position.
    pub(super) torrents: Vec<TorrentRecord>,
}

/// The index entry of one torrent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TorrentRecord {
    #[serde(with = "super::wire::info_hash")]
    pub(super) info_hash: InfoHash,
    /// Its name in the root directory.
    pub(super) name: String,
    /// When it was first seen, in seconds since 1970.
    pub(super) first_seen: i64,
    /// When it was removed, in seconds since 1970; `None` if it is present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) removed_at: Option<i64>,
}

/// The addition or removal of a torrent, with its time in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TorrentEvent {
    pub(super) info_hash: InfoHash,
    pub(super) at: i64,
    /// The name of an added torrent; `None` for a removed one.
    pub(super) name: Option<String>,
}

impl StateIndex {
    /// Applies events. For a torrent that is already present, the existing name and first time are
    /// kept.
    pub(super) fn merge(&mut self, events: &[TorrentEvent]) {
        let mut positions: HashMap<_, _> =
            self.torrents.iter().enumerate().map(|(n, entry)| (entry.info_hash, n)).collect();
        // Entries of torrents that come back move to the end, as in the root directory.
        let mut moved = HashSet::new();
        for TorrentEvent { info_hash, at, name } in events {
            let known = positions.get(info_hash).copied();
            let entry = known.and_then(|position| self.torrents.get_mut(position));
            let Some(name) = name else {
                if let Some(entry) = entry {
                    entry.removed_at.get_or_insert(*at);
                }
                continue;
            };
            let first_seen = match entry {
                None => *at,
                Some(entry) if entry.removed_at.is_none() => continue,
                Some(entry) => entry.first_seen,
            };
            moved.extend(known);
            positions.insert(*info_hash, self.torrents.len());
            let name = name.clone();
            self.torrents.push(TorrentRecord {
                info_hash: *info_hash,
                name,
                first_seen,
                removed_at: None,
            });
        }
        let mut position = 0;
        self.torrents.retain(|_| {
            position += 1;
            !moved.contains(&(position - 1))
        });
    }

    /// Removes entries of torrents that were removed too long ago, or are too many. Returns them.
    pub(super) fn expire(&mut self, now: i64) -> Vec<InfoHash> {
        let mut gone: Vec<_> = self
            .torrents
            .iter()
            .filter_map(|entry| Some((entry.removed_at?, entry.info_hash)))
            .collect();
        gone.sort_unstable_by(|a, b| b.cmp(a));
        let too_old = |removed_at: i64| now.saturating_sub(removed_at) > REMOVED_AGE_MAX;
        let expired: Vec<_> = gone
            .into_iter()
            .enumerate()
            .filter(|(n, (removed_at, _))| *n >= REMOVED_COUNT_MAX || too_old(*removed_at))
            .map(|(_, (_, info_hash))| info_hash)
            .collect();
        let set: HashSet<_> = expired.iter().collect();
        self.torrents.retain(|entry| !set.contains(&entry.info_hash));
        expired
    }

    /// Returns the present torrents, in the order of the root directory.
    pub(super) fn present(&self) -> impl Iterator<Item = &TorrentRecord> {
        self.torrents.iter().filter(|entry| entry.removed_at.is_none())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};

    use super::*;

    fn hash(id: usize) -> InfoHash {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&(id as u64).to_be_bytes());
        InfoHash::from_bytes(bytes)
    }

    fn added(id: usize, at: i64, name: &str) -> TorrentEvent {
        TorrentEvent { info_hash: hash(id), at, name: Some(name.to_owned()) }
    }

    fn removed(id: usize, at: i64) -> TorrentEvent {
        TorrentEvent { info_hash: hash(id), at, name: None }
    }

    #[test]
    fn a_clock_that_jumps_costs_no_torrent_that_is_there() {
        let year = 365 * 24 * 60 * 60;
        let mut index = StateIndex::default();
        index.merge(&[added(1, 10 * year, "a"), added(2, 10 * year, "b"), removed(2, 10 * year)]);
        // The clock is set back before all times in the index, and before 1970.
        for now in [9 * year, 0, -year, i64::MIN] {
            assert_eq!(index.expire(now), []);
        }
        // A torrent that was removed "later" than now comes back with its first time.
        index.merge(&[removed(1, 0), added(1, year, "other")]);
        let entry = index.present().next().unwrap();
        assert_eq!((entry.first_seen, entry.name.as_str()), (10 * year, "other"));
        // With the clock far ahead, only removed torrents expire.
        assert_eq!(index.expire(i64::MAX), [hash(2)]);
        assert_eq!(index.present().count(), 1);
    }

    #[track_caller]
    fn check(events: &[TorrentEvent], want: &Expect) {
        let mut index = StateIndex::default();
        let mut one_by_one = StateIndex::default();
        index.merge(events);
        events.iter().for_each(|event| one_by_one.merge(std::slice::from_ref(event)));
        assert_eq!(index, one_by_one);
        let mut text = String::new();
        for TorrentRecord { name, first_seen, removed_at, .. } in &index.torrents {
            writeln!(text, "{name} seen {first_seen} removed {removed_at:?}").unwrap();
        }
        want.assert_eq(&text);
    }

    #[test]
    fn who_was_first_has_the_say() {
        check(
            &[added(1, 10, "a"), added(2, 10, "b"), added(2, 20, "b [other]"), added(3, 20, "c")],
            &expect![[r#"
                a seen 10 removed None
                b seen 10 removed None
                c seen 20 removed None
            "#]],
        );
    }

    #[test]
    fn what_comes_back_keeps_its_time_and_stands_at_the_end() {
        check(
            &[
                added(1, 10, "a"),
                added(2, 10, "b"),
                added(3, 10, "c"),
                removed(1, 20),
                removed(2, 20),
                removed(9, 20),
                removed(1, 30),
                added(2, 30, "b2"),
            ],
            &expect![[r#"
                a seen 10 removed Some(20)
                c seen 10 removed None
                b2 seen 10 removed None
            "#]],
        );
    }

    #[test]
    fn what_is_gone_is_forgotten_in_time_and_in_number() {
        let mut index = StateIndex::default();
        let count = REMOVED_COUNT_MAX + 10;
        index.merge(&(0..count).map(|id| added(id, 1, "x")).collect::<Vec<_>>());
        let at = |id: usize| i64::try_from(id).unwrap();
        index.merge(&(1..count).map(|id| removed(id, at(id))).collect::<Vec<_>>());
        let mut expired = index.expire(at(count));
        expired.sort_unstable();
        assert_eq!(expired, (1..10).map(hash).collect::<Vec<_>>());
        assert_eq!(index.torrents.len(), REMOVED_COUNT_MAX + 1);

        let expired = index.expire(REMOVED_AGE_MAX + 1000);
        assert_eq!(expired.len(), 990);
        assert_eq!(index.expire(i64::MAX).len(), 10);
        assert_eq!(index.present().count(), 1);
        assert_eq!(index.torrents.len(), 1);
    }
}
