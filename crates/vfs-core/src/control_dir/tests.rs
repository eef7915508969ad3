//! Limits of the search table.

use std::sync::Arc;

use super::results::Hit;
use super::searches::{RESULTS_MAX, SEARCHES_MAX, SearchTable};
use crate::search::Match;
use crate::tree::{NodeIdx, TorrentTree};
use crate::{FileIndex, InfoHash, Ino, Layout, MetadataStatus, TorrentDetails, VfsError};

/// Returns this number of results.
fn hits(count: usize) -> Vec<Hit> {
    let details = TorrentDetails {
        info_hash: InfoHash::from_bytes([1; InfoHash::BYTES]),
        name: String::new(),
        layout: Layout::Directory,
        created: None,
        piece_len: None,
        metadata: MetadataStatus::Known,
        files: Vec::new(),
    };
    let tree = Arc::new(TorrentTree::new(&details, 0));
    let found = |n| Match {
        tree: Arc::clone(&tree),
        idx: NodeIdx::TOP,
        index: FileIndex(0),
        len: 0,
        path: format!("t/{n}"),
    };
    (0..count).map(|n| Hit { ino: Ino(n as u64), found: found(n) }).collect()
}

#[test]
fn searches_that_nobody_uses_make_room() {
    let mut searches = SearchTable::new(1 << 30);
    let ids: Vec<_> =
        (0..SEARCHES_MAX).map(|n| searches.look_up(&format!("words {n}")).unwrap()).collect();
    assert_eq!(searches.count(), SEARCHES_MAX);
    // A search that is used again stays.
    assert_eq!(searches.look_up("words 0").unwrap(), ids[0]);
    let last = searches.look_up("one more").unwrap();
    assert_eq!(searches.count(), SEARCHES_MAX);
    assert!(searches.results(ids[0]).is_ok() && searches.results(last).is_ok());
    assert!(matches!(searches.results(ids[1]), Err(VfsError::Stale)));
    assert!(matches!(searches.outdated(ids[1], 0), Err(VfsError::Stale)));
    // It comes back under another number, and forgetting the old one is harmless.
    assert!(searches.look_up("words 1").unwrap() > last);
    searches.forget(ids[1], 1);
    searches.take_over(ids[1], 0, hits(1));
}

#[test]
fn results_that_nobody_uses_make_room() {
    let mut searches = SearchTable::new(1 << 30);
    let each = RESULTS_MAX / 4;
    let ids: Vec<_> = (0..5).map(|n| searches.look_up(&format!("words {n}")).unwrap()).collect();
    for id in &ids {
        assert!(searches.outdated(*id, 7).unwrap().is_some());
        searches.take_over(*id, 7, hits(each));
        assert!(searches.outdated(*id, 7).unwrap().is_none());
    }
    let kept: Vec<_> = ids.iter().map(|id| searches.results(*id).is_ok()).collect();
    assert_eq!(kept, [false, true, true, true, true]);
    // A search that exceeds the limit alone is kept as long as it is the last one.
    searches.take_over(ids[4], 8, hits(RESULTS_MAX + 1));
    assert_eq!(searches.results(ids[4]).unwrap().len(), RESULTS_MAX + 1);
    assert_eq!(searches.count(), 1);
}

#[test]
fn numbers_of_searches_begin_again_after_the_last() {
    let mut searches = SearchTable::new(3);
    let kept = searches.look_up("kept").unwrap();
    let mut seen = Vec::new();
    for n in 0..4 {
        let id = searches.look_up(&format!("words {n}")).unwrap();
        seen.push(id);
        searches.forget(id, 1);
    }
    assert_eq!((kept, seen), (1, vec![2, 3, 2, 3]));
}

#[test]
fn a_search_lasts_until_it_is_forgotten() {
    let mut searches = SearchTable::new(1 << 30);
    let id = searches.look_up("words").unwrap();
    assert_eq!(searches.look_up("words").unwrap(), id);
    searches.forget(id, 1);
    assert!(searches.results(id).is_ok());
    searches.forget(id, 1);
    assert_eq!(searches.count(), 0);
    searches.forget(id, 1);
    assert_ne!(searches.look_up("words").unwrap(), id);
}
