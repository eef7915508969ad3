//! Random torrents and operations, with so few names that most of them collide.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tfs_testkit::fake::FakeSource;
use vfs_core::{
    FileEntry, FileKind, InfoHash, Layout, MetadataStatus, TorrentDetails, TorrentState,
};

/// The number of torrents in the pool.
pub(super) const POOL: u8 = 6;

/// The number of servers.
pub(super) const SERVERS: usize = 2;

/// One operation, on or with a server.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// The server adds a torrent of the pool, or adds it again.
    Add(Index),
    /// The server loses a torrent.
    Remove(Index),
    /// The server reports a new state of a torrent.
    Progress(Index, u64, TorrentState),
    /// Whether a torrent is an unresolved magnet.
    Resolve(Index, bool),
    /// The tree receives the list of a server; the details of some torrents are missing.
    Apply { details_of: u8 },
    /// A node that was seen is looked up, and its lookup count is kept.
    Lookup(Index),
    /// A kept lookup is forgotten.
    Forget(Index),
    /// A listing begins, or continues for some entries.
    List { dir: Index, entries: usize },
}

impl Op {
    /// Applies an operation to a server, if it is of that kind.
    pub(super) fn happen_on(&self, source: &FakeSource, pool: &[TorrentDetails]) {
        match self {
            Self::Add(of) => {
                let details = of.get(pool).clone();
                let hash = details.info_hash;
                if source.listing().iter().all(|summary| summary.info_hash != hash) {
                    source.add(details);
                }
            }
            Self::Remove(of) => source.remove(of.get(pool).info_hash),
            Self::Progress(of, have, state) => {
                let TorrentDetails { info_hash, files, .. } = of.get(pool);
                source.update(*info_hash, |summary| {
                    summary.file_progress = Some(files.iter().map(|_| *have).collect());
                    summary.state = *state;
                });
            }
            Self::Resolve(of, is) => {
                source.update(of.get(pool).info_hash, |summary| summary.is_resolved = *is);
            }
            Self::Apply { .. } | Self::Lookup(_) | Self::Forget(_) | Self::List { .. } => {}
        }
    }
}

/// Returns a sequence of operations, each with its server.
pub(super) fn ops() -> impl Strategy<Value = Vec<(usize, Op)>> {
    prop::collection::vec((0..SERVERS, op()), 1..60)
}

/// Returns one operation.
pub(super) fn op() -> impl Strategy<Value = Op> {
    let state = select(vec![
        TorrentState::Initializing,
        TorrentState::Live,
        TorrentState::Paused,
        TorrentState::Failed,
    ]);
    prop_oneof![
        4 => any::<Index>().prop_map(Op::Add),
        2 => any::<Index>().prop_map(Op::Remove),
        1 => (any::<Index>(), 0..5_u64, state)
            .prop_map(|(of, have, state)| Op::Progress(of, have, state)),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(of, is)| Op::Resolve(of, is)),
        6 => prop_oneof![3 => Just(u8::MAX), 1 => any::<u8>()]
            .prop_map(|details_of| Op::Apply { details_of }),
        3 => any::<Index>().prop_map(Op::Lookup),
        2 => any::<Index>().prop_map(Op::Forget),
        4 => (any::<Index>(), 1..4_usize).prop_map(|(dir, entries)| Op::List { dir, entries }),
    ]
}

/// Returns the pool of torrents. The hashes of the first two have a common prefix, so that even the
/// marks of their names collide.
pub(super) fn pool() -> impl Strategy<Value = Vec<TorrentDetails>> {
    let torrent = |id: u8| {
        let files = prop::collection::vec(file(), 0..7);
        let created = prop::option::of(1_000_000_000..1_000_000_003_i64);
        (name(), files, any::<bool>(), created).prop_map(
            move |(name, files, is_single, created)| {
                let mut hash = [id.max(1); InfoHash::BYTES];
                hash[InfoHash::BYTES - 1] = id;
                TorrentDetails {
                    info_hash: InfoHash::from_bytes(hash),
                    name,
                    layout: if is_single { Layout::SingleFile } else { Layout::Directory },
                    created,
                    piece_len: None,
                    metadata: MetadataStatus::Known,
                    files,
                }
            },
        )
    };
    (0..POOL).map(torrent).collect::<Vec<_>>()
}

fn file() -> impl Strategy<Value = FileEntry> {
    let path = || prop::collection::vec(name(), 0..4);
    let kind = prop_oneof![
        6 => Just(FileKind::Regular),
        1 => Just(FileKind::Padding),
        2 => path().prop_map(|target| FileKind::Symlink { target }),
    ];
    (path(), 0..5_u64, kind).prop_map(|(path, len, kind)| FileEntry { path, len, kind })
}

fn name() -> impl Strategy<Value = String> {
    let long = "ä".repeat(200);
    let names = [
        "a",
        "A",
        "a/b",
        "b",
        "",
        ".",
        "..",
        ".tfs",
        "a [#1]",
        "a [#2]",
        "a [01010101]",
        "a.x",
        "a [01010101].x",
        "%2F",
        "%empty",
        "a\n",
    ];
    let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    names.extend([format!("{long}.x"), format!("{long}b.x"), long]);
    // Plain names are the most frequent.
    prop_oneof![3 => select(names[..4].to_vec()), 2 => select(names)]
}
