//! The tree of two servers against a reference that is rebuilt from their lists after every
//! operation.
//!
//! Names inside torrents are compared with the reference. Names in the root depend on the history,
//! so only the rules are checked: which name a torrent may have, and that it keeps its name. Inode
//! numbers are recorded when they are first seen, and must keep their meaning.

#![expect(
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "the plainest way, which fails loudly"
)]

mod by_server;
mod generate;
mod reference;
mod views;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use tfs_testkit::fake::FakeSource;
use vfs_core::{
    Attr, DirEntry, InfoHash, Ino, NAME_BYTES_MAX, NodeKind, ServerId, TorrentDetails, Validity,
    Vfs, VfsConfig, VfsError,
};

use self::generate::{Op, POOL, SERVERS};
use self::reference::{Identity, Path, Reference, Shown};

/// The meaning of an inode number, for the lifetime of the filesystem.
type Meaning = (InfoHash, Identity);

/// An unfinished listing of a directory.
#[derive(Debug)]
struct Listing {
    dir: Ino,
    cookie: u64,
    seen: BTreeSet<String>,
    /// Entries that have existed since the listing began, and so must be listed.
    must_come: BTreeSet<String>,
}

struct Model {
    sources: [FakeSource; SERVERS],
    vfs: Vfs<FakeSource>,
    pool: Vec<TorrentDetails>,
    /// The torrents that the tree shows, with their names in the root.
    shown: BTreeMap<InfoHash, String>,
    /// The servers that had them at the last poll.
    on: BTreeMap<InfoHash, BTreeSet<usize>>,
    meanings: HashMap<Ino, Meaning>,
    numbers: HashMap<Meaning, Ino>,
    /// Lookups that were not forgotten, one entry each.
    kept: Vec<Ino>,
    listings: Vec<Listing>,
    now: i64,
}

impl Model {
    fn new(pool: Vec<TorrentDetails>) -> Self {
        let sources = [FakeSource::new(4), FakeSource::new(4)];
        let shared = sources.each_ref().map(|source| Arc::new(source.clone()));
        let vfs = Vfs::of_servers(&shared, VfsConfig::default());
        for server in vfs.servers() {
            assert!(matches!(vfs.open_dir(Ino::ROOT), Err(VfsError::NoTree)));
            vfs.apply(server, Vec::new(), Vec::new(), 1);
        }
        Self {
            sources,
            vfs,
            pool,
            shown: BTreeMap::new(),
            on: BTreeMap::new(),
            meanings: HashMap::new(),
            numbers: HashMap::new(),
            kept: Vec::new(),
            listings: Vec::new(),
            now: 1_500_000_000,
        }
    }

    fn step(&mut self, (server, op): &(usize, Op)) {
        op.happen_on(&self.sources[*server], &self.pool);
        match op {
            Op::Add(_) | Op::Remove(_) | Op::Progress(..) | Op::Resolve(..) => {}
            Op::Apply { details_of } => self.apply(*server, *details_of),
            Op::Lookup(which) => self.lookup(*which),
            Op::Forget(which) => {
                if !self.kept.is_empty() {
                    let ino = self.kept.swap_remove(which.index(self.kept.len()));
                    self.vfs.forget(ino, 1);
                }
            }
            Op::List { dir, entries } => self.list(*dir, *entries),
        }
    }

    /// Applies the list of a server to the tree, and checks the reported changes.
    fn apply(&mut self, server: usize, details_of: u8) {
        self.now += 10;
        let id = ServerId(u16::try_from(server).unwrap());
        let listing = self.sources[server].listing();
        let unknown = self.vfs.unknown_torrents(id, &listing);
        let is_given = |hash: &InfoHash| {
            let position = self.pool.iter().position(|details| details.info_hash == *hash);
            details_of >> position.unwrap() & 1 == 1
        };
        let given: Vec<_> = unknown.iter().copied().filter(is_given).collect();
        let details = self.pool.iter().filter(|it| given.contains(&it.info_hash)).cloned();
        let changes = self.vfs.apply(id, listing.clone(), details.collect(), self.now);

        let listed: BTreeSet<_> = listing.iter().map(|summary| summary.info_hash).collect();
        let mut left = BTreeMap::new();
        let mut gone = BTreeMap::new();
        for (hash, name) in self.shown.clone() {
            let on = self.on.get_mut(&hash).unwrap();
            if listed.contains(&hash) || !on.remove(&server) {
                continue;
            }
            if on.is_empty() {
                self.shown.remove(&hash);
                gone.insert(hash, name);
            } else {
                left.insert(hash, name);
            }
        }
        check_names(changes.removed, &gone);
        check_names(changes.left, &left);
        for name in gone.values() {
            for listing in self.listings.iter_mut().filter(|listing| listing.dir == Ino::ROOT) {
                listing.must_come.remove(name);
            }
        }
        let mut joined = BTreeSet::new();
        for hash in self.shown.keys().filter(|hash| listed.contains(hash)) {
            if self.on.get_mut(hash).unwrap().insert(server) {
                joined.insert(*hash);
            }
        }
        assert_eq!(changes.joined.iter().map(|it| it.info_hash).collect::<BTreeSet<_>>(), joined);
        let added: BTreeSet<_> =
            given.into_iter().filter(|hash| !self.shown.contains_key(hash)).collect();
        let is_shown = |hash: &InfoHash| reference::is_shown(self.details(*hash));
        let added: BTreeSet<_> = added.into_iter().filter(is_shown).collect();
        assert_eq!(changes.added.iter().map(|(hash, _)| *hash).collect::<BTreeSet<_>>(), added);
        for (hash, name) in changes.added {
            self.check_root_name(hash, &name);
            assert_eq!(self.shown.insert(hash, name), None);
            self.on.insert(hash, [server].into());
        }
    }

    /// Checks that a torrent has its own name, or its name with a prefix of its hash or all of it.
    fn check_root_name(&self, hash: InfoHash, name: &str) {
        let details = self.details(hash);
        let reference = Reference::new(details);
        let is_directory = reference.nodes[&Path::new()].1 == Shown::Directory;
        let may = [None, Some(hash.short()), Some(hash.to_string())];
        let may = may.map(|mark| reference::name(&details.name, mark.as_deref(), is_directory));
        assert!(may.iter().any(|it| it == name), "{name:?} is not of {may:?}");
        assert!(!self.shown.values().any(|other| other == name), "{name:?} twice");
    }

    fn details(&self, hash: InfoHash) -> &TorrentDetails {
        self.pool.iter().find(|details| details.info_hash == hash).unwrap()
    }

    fn lookup(&mut self, which: Index) {
        let all = self.entries(Ino::ROOT);
        let Some((name, _)) = all.get(which.index(all.len().max(1))) else { return };
        self.kept.push(self.vfs.lookup(Ino::ROOT, name.as_bytes()).unwrap().attr.ino);
        let top = self.kept[self.kept.len() - 1];
        let Ok(entry) = self.vfs.lookup(top, b"a") else { return };
        self.kept.push(entry.attr.ino);
    }

    /// Begins or continues a listing, and checks it when it is complete.
    fn list(&mut self, dir: Index, count: usize) {
        if self.listings.len() < 3 {
            let mut dirs = vec![Ino::ROOT];
            let tops = self.entries(Ino::ROOT).into_iter().map(|(_, attr)| attr);
            dirs.extend(tops.filter(|it| it.kind == NodeKind::Directory).map(|it| it.ino));
            let dir = *dir.get(&dirs);
            let must_come = self.entries(dir).into_iter().map(|(name, _)| name).collect();
            self.listings.push(Listing { dir, cookie: 2, seen: BTreeSet::new(), must_come });
        }
        let mut listing = self.listings.swap_remove(dir.index(self.listings.len()));
        let mut left = count;
        let result = self.vfs.read_dir(listing.dir, listing.cookie, |entry| {
            if left == 0 {
                return false;
            }
            left -= 1;
            assert!(entry.cookie > listing.cookie);
            listing.cookie = entry.cookie;
            let is_new = listing.seen.insert(entry.name.to_owned());
            // A name may repeat only if its torrent was removed and added.
            assert!(is_new || listing.dir == Ino::ROOT, "{:?} twice", entry.name);
            assert!(is_new || !listing.must_come.contains(entry.name), "{:?} twice", entry.name);
            true
        });
        match result {
            // Its torrent is gone, and so is the listing.
            Err(VfsError::Stale | VfsError::NotFound) => {}
            Err(error) => panic!("{error}"),
            Ok(()) if left == 0 => self.listings.push(listing),
            Ok(()) => assert!(
                listing.must_come.is_subset(&listing.seen),
                "{:?} lost",
                listing.must_come.difference(&listing.seen)
            ),
        }
    }

    fn entries(&self, dir: Ino) -> Vec<(String, Attr)> {
        let mut entries = Vec::new();
        let each = |entry: &DirEntry<'_>| {
            entries.push((entry.name.to_owned(), entry.attr));
            true
        };
        self.vfs.read_dir(dir, 2, each).unwrap();
        entries
    }

    /// Compares everything visible with the reference.
    fn check(&mut self) {
        let root = self.entries(Ino::ROOT);
        let names: BTreeSet<_> = root.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names.len(), root.len(), "{root:?}");
        assert_eq!(names, self.shown.values().cloned().collect());
        let subdirectories = root.iter().filter(|(_, attr)| attr.kind == NodeKind::Directory);
        let nlink = 2 + u32::try_from(subdirectories.count()).unwrap();
        assert_eq!(self.vfs.attr(Ino::ROOT).unwrap().nlink, nlink);
        let mut inode_count = 1;
        for (hash, name) in self.shown.clone() {
            let details = self.details(hash).clone();
            let reference = Reference::new(&details);
            inode_count += reference.nodes.len() as u64;
            let mut found = BTreeSet::new();
            let (_, attr) = root.iter().find(|(it, _)| *it == name).unwrap();
            self.check_node(
                &reference,
                &details,
                Seen { dir: Ino::ROOT, name, attr: *attr },
                &[],
                &mut found,
            );
            assert_eq!(found, reference.nodes.keys().cloned().collect());
        }
        assert_eq!(self.vfs.stats().inode_count, inode_count);
        // A removed node keeps its identity while the kernel knows it.
        for ino in &self.kept {
            let (hash, _) = &self.meanings[ino];
            let nlink = self.vfs.attr(*ino).unwrap().nlink;
            assert_eq!(nlink > 0, self.shown.contains_key(hash));
        }
    }

    fn check_node(
        &mut self,
        reference: &Reference,
        details: &TorrentDetails,
        seen: Seen,
        path: &[String],
        found: &mut BTreeSet<Path>,
    ) {
        let Seen { dir, name, attr } = seen;
        assert!((1..=NAME_BYTES_MAX).contains(&name.len()), "{name:?}");
        assert!(!name.contains('/') && !name.contains(char::is_control), "{name:?}");
        assert!(
            ![".", "..", ".tfs"].contains(&name.as_str()) || (name == ".tfs" && dir != Ino::ROOT)
        );
        let entry = self.vfs.lookup(dir, name.as_bytes()).unwrap();
        self.vfs.forget(entry.attr.ino, 1);
        assert_eq!((entry.attr, self.vfs.attr(attr.ino).unwrap()), (attr, attr), "{name:?}");

        let (identity, shown) = &reference.nodes.get(path).unwrap_or_else(|| panic!("{path:?}"));
        let meaning = (details.info_hash, identity.clone());
        let known = self.meanings.entry(attr.ino).or_insert_with(|| meaning.clone());
        assert_eq!(*known, meaning, "{} means two things", attr.ino.0);
        let number = self.numbers.entry(meaning).or_insert(attr.ino);
        assert_eq!(*number, attr.ino, "{path:?} has two numbers");
        if let Some(created) = details.created {
            assert_eq!(attr.mtime, created);
        }
        assert!(found.insert(path.to_vec()), "{path:?} twice");
        match shown {
            Shown::File { len } => {
                assert_eq!((attr.kind, attr.size, attr.nlink), (NodeKind::File, *len, 1));
                assert!(attr.have_bytes <= *len);
                let is_fixed = attr.validity == Validity::Fixed;
                assert_eq!(is_fixed, attr.have_bytes == *len);
            }
            Shown::Link { target } => {
                assert_eq!((attr.kind, attr.nlink), (NodeKind::Symlink, 1));
                assert_eq!(self.vfs.read_link(attr.ino).unwrap(), *target);
                assert_eq!(attr.size, target.len() as u64);
            }
            Shown::Directory => {
                assert_eq!((attr.kind, attr.size), (NodeKind::Directory, 0));
                let children = self.entries(attr.ino);
                let subdirectories =
                    children.iter().filter(|(_, it)| it.kind == NodeKind::Directory);
                assert_eq!(attr.nlink, 2 + u32::try_from(subdirectories.count()).unwrap());
                self.check_dots(attr.ino, dir);
                for (name, attr_of_child) in children {
                    let path = [path, std::slice::from_ref(&name)].concat();
                    let seen = Seen { dir: attr.ino, name, attr: attr_of_child };
                    self.check_node(reference, details, seen, &path, found);
                }
            }
        }
    }

    fn check_dots(&self, dir: Ino, parent: Ino) {
        let mut dots = Vec::new();
        let each = |entry: &DirEntry<'_>| {
            dots.push((entry.name.to_owned(), entry.attr.ino));
            dots.len() < 2
        };
        self.vfs.read_dir(dir, 0, each).unwrap();
        dots.truncate(2);
        assert_eq!(dots, [(".".to_owned(), dir), ("..".to_owned(), parent)]);
    }
}

/// Compares removed names, of which none may repeat.
#[track_caller]
fn check_names(got: Vec<(InfoHash, String)>, want: &BTreeMap<InfoHash, String>) {
    assert_eq!(got.len(), want.len());
    assert_eq!(got.into_iter().collect::<BTreeMap<_, _>>(), *want);
}

/// A node as it was seen.
struct Seen {
    dir: Ino,
    name: String,
    attr: Attr,
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 250,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_tree_is_what_the_reference_says(pool in generate::pool(), ops in generate::ops()) {
        assert_eq!(pool.len(), usize::from(POOL));
        let mut model = Model::new(pool);
        for op in &ops {
            model.step(op);
            model.check();
        }
        // At the end no lookup is kept.
        model.kept.drain(..).for_each(|ino| model.vfs.forget(ino, 1));
        for server in 0..SERVERS {
            let source = model.sources[server].clone();
            source.listing().iter().for_each(|it| source.remove(it.info_hash));
            model.apply(server, u8::MAX);
        }
        model.check();
        for ino in model.meanings.keys() {
            prop_assert!(matches!(model.vfs.attr(*ino), Err(VfsError::NotFound)));
        }
    }
}
