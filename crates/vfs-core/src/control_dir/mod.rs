//! `.tfs/`: control files, and links to torrents and files.
//!
//! ```text
//! .tfs/
//!  |- <control files>         text that the front end renders on open
//!  |- by-hash/<info hash>     link to the torrent
//!  `- search/<words>/<name>   link to each file whose path contains all words
//! ```
//!
//! Links and directories are computed from the tree on request, and only the searches that the
//! front end knows are stored. Their content may change at any time, without notification. Only the
//! numbers are stable: a number never has two meanings, see [`ControlIno`].

mod file;
mod number;
mod results;
mod searches;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
pub use file::ControlFile;
pub(crate) use number::{ControlIno, ControlNumbers};
use results::Hit;
use searches::SearchTable;

use crate::search::{Match, SearchIndex};
use crate::tree::{
    Added, DOT_COOKIE, DOT_DOT_COOKIE, FIRST_COOKIE, FolderId, Top, TorrentKey, Tree,
};
use crate::{Attr, Changes, DirEntry, Entry, InfoHash, Ino, NodeKind, Validity, VfsError};

/// Name of the control directory in the root.
pub(crate) const CONTROL_NAME: &str = ".tfs";

const BY_HASH_NAME: &str = "by-hash";
const SEARCH_NAME: &str = "search";

/// Path from a link in `.tfs/by-hash/` to the root.
const UP_FROM_HASH: &str = "../../";

/// Path from a link in `.tfs/search/<words>/` to the root.
const UP_FROM_SEARCH: &str = "../../../";

/// Maximum number of results of a search: more than a user reads, and about 2 MB.
pub(crate) const SEARCH_RESULTS_MAX: usize = 10_000;

/// The content of the control directory.
#[derive(Debug)]
pub(crate) struct ControlDir {
    files: Box<[ControlFile]>,
    pub(crate) index: SearchIndex,
    /// Protects the searches that the front end knows. Held for one call, never during a search,
    /// and taken after the lock of the tree.
    searches: Mutex<SearchTable>,
    pub(crate) numbers: ControlNumbers,
    /// Random number of this run: searches are numbered from 1 in each run, and a file handle from
    /// another run must not lead to another search.
    run: u32,
}

impl ControlDir {
    pub(crate) fn new(files: Vec<ControlFile>, numbers: ControlNumbers) -> Self {
        // The seeds of hash maps are the only source of random numbers in `std`.
        let [a, b, c, d, ..] = RandomState::new().hash_one(0).to_le_bytes();
        let run = u32::from_le_bytes([a, b, c, d]);
        Self {
            files: file::distinct(files),
            index: SearchIndex::default(),
            searches: Mutex::new(SearchTable::new(numbers.value_max())),
            numbers,
            run,
        }
    }

    /// Applies torrents added to the tree, and those removed from a directory of torrents. Costs a
    /// pass over the new names.
    pub(crate) fn update(&self, added: Vec<Added>, folder: FolderId, changes: &Changes) {
        let removed = changes.removed.iter();
        let removed = removed.map(|(info_hash, _)| TorrentKey { folder, info_hash: *info_hash });
        self.index.update(added, &removed.collect());
    }

    /// Finds a name, and counts a lookup of the result if it has a lookup count.
    pub(crate) fn lookup(
        &self,
        tree: &Tree,
        dir: ControlIno,
        name: &str,
    ) -> Result<Attr, VfsError> {
        let found = match dir {
            ControlIno::Control => self.child_of_control(name).ok_or(VfsError::NotFound)?,
            ControlIno::ByHash => {
                tree.check_known()?;
                let info_hash: InfoHash = name.parse().map_err(|_no_hash| VfsError::NotFound)?;
                ControlIno::HashLink(tree.top(info_hash).ok_or(VfsError::NotFound)?.ino)
            }
            ControlIno::Search => ControlIno::Query(self.searches().look_up(name)?),
            ControlIno::Query(id) => {
                tree.check_known()?;
                ControlIno::SearchLink(self.searches().results(id)?.file(name)?)
            }
            ControlIno::File(_) | ControlIno::HashLink(_) | ControlIno::SearchLink(_) => {
                return Err(VfsError::NotDirectory);
            }
        };
        self.attr(tree, found)
    }

    /// Returns the attributes of a node, and counts a lookup if it has a lookup count.
    pub(crate) fn by_number(&self, tree: &Tree, ino: ControlIno) -> Result<Attr, VfsError> {
        let attr = self.attr(tree, ino)?;
        if let ControlIno::Query(id) = ino {
            self.searches().acquire(id)?;
        }
        Ok(attr)
    }

    /// Returns the attributes of the parent directory of a node.
    pub(crate) fn parent_by_number(&self, tree: &Tree, ino: ControlIno) -> Result<Attr, VfsError> {
        self.attr(tree, ino)?;
        match ino {
            ControlIno::Control => tree.by_number(Ino::ROOT),
            ControlIno::ByHash | ControlIno::Search | ControlIno::File(_) => {
                self.attr(tree, ControlIno::Control)
            }
            ControlIno::Query(_) => self.attr(tree, ControlIno::Search),
            ControlIno::HashLink(_) => self.attr(tree, ControlIno::ByHash),
            // It may be in any number of searches.
            ControlIno::SearchLink(_) => Err(VfsError::NotFound),
        }
    }

    /// Subtracts `count` from the lookup count.
    pub(crate) fn forget(&self, ino: ControlIno, count: u64) {
        if let ControlIno::Query(id) = ino {
            self.searches().forget(id, count);
        }
    }

    pub(crate) fn attr(&self, tree: &Tree, ino: ControlIno) -> Result<Attr, VfsError> {
        let mut generation = 0;
        let (kind, size, mtime, nlink) = match ino {
            ControlIno::Control => (NodeKind::Directory, 0, tree.root_mtime(), 4),
            ControlIno::ByHash | ControlIno::Search => {
                (NodeKind::Directory, 0, tree.root_mtime(), 2)
            }
            ControlIno::Query(id) => {
                self.searches().results(id)?;
                generation = self.run;
                (NodeKind::Directory, 0, tree.root_mtime(), 2)
            }
            // The size is unknown before the text is rendered. Such files have size 0 in `/proc`
            // too, so that programs read until the end.
            ControlIno::File(position) => {
                self.files.get(position).ok_or(VfsError::NotFound)?;
                (NodeKind::File, 0, tree.root_mtime(), 1)
            }
            ControlIno::HashLink(node) | ControlIno::SearchLink(node) => {
                let len = self.link_target(tree, ino)?.len() as u64;
                let node = tree.attr(node)?;
                generation = node.generation;
                (NodeKind::Symlink, len, node.mtime, 1)
            }
        };
        let ino = self.numbers.ino(ino);
        Ok(Attr { generation, ..attr(ino, kind, size, mtime, nlink) })
    }

    /// Returns the target of a link, relative to its directory.
    pub(crate) fn link_target(&self, tree: &Tree, ino: ControlIno) -> Result<String, VfsError> {
        let (node, up) = match ino {
            ControlIno::HashLink(node) => (node, UP_FROM_HASH),
            ControlIno::SearchLink(node) => (node, UP_FROM_SEARCH),
            ControlIno::Control
            | ControlIno::ByHash
            | ControlIno::Search
            | ControlIno::File(_)
            | ControlIno::Query(_) => return Err(VfsError::NotSymlink),
        };
        let mut target = up.to_owned();
        tree.write_path(node, &mut target)?;
        Ok(target)
    }

    /// Returns the current text of a control file.
    pub(crate) fn render(&self, ino: ControlIno) -> Result<Bytes, VfsError> {
        match ino {
            ControlIno::File(position) => {
                let file = self.files.get(position).ok_or(VfsError::NotFound)?;
                Ok((file.render)())
            }
            ControlIno::Control
            | ControlIno::ByHash
            | ControlIno::Search
            | ControlIno::Query(_) => Err(VfsError::IsDirectory),
            // Linux resolves links before it opens a file, or refuses with O_NOFOLLOW.
            ControlIno::HashLink(_) | ControlIno::SearchLink(_) => Err(VfsError::NotFound),
        }
    }

    /// Calls `each` with the entries of a directory after `cookie` until it returns false.
    pub(crate) fn list(
        &self,
        tree: &Tree,
        dir: ControlIno,
        cookie: u64,
        each: &mut dyn FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        let parent = match dir {
            ControlIno::Control => tree.attr(Ino::ROOT)?,
            ControlIno::ByHash | ControlIno::Search => self.attr(tree, ControlIno::Control)?,
            ControlIno::Query(_) => self.attr(tree, ControlIno::Search)?,
            ControlIno::File(_) | ControlIno::HashLink(_) | ControlIno::SearchLink(_) => {
                return Err(VfsError::NotDirectory);
            }
        };
        if matches!(dir, ControlIno::ByHash | ControlIno::Query(_)) {
            tree.check_known()?;
        }
        let this = self.attr(tree, dir)?;
        let dots = [(".", DOT_COOKIE, this), ("..", DOT_DOT_COOKIE, parent)];
        for (name, dot_cookie, attr) in dots {
            if cookie < dot_cookie && !each(&entry(name, dot_cookie, attr)) {
                return Ok(());
            }
        }
        match dir {
            ControlIno::Control => self.list_control(tree, cookie, each),
            ControlIno::ByHash => self.list_hashes(tree, cookie, each),
            ControlIno::Query(id) => self.list_results(tree, id, cookie, each),
            // Searches of a user are private, and a walk over the whole tree should not enter them.
            ControlIno::Search
            | ControlIno::File(_)
            | ControlIno::HashLink(_)
            | ControlIno::SearchLink(_) => Ok(()),
        }
    }

    /// Returns whether [`refresh`](Self::refresh) would search.
    pub(crate) fn must_search(&self, dir: ControlIno) -> bool {
        let ControlIno::Query(id) = dir else { return false };
        let generation = self.index.generation();
        matches!(self.searches().outdated(id, generation), Ok(Some(_)))
    }

    /// Searches again if the torrents have changed since the last results.
    pub(crate) fn refresh<'a, T: std::ops::Deref<Target = Tree>>(
        &self,
        dir: ControlIno,
        tree: impl FnOnce() -> T + 'a,
    ) -> Result<(), VfsError> {
        let ControlIno::Query(id) = dir else { return Ok(()) };
        let generation = self.index.generation();
        let Some(query) = self.searches().outdated(id, generation)? else { return Ok(()) };
        let found = self.index.search(&query, SEARCH_RESULTS_MAX);
        let tree = tree();
        let hits = found.into_iter().filter_map(|found| {
            let (ino, path) = tree.locate(&found.tree, found.idx)?;
            Some(Hit { ino, found: Match { path, ..found } })
        });
        let hits = hits.collect();
        drop(tree);
        self.searches().take_over(id, generation, hits);
        Ok(())
    }

    fn child_of_control(&self, name: &str) -> Option<ControlIno> {
        match name {
            BY_HASH_NAME => Some(ControlIno::ByHash),
            SEARCH_NAME => Some(ControlIno::Search),
            _ => self.files.iter().position(|file| file.name == name).map(ControlIno::File),
        }
    }

    fn list_control(
        &self,
        tree: &Tree,
        cookie: u64,
        each: &mut dyn FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        let directories = [(BY_HASH_NAME, ControlIno::ByHash), (SEARCH_NAME, ControlIno::Search)];
        let files = self.files.iter().enumerate();
        let files = files.map(|(position, file)| (file.name, ControlIno::File(position)));
        for (own_cookie, (name, ino)) in (FIRST_COOKIE..).zip(directories.into_iter().chain(files))
        {
            if own_cookie > cookie && !each(&entry(name, own_cookie, self.attr(tree, ino)?)) {
                break;
            }
        }
        Ok(())
    }

    /// The cookies are those of the torrents in the root.
    fn list_hashes(
        &self,
        tree: &Tree,
        cookie: u64,
        each: &mut dyn FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        for Top { info_hash, ino, cookie, .. } in tree.tops_after(cookie) {
            let attr = self.attr(tree, ControlIno::HashLink(ino))?;
            if !each(&entry(&info_hash.to_string(), cookie, attr)) {
                break;
            }
        }
        Ok(())
    }

    fn list_results(
        &self,
        tree: &Tree,
        id: u64,
        cookie: u64,
        each: &mut dyn FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        for (own_cookie, name, ino) in self.searches().results(id)?.after(cookie) {
            // A torrent that was removed since the search is skipped.
            let Ok(attr) = self.attr(tree, ControlIno::SearchLink(ino)) else { continue };
            if !each(&entry(name, own_cookie, attr)) {
                break;
            }
        }
        Ok(())
    }

    fn searches(&self) -> MutexGuard<'_, SearchTable> {
        // A panic in one call is a bug that one request reports; other requests continue.
        self.searches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the attributes of a node. Changes of them are not announced.
fn attr(ino: Ino, kind: NodeKind, size: u64, mtime: i64, nlink: u32) -> Attr {
    Attr {
        ino,
        kind,
        size,
        have_bytes: 0,
        mtime,
        nlink,
        generation: 0,
        validity: Validity::Unannounced,
    }
}

/// Returns the lookup result for a node. Changes of it are not announced.
pub(crate) fn found(attr: Attr) -> Entry {
    Entry { attr, name_validity: Validity::Unannounced }
}

/// Returns an entry of a node's directory. Changes of it are not announced.
pub(crate) fn entry(name: &str, cookie: u64, attr: Attr) -> DirEntry<'_> {
    DirEntry { name, cookie, attr, name_validity: Validity::Unannounced }
}

#[cfg(test)]
mod tests;
