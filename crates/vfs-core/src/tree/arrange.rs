//! Where torrents stand in the views: asks the [`Arrangement`], and builds their layouts there.
//!
//! Nothing here needs the lock of the tree: rules may take a while for ten thousand torrents.

use std::collections::HashSet;
use std::sync::Arc;

use super::folder::FolderId;
use super::labels::is_selected;
use super::layout::LayoutPlace;
use super::node::NodeIdx;
use super::{NodeBody, TorrentTree};
use crate::name::escape;
use crate::{
    ArrangedFile, ArrangedTorrent, Arrangement, Bitfield, FileIndex, InfoHash, Layout, ViewPlace,
};

/// Asks the rules of views.
#[derive(Debug, Clone)]
pub(crate) struct Arranger {
    arrangement: Arc<dyn Arrangement>,
    /// The names of the views, not escaped.
    names: Arc<[Arc<str>]>,
    /// Index of the directory of the first view; the others follow.
    first: u16,
}

/// A torrent to be arranged: a copy of what decides about its places.
#[derive(Debug)]
pub(crate) struct ToArrange {
    pub(super) tree: Arc<TorrentTree>,
    /// Its name in its directory.
    pub(super) shown_name: String,
    pub(super) servers: Vec<Arc<str>>,
    pub(super) added_at: i64,
    pub(super) tags: Arc<[String]>,
    /// As of [`is_selected`].
    pub(super) selections: Vec<Bitfield>,
}

/// The paths and lengths of all files of a torrent, sorted: those of a release.
pub(crate) type ReleaseId = Vec<(String, u64)>;

/// The places that a torrent should have.
#[derive(Debug)]
pub(crate) struct WantedPlaces {
    pub(super) info_hash: InfoHash,
    pub(super) added_at: i64,
    /// Its name in its directory.
    pub(super) shown_name: String,
    /// Its files, if other torrents may have the same.
    pub(super) release: Option<ReleaseId>,
    /// At most one in each view.
    pub(super) places: Vec<WantedPlace>,
}

/// A place that a torrent should have.
#[derive(Debug)]
pub(super) struct WantedPlace {
    pub(super) tree: TorrentTree,
    pub(super) hides_duplicates: bool,
    /// Names of the files of a flat place, in their order.
    pub(super) part_names: Vec<(FileIndex, Box<str>)>,
}

impl Arranger {
    pub(super) fn new(
        arrangement: Arc<dyn Arrangement>,
        names: Arc<[Arc<str>]>,
        first: u16,
    ) -> Self {
        Self { arrangement, names, first }
    }

    /// Returns the directories of the views, in their order.
    pub(super) fn folders(&self) -> impl Iterator<Item = FolderId> + use<> {
        (self.first..).map(FolderId).take(self.names.len())
    }

    /// Returns the places that a torrent should have. Costs the rules, and a pass over the names of
    /// places that show a part of the files.
    pub(crate) fn arrange(&self, torrent: ToArrange, may_be_duplicate: bool) -> WantedPlaces {
        let files = torrent.files();
        let places = self.arrangement.places(&ArrangedTorrent {
            info_hash: torrent.tree.info_hash(),
            name: torrent.tree.raw_name(),
            layout: if torrent.tree.top().is_directory() {
                Layout::Directory
            } else {
                Layout::SingleFile
            },
            files: files.iter().map(|file| file.arranged(&torrent.selections)).collect(),
            servers: torrent.servers.iter().map(AsRef::as_ref).collect(),
            added_at: torrent.added_at,
            tags: &torrent.tags,
        });
        let mut wanted: Vec<WantedPlace> = Vec::new();
        for place in places {
            let Some(place) = self.place(&torrent, place) else { continue };
            if wanted.iter().all(|other| other.tree.key() != place.tree.key()) {
                wanted.push(place);
            }
        }
        WantedPlaces {
            info_hash: torrent.tree.info_hash(),
            added_at: torrent.added_at,
            release: may_be_duplicate.then(|| torrent.release()),
            places: wanted,
            shown_name: torrent.shown_name,
        }
    }

    /// Returns a place; `None` if it shows nothing.
    fn place(&self, torrent: &ToArrange, place: ViewPlace) -> Option<WantedPlace> {
        let ViewPlace { view, name, files, is_flat, hides_duplicates } = place;
        let view_name = self.names.get(view)?;
        let folder = FolderId(self.first.checked_add(u16::try_from(view).ok()?)?);
        let base = &torrent.tree;
        let nodes = base.nodes();
        if !nodes.has_leaf() {
            return None;
        }
        let files: Option<HashSet<FileIndex>> = files.map(|files| files.into_iter().collect());
        let files = files.filter(|files| !nodes.is_within(files));
        let is_directory = base.top().is_directory();
        let name = name.filter(|name| !name.is_empty() && !is_flat);
        let is_flat = is_flat && is_directory;
        let nodes = match (&files, &name) {
            _ if is_flat => Arc::new(nodes.flat(files.as_ref(), base.top_identity())?),
            (Some(files), _) => Arc::new(nodes.filtered(files)?),
            (None, Some(_)) if !is_directory => {
                let inner = escape(base.raw_name());
                Arc::new(nodes.wrapped(&inner, base.top_identity())?)
            }
            (None, _) => Arc::clone(nodes),
        };
        let place = LayoutPlace {
            view: Some(Arc::clone(view_name)),
            raw_name: name.as_deref().map_or_else(|| Arc::clone(&base.place().raw_name), Arc::from),
            is_renamed: name.is_some(),
            is_flat,
        };
        let tree = base.at(folder, place, nodes);
        let tops = if is_flat { tree.tops() } else { &[] };
        let part_names = tops.iter().filter_map(|idx| {
            let index = tree.part(*idx)?;
            let name = &base.node(base.find_file(index)?).name;
            Some((index, name.clone()))
        });
        let part_names = part_names.collect();
        Some(WantedPlace { tree, hides_duplicates, part_names })
    }
}

/// A file or link of a torrent, with its path.
struct PathOfFile<'a> {
    tree: &'a TorrentTree,
    idx: NodeIdx,
    index: FileIndex,
    path: String,
}

impl PathOfFile<'_> {
    fn arranged(&self, selections: &[Bitfield]) -> ArrangedFile<'_> {
        let node = self.tree.node(self.idx);
        let len = match node.body {
            NodeBody::File { len, .. } => len,
            NodeBody::Directory { .. } | NodeBody::Symlink { .. } => 0,
        };
        let is_selected = is_selected(selections, self.index);
        let (index, path) = (self.index, self.path.as_str());
        ArrangedFile { index, path, len, kind: node.kind(), is_selected }
    }
}

impl ToArrange {
    pub(crate) fn info_hash(&self) -> InfoHash {
        self.tree.info_hash()
    }

    /// Returns its files and their lengths, to find torrents with the same. Names are those inside
    /// the torrent, so that a mark of the torrent in the root makes no difference.
    pub(crate) fn release(&self) -> ReleaseId {
        let files = self.tree.indices().filter_map(|idx| {
            let NodeBody::File { len, .. } = self.tree.node(idx).body else { return None };
            let mut path = String::new();
            self.tree.write_path(idx, &mut path);
            if path.is_empty() {
                path = format!("/{}", escape(self.tree.raw_name()));
            }
            Some((path, len))
        });
        let mut files: Vec<_> = files.collect();
        files.sort_unstable();
        files
    }

    /// Returns its files and links in the order of the torrent.
    fn files(&self) -> Vec<PathOfFile<'_>> {
        let tree = &*self.tree;
        let files = tree.indices().filter_map(|idx| {
            let index = tree.node(idx).index()?;
            let mut path = String::new();
            tree.write_path(idx, &mut path);
            let path = match path.strip_prefix('/') {
                Some(inner) => inner.to_owned(),
                None => self.shown_name.clone(),
            };
            Some(PathOfFile { tree, idx, index, path })
        });
        let mut files: Vec<_> = files.collect();
        files.sort_unstable_by_key(|file| file.index);
        files
    }
}
