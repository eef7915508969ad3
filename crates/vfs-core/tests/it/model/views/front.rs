//! A front end that caches everything until a notice arrives, as the kernel does.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use proptest::sample::Index;
use tfs_testkit::fake::FakeSource;
use vfs_core::{Attr, Child, DirEntry, Ino, InvalidationSink, NodeKind, Validity, Vfs};

/// Notifications since the last check.
#[derive(Debug, Default)]
struct Told {
    names: HashSet<(Ino, String)>,
    attrs: HashSet<Ino>,
}

#[derive(Debug, Default)]
struct ToldOf(Mutex<Told>);

impl InvalidationSink for ToldOf {
    fn entry_added(&self, parent: Ino, name: &str) {
        let mut told = self.0.lock().unwrap();
        told.names.insert((parent, name.to_owned()));
        told.attrs.insert(parent);
    }

    fn entry_removed(&self, parent: Ino, name: &str, child: Child) {
        self.entry_added(parent, name);
        self.0.lock().unwrap().attrs.insert(child.ino);
    }

    fn attr_changed(&self, _parent: Ino, ino: Ino) {
        self.0.lock().unwrap().attrs.insert(ino);
    }
}

/// All names and attributes, as they were at the last check.
#[derive(Debug, Default)]
struct Cache {
    names: BTreeMap<(Ino, String), Ino>,
    attrs: HashMap<Ino, Attr>,
}

/// An unfinished listing of a directory in the root, or of the root.
#[derive(Debug)]
struct OpenListing {
    dir: Ino,
    cookie: u64,
    seen: BTreeSet<String>,
    must_come: BTreeMap<String, Ino>,
}

#[derive(Debug)]
pub(super) struct CachingFront {
    told: Arc<ToldOf>,
    cache: Cache,
    /// Nodes that were looked up, once each.
    held: Vec<Ino>,
    listings: Vec<OpenListing>,
}

/// Returns the entries of a directory.
pub(super) fn entries(vfs: &Vfs<FakeSource>, dir: Ino) -> Vec<(String, Attr)> {
    let mut entries = Vec::new();
    let each = |entry: &DirEntry<'_>| {
        entries.push((entry.name.to_owned(), entry.attr));
        true
    };
    vfs.read_dir(dir, 2, each).unwrap();
    entries
}

impl CachingFront {
    pub(super) fn new(vfs: &Vfs<FakeSource>) -> Self {
        let told = Arc::<ToldOf>::default();
        let sink: Arc<dyn InvalidationSink> = Arc::<ToldOf>::clone(&told);
        vfs.set_sink(Some(sink));
        Self { told, cache: read(vfs), held: Vec::new(), listings: Vec::new() }
    }

    /// Checks that all that has changed was told, and reads everything again.
    pub(super) fn check(&mut self, vfs: &Vfs<FakeSource>) {
        let told = std::mem::take(&mut *self.told.0.lock().unwrap());
        let now = read(vfs);
        let old = std::mem::take(&mut self.cache);
        let is_dir_kept =
            |(dir, _): &(Ino, String)| old.attrs.contains_key(dir) && now.attrs.contains_key(dir);
        let keys: BTreeSet<_> = old.names.keys().chain(now.names.keys()).collect();
        for key in keys.into_iter().filter(|key| is_dir_kept(key)) {
            if old.names.get(key) != now.names.get(key) {
                assert!(told.names.contains(key), "nothing was told of {key:?}");
            }
        }
        for ino in self.held.iter().chain([&Ino::ROOT]) {
            let (Some(old), Ok(attr)) = (old.attrs.get(ino), vfs.attr(*ino)) else { continue };
            if old.validity != Validity::Unannounced && *old != attr {
                assert!(told.attrs.contains(ino), "nothing was told of {attr:?}, was {old:?}");
            }
        }
        for ((dir, name), ino) in &now.names {
            let entry = vfs.lookup(*dir, name.as_bytes()).unwrap();
            assert_eq!(entry.attr.ino, *ino);
            assert_eq!(entry.attr, vfs.attr(*ino).unwrap());
            assert_eq!(entry.attr, now.attrs[ino]);
            if self.held.contains(ino) || vfs.attr(*ino).unwrap().ino.0 < 1 << 16 {
                vfs.forget(*ino, 1);
            } else {
                self.held.push(*ino);
            }
        }
        for node in vfs.known_nodes() {
            assert_eq!(now.names.get(&(node.parent, node.name)), Some(&node.ino));
        }
        for listing in &mut self.listings {
            let dir = listing.dir;
            listing.must_come.retain(|name, ino| now.names.get(&(dir, name.clone())) == Some(ino));
        }
        self.cache = now;
    }

    /// Forgets one of the known nodes.
    pub(super) fn forget(&mut self, vfs: &Vfs<FakeSource>, which: Index) {
        if !self.held.is_empty() {
            let ino = self.held.swap_remove(which.index(self.held.len()));
            vfs.forget(ino, 1);
        }
    }

    pub(super) fn forget_all(&mut self, vfs: &Vfs<FakeSource>) {
        self.held.drain(..).for_each(|ino| vfs.forget(ino, 1));
    }

    /// Begins or continues a listing.
    pub(super) fn list(&mut self, vfs: &Vfs<FakeSource>, dir: Index, count: usize) {
        if self.listings.len() < 3 {
            let top = entries(vfs, Ino::ROOT).into_iter();
            let mut dirs: Vec<_> = top.filter(|(_, attr)| attr.ino.0 < 1 << 16).collect();
            dirs.push((String::new(), vfs.attr(Ino::ROOT).unwrap()));
            let dir = dir.get(&dirs).1.ino;
            let must_come = entries(vfs, dir).into_iter().map(|(name, it)| (name, it.ino));
            let (cookie, seen) = (2, BTreeSet::new());
            self.listings.push(OpenListing { dir, cookie, seen, must_come: must_come.collect() });
        }
        let mut listing = self.listings.swap_remove(dir.index(self.listings.len()));
        let mut left = count;
        vfs.read_dir(listing.dir, listing.cookie, |entry| {
            if left == 0 {
                return false;
            }
            left -= 1;
            assert!(entry.cookie > listing.cookie);
            listing.cookie = entry.cookie;
            let is_new = listing.seen.insert(entry.name.to_owned());
            assert!(
                is_new || !listing.must_come.contains_key(entry.name),
                "{:?} twice",
                entry.name
            );
            true
        })
        .unwrap();
        if left == 0 {
            self.listings.push(listing);
            return;
        }
        let lost = listing.must_come.keys().find(|name| !listing.seen.contains(*name));
        assert_eq!(lost, None, "lost");
    }
}

/// Reads all names and attributes.
fn read(vfs: &Vfs<FakeSource>) -> Cache {
    let mut cache = Cache::default();
    cache.attrs.insert(Ino::ROOT, vfs.attr(Ino::ROOT).unwrap());
    let mut dirs = vec![Ino::ROOT];
    while let Some(dir) = dirs.pop() {
        let entries = entries(vfs, dir);
        let subdirectories = entries.iter().filter(|(_, it)| it.kind == NodeKind::Directory);
        let nlink = 2 + u32::try_from(subdirectories.count()).unwrap();
        assert_eq!(vfs.attr(dir).unwrap().nlink, nlink);
        for (name, attr) in entries {
            if attr.kind == NodeKind::Directory {
                dirs.push(attr.ino);
            }
            let twice = cache.names.insert((dir, name), attr.ino);
            assert_eq!(twice, None);
            let other = cache.attrs.insert(attr.ino, attr);
            assert_eq!(other, None, "two names of one number");
        }
    }
    cache
}
