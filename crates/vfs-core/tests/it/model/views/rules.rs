//! Random rules, and what follows from them in the plainest way.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use vfs_core::{
    ArrangedTorrent, Arrangement, FileIndex, InfoHash, Layout, TorrentDetails, ViewPlace,
};

use super::super::reference::{self, Identity, Path, Reference, Shown};

/// Names that views give, few so that they collide.
const NAMES: [&str; 3] = ["a", "A (2020)", "x/y"];

/// Everything that a torrent shows in a view: paths from its top, and what is there. Files of a
/// flat place have the path `*`.
pub(super) type Wanted = BTreeSet<(Path, String)>;

/// Rules of one view.
#[derive(Debug, Clone)]
pub(super) struct RandomView {
    /// A bit for each torrent of the pool, by the first byte of its hash.
    torrents: u8,
    must_be_tagged: bool,
    /// The server that must have it.
    server: Option<usize>,
    /// A bit for each index of a file, modulo 8.
    files: u8,
    must_be_selected: bool,
    name: Option<usize>,
    is_flat: bool,
    hides_duplicates: bool,
}

#[derive(Debug)]
pub(super) struct RandomRules(pub(super) Vec<RandomView>);

/// What is known of a torrent.
#[derive(Debug)]
pub(super) struct Torrent {
    pub(super) details: TorrentDetails,
    pub(super) on: Vec<usize>,
    pub(super) is_tagged: bool,
    /// A bit for each index of a file, modulo 8.
    pub(super) selected: u8,
    pub(super) first_seen: i64,
}

impl RandomView {
    fn fits(&self, hash: InfoHash, is_tagged: bool, is_on: impl Fn(usize) -> bool) -> bool {
        self.torrents >> (hash.as_bytes()[0] % 8) & 1 == 1
            && (is_tagged || !self.must_be_tagged)
            && self.server.is_none_or(is_on)
    }

    fn shows(&self, index: u32, is_selected: bool) -> bool {
        self.files >> (index % 8) & 1 == 1 && (is_selected || !self.must_be_selected)
    }
}

impl RandomRules {
    /// Returns the names of the views in the root.
    pub(super) fn shown_names(&self) -> Vec<String> {
        // One has the name of a torrent, and one that of the control directory.
        let names = ["a", ".tfs [#1]", "v2", "v3"].map(str::to_owned);
        names[..self.0.len()].to_vec()
    }
}

impl Arrangement for RandomRules {
    fn view_names(&self) -> Vec<String> {
        ["a", ".tfs", "v2", "v3"].map(str::to_owned)[..self.0.len()].to_vec()
    }

    fn places(&self, torrent: &ArrangedTorrent<'_>) -> Vec<ViewPlace> {
        assert!(torrent.files.is_sorted_by_key(|file| file.index));
        let views = self.0.iter().enumerate().filter(|(_, view)| {
            let is_on = |server| torrent.servers.contains(&format!("s{server}").as_str());
            view.fits(torrent.info_hash, !torrent.tags.is_empty(), is_on)
        });
        let places = views.map(|(position, view)| {
            let files = torrent.files.iter();
            let files = files.filter(|file| view.shows(file.index.0, file.is_selected));
            let files: Vec<FileIndex> = files.map(|file| file.index).collect();
            ViewPlace {
                view: position,
                name: view.name.map(|name| NAMES[name].to_owned()),
                files: (view.files != u8::MAX || view.must_be_selected).then_some(files),
                is_flat: view.is_flat,
                hides_duplicates: view.hides_duplicates,
            }
        });
        places.collect()
    }
}

/// Returns whether files of a torrent stand in a view itself.
pub(super) fn is_flat(view: &RandomView, details: &TorrentDetails) -> bool {
    view.is_flat && is_directory(details)
}

fn is_directory(details: &TorrentDetails) -> bool {
    !matches!((details.layout, details.files.as_slice()), (Layout::SingleFile, [_]))
}

/// Returns what torrents show in each view.
pub(super) fn wanted(
    rules: &RandomRules,
    torrents: &[Torrent],
) -> BTreeMap<(usize, InfoHash), Wanted> {
    let mut by_age: Vec<_> = torrents.iter().collect();
    by_age.sort_by_key(|torrent| (torrent.first_seen, torrent.details.info_hash));
    let mut wanted = BTreeMap::new();
    for (position, view) in rules.0.iter().enumerate() {
        let mut seen = HashSet::new();
        for torrent in &by_age {
            let hash = torrent.details.info_hash;
            if !view.fits(hash, torrent.is_tagged, |server| torrent.on.contains(&server)) {
                continue;
            }
            let shown = place(view, torrent);
            if shown.is_empty() {
                continue;
            }
            let is_first = seen.insert(release(&torrent.details));
            if is_first || !view.hides_duplicates {
                wanted.insert((position, hash), shown);
            }
        }
    }
    wanted
}

/// Returns the visible files of a torrent and their lengths.
fn release(details: &TorrentDetails) -> Vec<(Path, u64)> {
    let files = Reference::new(details).nodes.into_iter().filter_map(|(path, (_, shown))| {
        let Shown::File { len } = shown else { return None };
        let name = || vec![reference::name(&details.name, None, false)];
        Some((if path.is_empty() { name() } else { path }, len))
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

fn place(view: &RandomView, torrent: &Torrent) -> Wanted {
    let nodes = Reference::new(&torrent.details).nodes;
    let is_wanted = |identity: &Identity| match identity {
        Identity::File(index) => view.shows(*index, torrent.selected >> (index % 8) & 1 == 1),
        Identity::Directory(_) => false,
    };
    let leaves = nodes.iter().filter(|(_, (_, shown))| *shown != Shown::Directory);
    let leaves: Vec<_> = leaves.collect();
    let wanted: Vec<_> = leaves.iter().filter(|(_, (identity, _))| is_wanted(identity)).collect();
    let render = |path: &Path, identity: &Identity, shown: &Shown| match (identity, shown) {
        (Identity::File(index), Shown::File { len }) => {
            (path.clone(), format!("file {index} {len}"))
        }
        (_, Shown::Link { target }) => (path.clone(), format!("link {target}")),
        (_, _) => (path.clone(), "directory".to_owned()),
    };
    if is_flat(view, &torrent.details) {
        let files = wanted.iter().filter(|(_, (_, shown))| matches!(shown, Shown::File { .. }));
        let star = vec!["*".to_owned()];
        return files.map(|(_, (identity, shown))| render(&star, identity, shown)).collect();
    }
    if wanted.is_empty() {
        return Wanted::new();
    }
    if !is_directory(&torrent.details) {
        let (_, (identity, shown)) = wanted[0];
        if view.name.is_none() || view.is_flat {
            return [render(&Path::new(), identity, shown)].into();
        }
        let inner = vec![reference::name(&torrent.details.name, None, false)];
        let top = (Path::new(), "directory".to_owned());
        return [top, render(&inner, identity, shown)].into();
    }
    if wanted.len() == leaves.len() {
        return nodes.iter().map(|(path, (id, shown))| render(path, id, shown)).collect();
    }
    let mut shown = Wanted::new();
    let mut there: BTreeSet<Path> = BTreeSet::new();
    loop {
        let count = there.len();
        for (path, (identity, node)) in &wanted {
            let is_shown = match node {
                Shown::Link { target } => ends(&nodes, &there, path, target, 0).is_some(),
                Shown::File { .. } | Shown::Directory => true,
            };
            if is_shown {
                shown.insert(render(path, identity, node));
                there.extend((0..=path.len()).map(|len| path[..len].to_vec()));
                for len in 0..path.len() {
                    shown.insert((path[..len].to_vec(), "directory".to_owned()));
                }
            }
        }
        if there.len() == count {
            return shown;
        }
    }
}

/// Returns where a link leads to, if all on its way is there.
fn ends(
    nodes: &BTreeMap<Path, (Identity, Shown)>,
    there: &BTreeSet<Path>,
    link: &[String],
    target: &str,
    depth: usize,
) -> Option<Path> {
    assert!(depth < 50, "{link:?} leads in a circle");
    let mut at = link[..link.len() - 1].to_vec();
    for name in target.split('/') {
        if name == ".." {
            at.pop()?;
        } else {
            at.push(name.to_owned());
        }
        if !there.contains(&at) {
            return None;
        }
        if let Some((_, Shown::Link { target })) = nodes.get(&at) {
            at = ends(nodes, there, &at.clone(), target, depth + 1)?;
        }
    }
    Some(at)
}

/// Returns random rules of some views.
pub(super) fn views() -> impl Strategy<Value = Vec<RandomView>> {
    let files = prop_oneof![Just(u8::MAX), any::<u8>()];
    let view = (
        prop_oneof![Just(u8::MAX), any::<u8>()],
        prop::bool::weighted(0.3),
        prop::option::weighted(0.3, 0..2_usize),
        files,
        prop::bool::weighted(0.3),
        prop::option::weighted(0.4, 0..NAMES.len()),
        any::<bool>(),
        prop::bool::weighted(0.3),
    );
    let view = view.prop_map(
        |(torrents, must_be_tagged, server, files, must_be_selected, name, is_flat, hides)| {
            let hides_duplicates = hides;
            RandomView {
                torrents,
                must_be_tagged,
                server,
                files,
                must_be_selected,
                name,
                is_flat,
                hides_duplicates,
            }
        },
    );
    prop::collection::vec(view, 1..5)
}
