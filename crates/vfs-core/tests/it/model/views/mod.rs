//! Views of random rules against a plain reconstruction, as a front end sees them that caches all
//! names and attributes until a notice arrives.

mod front;
mod rules;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use tfs_testkit::fake::FakeSource;
use vfs_core::{
    Bitfield, InfoHash, Ino, NodeKind, RootContents, RootLayout, ServerId, TorrentDetails, Vfs,
    VfsConfig,
};

use self::front::CachingFront;
use self::rules::{RandomRules, RandomView, Wanted};
use super::generate::{self, Op, POOL, SERVERS};
use super::reference;

/// An operation that only views notice.
#[derive(Debug, Clone)]
enum ViewOp {
    /// One of the plain tree.
    Plain(usize, Op),
    Tag(Index, bool),
    /// A server downloads some files of a torrent.
    Select(usize, Index, Option<u8>),
    /// The metadata of a torrent arrives on a server, with another date.
    Date(usize, Index, i64),
}

struct ViewedLibrary {
    layout: RootLayout,
    sources: Vec<Arc<FakeSource>>,
    vfs: Vfs<FakeSource>,
    rules: Arc<RandomRules>,
    pool: Vec<TorrentDetails>,
    /// The servers that had a torrent at their last polls, and when it was first seen.
    on: BTreeMap<InfoHash, BTreeSet<usize>>,
    first_seen: HashMap<InfoHash, i64>,
    tags: HashMap<InfoHash, Arc<[String]>>,
    selections: HashMap<(usize, InfoHash), u8>,
    /// Names of torrents in the views, as long as they are there.
    names: HashMap<(usize, InfoHash), String>,
    /// Meaning of each number, for ever: a view, a torrent, and a file or directory.
    meanings: HashMap<Ino, (usize, InfoHash, String)>,
    front: CachingFront,
    now: i64,
}

impl ViewedLibrary {
    fn new(
        pool: Vec<TorrentDetails>,
        rules: Vec<RandomView>,
        layout: RootLayout,
        contents: RootContents,
    ) -> Self {
        let rules = Arc::new(RandomRules(rules));
        let sources: Vec<_> =
            (0..SERVERS).map(|n| Arc::new(FakeSource::new(4).named(&format!("s{n}")))).collect();
        let vfs = Vfs::of_servers(&sources, VfsConfig { layout, ..VfsConfig::default() });
        let shared: Arc<RandomRules> = Arc::clone(&rules);
        let vfs = vfs.with_views(shared, contents);
        for server in vfs.servers() {
            vfs.apply(server, Vec::new(), Vec::new(), 1);
        }
        let front = CachingFront::new(&vfs);
        Self {
            layout,
            sources,
            vfs,
            rules,
            pool,
            on: BTreeMap::new(),
            first_seen: HashMap::new(),
            tags: HashMap::new(),
            selections: HashMap::new(),
            names: HashMap::new(),
            meanings: HashMap::new(),
            front,
            now: 1_500_000_000,
        }
    }

    fn step(&mut self, op: &ViewOp) {
        self.now += 10;
        match op {
            ViewOp::Plain(server, op) => {
                op.happen_on(&self.sources[*server], &self.pool);
                match op {
                    Op::Apply { details_of } => self.apply(*server, *details_of),
                    Op::Forget(which) => self.front.forget(&self.vfs, *which),
                    Op::List { dir, entries } => self.front.list(&self.vfs, *dir, *entries),
                    Op::Add(_)
                    | Op::Remove(_)
                    | Op::Progress(..)
                    | Op::Resolve(..)
                    | Op::Lookup(_) => {}
                }
            }
            ViewOp::Tag(of, is_tagged) => {
                let hash = of.get(&self.pool).info_hash;
                let tags: Arc<[String]> =
                    if *is_tagged { ["tag".to_owned()].into() } else { [].into() };
                self.tags.insert(hash, Arc::clone(&tags));
                self.vfs.set_tags(hash, tags, self.now);
            }
            ViewOp::Select(server, of, files) => {
                let TorrentDetails { info_hash, files: all, .. } = of.get(&self.pool);
                let count = u32::try_from(all.len()).unwrap();
                let selected =
                    |files| Bitfield::from_fn(count, |file| files >> (file % 8) & 1 == 1);
                match files {
                    Some(files) => self.selections.insert((*server, *info_hash), *files),
                    None => self.selections.remove(&(*server, *info_hash)),
                };
                let selected = files.and_then(selected);
                self.vfs.set_selection(id(*server), *info_hash, selected, self.now);
            }
            ViewOp::Date(server, of, date) => {
                let position = of.index(self.pool.len());
                self.pool[position].created = Some(*date);
                let details = self.pool[position].clone();
                self.vfs.correct_metadata(id(*server), &[details]);
            }
        }
    }

    fn apply(&mut self, server: usize, details_of: u8) {
        let listing = self.sources[server].listing();
        let unknown = self.vfs.unknown_torrents(id(server), &listing);
        let given = self.pool.iter().enumerate().filter(|(position, details)| {
            details_of >> position & 1 == 1 && unknown.contains(&details.info_hash)
        });
        let given: Vec<_> = given.map(|(_, details)| details.clone()).collect();
        let added: BTreeSet<_> = given.iter().map(|details| details.info_hash).collect();
        self.vfs.apply(id(server), listing.clone(), given, self.now);
        let listed: BTreeSet<_> = listing.iter().map(|summary| summary.info_hash).collect();
        for details in &self.pool {
            let hash = details.info_hash;
            let on = self.on.entry(hash).or_default();
            let was_there = match self.layout {
                RootLayout::Union => !on.is_empty(),
                RootLayout::ByServer => on.contains(&server),
            };
            if !listed.contains(&hash) {
                on.remove(&server);
            } else if added.contains(&hash) || was_there {
                on.insert(server);
                if reference::is_shown(details) {
                    self.first_seen.entry(hash).or_insert(self.now);
                }
            }
        }
    }

    /// Compares all views with what the rules say.
    fn check(&mut self) {
        self.front.check(&self.vfs);
        let wanted = rules::wanted(&self.rules, &self.arranged());
        for (position, name) in self.rules.shown_names().into_iter().enumerate() {
            let dir = self.vfs.lookup(Ino::ROOT, name.as_bytes()).unwrap().attr.ino;
            let mut got: BTreeMap<InfoHash, Wanted> = BTreeMap::new();
            let mut names = HashMap::new();
            for (name, attr) in front::entries(&self.vfs, dir) {
                let hash: InfoHash =
                    self.vfs.xattr(attr.ino, b"user.tfs.info_hash").unwrap().parse().unwrap();
                let place = got.entry(hash).or_default();
                let is_flat = rules::is_flat(&self.rules.0[position], self.details(hash));
                let path = if is_flat { vec!["*".to_owned()] } else { Vec::new() };
                self.collect((position, hash), path, attr, place);
                if !is_flat {
                    names.insert((position, hash), name);
                }
            }
            let want = wanted.iter().filter(|((view, _), _)| *view == position);
            let want: BTreeMap<_, _> =
                want.map(|((_, hash), wanted)| (*hash, wanted.clone())).collect();
            assert_eq!(got, want, "view {position}");
            for (key, name) in &names {
                if let Some(before) = self.names.get(key) {
                    assert_eq!(before, name, "a name that was shown has changed");
                }
            }
            self.names.retain(|(view, _), _| *view != position);
            self.names.extend(names);
        }
    }

    /// Collects what a node and those below show.
    fn collect(
        &mut self,
        of: (usize, InfoHash),
        path: Vec<String>,
        attr: vfs_core::Attr,
        place: &mut Wanted,
    ) {
        let index = self.vfs.xattr(attr.ino, b"user.tfs.file_index").ok();
        let meaning = index.clone().unwrap_or_else(|| path.join("/"));
        if attr.kind != NodeKind::Symlink {
            let known = self.meanings.entry(attr.ino).or_insert((of.0, of.1, meaning.clone()));
            assert_eq!(*known, (of.0, of.1, meaning), "{} means two things", attr.ino.0);
        }
        match attr.kind {
            NodeKind::Directory => {
                place.insert((path.clone(), "directory".to_owned()));
                let children = front::entries(&self.vfs, attr.ino);
                for (name, attr) in children {
                    let path = [path.as_slice(), &[name]].concat();
                    self.collect(of, path, attr, place);
                }
            }
            NodeKind::File => {
                place.insert((path, format!("file {} {}", index.unwrap(), attr.size)));
            }
            NodeKind::Symlink => {
                let target = self.vfs.read_link(attr.ino).unwrap();
                place.insert((path, format!("link {target}")));
            }
        }
    }

    fn arranged(&self) -> Vec<rules::Torrent> {
        let shown = self.pool.iter().filter(|details| {
            let on = self.on.get(&details.info_hash);
            reference::is_shown(details) && on.is_some_and(|on| !on.is_empty())
        });
        let torrents = shown.map(|details| {
            let hash = details.info_hash;
            let on: Vec<_> = self.on[&hash].iter().copied().collect();
            let selected: Option<Vec<u8>> =
                on.iter().map(|server| self.selections.get(&(*server, hash)).copied()).collect();
            rules::Torrent {
                details: details.clone(),
                selected: selected.map_or(u8::MAX, |all| all.iter().fold(0, |a, b| a | b)),
                on,
                is_tagged: self.tags.get(&hash).is_some_and(|tags| !tags.is_empty()),
                first_seen: self.first_seen[&hash],
            }
        });
        torrents.collect()
    }

    fn details(&self, hash: InfoHash) -> &TorrentDetails {
        self.pool.iter().find(|details| details.info_hash == hash).unwrap()
    }
}

fn id(server: usize) -> ServerId {
    ServerId(u16::try_from(server).unwrap())
}

fn ops() -> impl Strategy<Value = Vec<ViewOp>> {
    let select = (0..SERVERS, any::<Index>(), prop::option::of(any::<u8>()));
    let op = prop_oneof![
        6 => (0..SERVERS, generate::op()).prop_map(|(server, op)| ViewOp::Plain(server, op)),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(of, is)| ViewOp::Tag(of, is)),
        2 => select.prop_map(|(server, of, files)| ViewOp::Select(server, of, files)),
        1 => (0..SERVERS, any::<Index>(), 1_000_000_000..1_000_000_003_i64)
            .prop_map(|(server, of, date)| ViewOp::Date(server, of, date)),
    ];
    prop::collection::vec(op, 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 250,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn views_show_what_the_rules_say(
        pool in generate::pool(),
        views in rules::views(),
        layout in prop::sample::select(vec![RootLayout::Union, RootLayout::ByServer]),
        contents in prop::sample::select(vec![RootContents::Views, RootContents::Both]),
        ops in ops(),
    ) {
        assert_eq!(pool.len(), usize::from(POOL));
        let mut library = ViewedLibrary::new(pool, views, layout, contents);
        for op in &ops {
            library.step(op);
            library.check();
        }
        // At the end nothing is known, nor kept.
        library.front.forget_all(&library.vfs);
        for server in 0..SERVERS {
            let source = Arc::clone(&library.sources[server]);
            source.listing().iter().for_each(|it| source.remove(it.info_hash));
            library.apply(server, u8::MAX);
        }
        for ino in library.meanings.keys() {
            prop_assert!(library.vfs.attr(*ino).is_err());
        }
        prop_assert_eq!(library.vfs.known_count(), 0);
    }
}
