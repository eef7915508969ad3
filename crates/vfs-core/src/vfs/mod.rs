//! The filesystem interface for front ends.

mod by_id;
mod closed;
mod export;
mod late;
mod local;
mod names;
mod numbers;
mod piece_map;
mod preload;
mod read;
mod search;
mod servers;
mod times;
mod views;

pub use self::closed::ClosedReader;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::closed::ClosedFiles;
use crate::control_dir::{self, CONTROL_NAME, ControlDir, ControlIno, ControlNumbers};
use crate::engine::MultiEngine;
use crate::extents::Extents;
use crate::figures::ReadMonitor;
use crate::handle::{Handles, OpenFile};
use crate::looks::{LookNotes, LookWatcher};
use crate::search::IndexCounts;
use crate::tree::{CONTROL_COOKIE, FileRef, NodeFacts, Tree};
use crate::{
    Attr, ControlFile, Counters, DirEntry, Entry, FileId, FsCounts, FsStats, HandleId, InfoHash,
    Ino, InodeNumbers, InvalidationSink, KnownNode, ReadPolicy, ReadWay, ReaderOrigin, ReaderWait,
    RootLayout, SeekTo, ServerId, TorrentSource, TorrentTime, Validity, VfsError, xattr,
};

/// Facts about a node, and the names of its servers.
type FactsWithServers = (NodeFacts, Option<String>);

/// Separator of server names, if there are several.
const NAME_SEPARATOR: &str = ", ";

/// Configuration of a [`Vfs`].
#[derive(Debug, Clone, Copy, Default)]
pub struct VfsConfig {
    /// Policy of reads.
    pub read: ReadPolicy,
    /// Whether the control directory `.tfs` is listed in the root. Lookups of it always succeed.
    pub show_control: bool,
    /// Arrangement of the torrents of several servers.
    pub layout: RootLayout,
    /// Scheme of inode numbers.
    pub inode_numbers: InodeNumbers,
    /// Which time the files of a torrent show.
    pub times: TorrentTime,
}

/// An open file and the activity of its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReader {
    /// The handle.
    pub handle: HandleId,
    /// The client that opened it; `None` for a process of this machine.
    pub origin: Option<Arc<ReaderOrigin>>,
    /// Identity of the file.
    pub file: FileId,
    /// Path from the root, without a leading slash; `None` if the torrent was removed.
    pub path: Option<String>,
    /// Length of the file in bytes.
    pub file_len: u64,
    /// End offset of the last answered read.
    pub offset: u64,
    /// Bytes returned to the reader.
    pub bytes_given: u64,
    /// Length in bytes of the current run of adjoining reads; 0 before the first read.
    pub run_bytes: u64,
    /// Bytes that the server downloaded because of its reads, as far as the bitfields show: whole
    /// pieces, also those that the server fetched ahead of it.
    pub bytes_downloaded: u64,
    /// Bytes per second, over about the last two seconds.
    pub bytes_per_second: u64,
    /// How the file is currently read.
    pub way: ReadWay,
    /// The server that answers its reads: the one of its last read, or the only one that has the
    /// torrent. `None` if neither is known.
    pub server: Option<ServerId>,
    /// Reason of its current wait; with several reads, that of the one that has waited longest.
    pub wait: Option<ReaderWait>,
}

/// A read-only filesystem over the torrents of one [`TorrentSource`] or several.
///
/// Each source is a server. Torrents with one info hash are one torrent, and a read uses a server
/// that has its bytes.
///
/// All calls except [`read`](Self::read), [`seek`](Self::seek) and [`preload`](Self::preload)
/// answer from memory. Calls may run concurrently on any threads.
///
/// # Lookup counts
/// The front end owns them: each successful [`lookup`](Self::lookup) and each entry that
/// [`read_dir_plus`](Self::read_dir_plus) returns adds one to the inode's count, and the front end
/// returns them with [`forget`](Self::forget). An inode that the front end knows keeps its
/// attributes after its torrent was removed.
#[derive(Debug)]
pub struct Vfs<S> {
    /// Protects the tree; held for one metadata call, never across an await.
    tree: RwLock<Tree>,
    /// Sink of notifications. Held while a listing is applied and announced, so that listings are
    /// sequential. Taken before `tree`, and only by calls that document it.
    sink: Mutex<Option<Arc<dyn InvalidationSink>>>,
    control: ControlDir,
    is_control_shown: bool,
    handles: Handles,
    closed: ClosedFiles,
    looks: LookNotes,
    /// How often names appeared or went; see [`names_version`](Self::names_version).
    names_version: AtomicU64,
    /// What happens to reads of torrents.
    monitor: ReadMonitor,
    engine: MultiEngine<S>,
}

impl<S: TorrentSource> Vfs<S> {
    /// Returns a filesystem of one server without known torrents: metadata calls fail with
    /// [`VfsError::NoTree`] until [`apply`](Self::apply) is called.
    #[must_use]
    pub fn new(source: Arc<S>, config: VfsConfig) -> Self {
        Self::of_servers(&[source], config)
    }

    /// Like [`new`](Self::new), for several servers, at least one: the position of each is its
    /// [`ServerId`]. In a layout by server, the later of two servers with one name
    /// has a directory with a mark.
    #[must_use]
    pub fn of_servers(sources: &[Arc<S>], config: VfsConfig) -> Self {
        let names = sources.iter().enumerate().map(|(position, source)| match source.name() {
            Some(name) => name.as_ref().to_owned(),
            None => position.to_string(),
        });
        let names: Vec<_> = names.collect();
        let tree = Tree::new(config.layout, &names, config.inode_numbers);
        Self {
            tree: RwLock::new(tree.with_times(config.times)),
            sink: Mutex::new(None),
            control: ControlDir::new(Vec::new(), ControlNumbers::new(config.inode_numbers)),
            is_control_shown: config.show_control,
            handles: Handles::default(),
            closed: ClosedFiles::default(),
            looks: LookNotes::default(),
            names_version: AtomicU64::new(0),
            monitor: ReadMonitor::default(),
            engine: MultiEngine::new(sources, config.read),
        }
    }

    /// Adds these files to the control directory; of files with one name, only the first.
    #[must_use]
    pub fn with_control_files(mut self, files: Vec<ControlFile>) -> Self {
        self.control = ControlDir::new(files, self.control.numbers);
        self
    }

    /// Sets the front end that is notified of changes from now on; `None` disables notifications.
    pub fn set_sink(&self, sink: Option<Arc<dyn InvalidationSink>>) {
        *self.sink() = sink;
    }

    /// Returns a watcher of looks at the filesystem: listings of a directory of torrents, lookups
    /// of unknown names there, opens and reads of files, and [commands](Self::note_command).
    #[must_use]
    pub fn watch_looks(&self) -> LookWatcher {
        self.looks.watcher()
    }

    /// Records that a command wants to see the current state of the servers.
    pub fn note_command(&self) {
        self.looks.note_command();
    }

    /// Returns the memory used by [`search`](Self::search) alone, in bytes.
    #[must_use]
    pub fn search_memory_bytes(&self) -> usize {
        self.control.index.memory_bytes()
    }

    /// Finds `name` in the directory `parent` and counts one lookup of the result. A name that is
    /// not UTF-8 is not found: names come from JSON.
    ///
    /// `.` is `parent` itself, which may be a file then, and `..` its parent directory. Both are
    /// found by the number alone, also after the front end forgot it and after a remount: the
    /// kernel opens file handles in this way (`FUSE_EXPORT_SUPPORT`).
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`, `NoTree`, or `Stale` in a directory of a removed torrent.
    pub fn lookup(&self, parent: Ino, name: &[u8]) -> Result<Entry, VfsError> {
        let name = str::from_utf8(name).map_err(|_not_utf8| VfsError::NotFound)?;
        if matches!(name, "." | "..") {
            return self.lookup_number(parent, name == "..");
        }
        if parent == Ino::ROOT && name == CONTROL_NAME {
            let attr = self.control.attr(&self.tree(), ControlIno::Control)?;
            return Ok(control_dir::found(attr));
        }
        if let Some(dir) = self.control.numbers.find(parent) {
            self.control.refresh(dir, || self.tree())?;
            return self.control.lookup(&self.tree(), dir, name).map(control_dir::found);
        }
        let tree = self.tree();
        let found = tree.lookup(parent, name);
        if matches!(found, Err(VfsError::NotFound)) && tree.has_torrents(parent) {
            self.looks.note();
        }
        let DirEntry { attr, name_validity, .. } = found?;
        tree.acquire(attr.ino, 1);
        Ok(Entry { attr, name_validity })
    }

    /// Subtracts `count` from the lookup count of `ino`. Lookups go on meanwhile, except for a node
    /// of a torrent that was removed: an unmount after a walk forgets each of a million files.
    pub fn forget(&self, ino: Ino, count: u64) {
        if let Some(node) = self.control.numbers.find(ino) {
            return self.control.forget(node, count);
        }
        let must_drop = self.tree().release(ino, count);
        if must_drop {
            self.tree_mut().drop_forgotten(ino);
        }
    }

    /// Returns the attributes of `ino`.
    ///
    /// # Errors
    /// `NotFound`, or `Stale` for a search that no longer exists.
    pub fn attr(&self, ino: Ino) -> Result<Attr, VfsError> {
        let tree = self.tree();
        match self.control.numbers.find(ino) {
            Some(node) => self.control.attr(&tree, node),
            None => tree.attr(ino),
        }
    }

    /// Returns how long the list of names of the directory `dir` is valid.
    #[must_use]
    pub fn names_validity(&self, dir: Ino) -> Validity {
        self.tree().names_validity(dir)
    }

    /// Returns the value of an extended attribute of `ino`: text without a terminator.
    ///
    /// # Errors
    /// `NoAttribute`, `NotFound`, or `Stale` if its torrent was removed.
    pub fn xattr(&self, ino: Ino, name: &[u8]) -> Result<String, VfsError> {
        let facts = self.facts(ino)?;
        let value = facts.and_then(|(node, servers)| xattr::value(name, &node, servers.as_deref()));
        value.ok_or(VfsError::NoAttribute)
    }

    /// Returns the names of the extended attributes of `ino`.
    ///
    /// # Errors
    /// `NotFound`, or `Stale` if its torrent was removed.
    pub fn xattr_names(&self, ino: Ino) -> Result<Vec<&'static str>, VfsError> {
        let facts = self.facts(ino)?;
        Ok(facts.map_or_else(Vec::new, |(node, servers)| xattr::names(&node, servers.as_deref())))
    }

    /// Returns the target of the symbolic link `ino`, relative to its directory.
    ///
    /// # Errors
    /// `NotFound` or `NotSymlink`.
    pub fn read_link(&self, ino: Ino) -> Result<String, VfsError> {
        let tree = self.tree();
        match self.control.numbers.find(ino) {
            Some(node) => self.control.link_target(&tree, node),
            None => tree.link_target(ino).map(str::to_owned),
        }
    }

    /// Checks that `ino` is a directory whose entries are known. Keeps no state for it.
    ///
    /// # Errors
    /// As [`read_dir`](Self::read_dir).
    pub fn open_dir(&self, ino: Ino) -> Result<(), VfsError> {
        match self.control.numbers.find(ino) {
            Some(dir) => self.control.list(&self.tree(), dir, 0, &mut |_| false),
            None => {
                let tree = self.tree();
                self.note_listing(&tree, ino);
                tree.check_directory(ino)
            }
        }
    }

    /// Calls `each` with the entries of the directory `ino` after `cookie` (0: all of them), until
    /// it returns false, which means that it did not take the entry.
    ///
    /// A listing may be continued at any cookie that was ever returned: entries added in between
    /// are at the end, removed ones are skipped, all others are returned exactly once.
    ///
    /// `each` runs under the lock of the tree and must not call back.
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`, `NoTree`, or `Stale` for a directory of a removed torrent.
    pub fn read_dir(
        &self,
        ino: Ino,
        cookie: u64,
        mut each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        self.list(ino, cookie, |_tree, entry| each(entry))
    }

    /// Like [`read_dir`](Self::read_dir), and counts one lookup of each entry taken, except for `.`
    /// and `..` (as in `FUSE_READDIRPLUS`).
    ///
    /// # Errors
    /// As [`read_dir`](Self::read_dir).
    pub fn read_dir_plus(
        &self,
        ino: Ino,
        cookie: u64,
        mut each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        self.list(ino, cookie, |tree, entry| {
            let is_taken = each(entry);
            if is_taken && !matches!(entry.name, "." | "..") {
                tree.acquire(entry.attr.ino, 1);
            }
            is_taken
        })
    }

    /// Opens the file `ino`. Sends no request. The length of a control file is unknown until it is
    /// read to its end, whatever its attributes are.
    ///
    /// # Errors
    /// `NotFound`, `IsDirectory`, or `Stale` if its torrent was removed.
    pub fn open(&self, ino: Ino) -> Result<HandleId, VfsError> {
        let file = match self.control.numbers.find(ino) {
            // No lock is held: the text may be about this filesystem.
            Some(node) => OpenFile::Text(self.control.render(node)?),
            None => OpenFile::Torrent(self.tree().file(ino)?),
        };
        let is_torrent = matches!(file, OpenFile::Torrent(_));
        let handle = self.handles.open(file);
        if is_torrent {
            self.looks.note();
            self.engine.open(handle);
        }
        tracing::debug!(ino = ino.0, fh = handle.0, path = self.tree().path(ino), "open");
        Ok(handle)
    }

    /// Finds the next downloaded or missing byte of an open file, from `offset` on.
    ///
    /// Requests to the source are shared with those of reads, at most one a second for each
    /// torrent. If the source does not know, or does not answer in time, the whole file counts as
    /// data.
    ///
    /// # Errors
    /// `BadHandle`; `NothingThere` at and after the end of the file, or if no data follows; `Stale`
    /// if the torrent was removed.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn seek(&self, handle: HandleId, offset: u64, to: SeekTo) -> Result<u64, VfsError> {
        if let Some(found) = self.try_seek(handle, offset, to) {
            return found;
        }
        let (id, len, geometry) = match self.handles.get(handle)? {
            OpenFile::Torrent(FileRef { id, len, geometry, .. }) => (id, len, geometry),
            OpenFile::Text(text) => return Extents::All.seek(to, offset, text.len() as u64),
        };
        let extents = match geometry {
            Some(geometry) => {
                let states = self.tree().file_states(id);
                let servers = states.into_iter().map(|(server, _)| server);
                let pieces = self.engine.pieces(id.torrent, servers).await;
                Extents::new(pieces, geometry, len)
            }
            None => Extents::All,
        };
        extents.seek(to, offset, len)
    }

    /// Like [`seek`](Self::seek), but only if it needs no waiting: the file is complete, or its
    /// missing parts are unknown.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub fn try_seek(
        &self,
        handle: HandleId,
        offset: u64,
        to: SeekTo,
    ) -> Option<Result<u64, VfsError>> {
        let FileRef { id, len, geometry, .. } = match self.handles.get(handle) {
            Ok(OpenFile::Torrent(file)) => file,
            Ok(OpenFile::Text(text)) => {
                return Some(Extents::All.seek(to, offset, text.len() as u64));
            }
            Err(error) => return Some(Err(error)),
        };
        let Some(state) = self.tree().file_state(id) else { return Some(Err(VfsError::Stale)) };
        let is_known = offset >= len || geometry.is_none() || state.is_complete(len);
        is_known.then(|| Extents::All.seek(to, offset, len))
    }

    /// Returns the counters of reads and their current state.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.engine.counters();
        // Of several servers, each counts its own attempts.
        counters.total.failures = self.monitor.summary().failure_count();
        counters
    }

    /// Returns the readers of all open files with their activity and waits, in the order of their
    /// opens. Costs O(open files + waiting reads).
    #[must_use]
    pub fn readers(&self) -> Vec<OpenReader> {
        let mut activities = self.engine.activities();
        let open = self.handles.all();
        let tree = self.tree();
        let readers = open.into_iter().map(|(handle, file, origin)| {
            let activity = activities.remove(&handle).unwrap_or_default();
            OpenReader {
                handle,
                origin,
                file: file.id,
                path: tree.path_of_open(file),
                file_len: file.len,
                offset: activity.offset,
                bytes_given: activity.bytes_given,
                run_bytes: activity.run_bytes,
                bytes_downloaded: activity.bytes_downloaded,
                bytes_per_second: activity.bytes_per_second,
                way: self.engine.way(file.id),
                server: self.engine.server_of(handle, &tree.file_states(file.id)),
                wait: activity.wait,
            }
        });
        readers.collect()
    }

    /// Returns the nodes that the front end has looked up and not forgotten. Costs O(nodes).
    #[must_use]
    pub fn known_nodes(&self) -> Vec<KnownNode> {
        self.tree().known()
    }

    /// Drops all bytes in memory, and returns their number: the next read requests them from the
    /// source. Open streams are reopened for waiting reads.
    pub fn clear_data(&self) -> u64 {
        self.engine.clear()
    }

    /// Drops the bitfields of all torrents, which are then requested again. The tree stays.
    pub fn clear_pieces(&self) {
        self.engine.clear_haves();
    }

    /// Returns the torrents with open files, without duplicates.
    #[must_use]
    pub fn torrents_in_use(&self) -> Vec<InfoHash> {
        let mut torrents: Vec<_> =
            self.handles.all().into_iter().map(|(_, file, _)| file.id.torrent).collect();
        torrents.sort_unstable();
        torrents.dedup();
        torrents
    }

    /// Returns the number of open files of torrents.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.handles.count()
    }

    /// Returns the total size.
    #[must_use]
    pub fn stats(&self) -> FsStats {
        self.tree().stats()
    }

    /// Returns the numbers of torrents and files.
    #[must_use]
    pub fn counts(&self) -> FsCounts {
        let IndexCounts { torrents, files } = self.control.index.counts();
        FsCounts { is_known: self.tree().is_known(), torrents, files }
    }

    /// Ends all reads, including later ones, with [`VfsError::ShuttingDown`].
    pub fn shut_down(&self) {
        self.engine.shut_down();
    }

    /// Lists a directory; `each` also gets the tree, whose lock is held.
    fn list(
        &self,
        dir: Ino,
        cookie: u64,
        mut each: impl FnMut(&Tree, &DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        if let Some(node) = self.control.numbers.find(dir) {
            self.control.refresh(node, || self.tree())?;
            let tree = self.tree();
            return self.control.list(&tree, node, cookie, &mut |entry| each(&tree, entry));
        }
        let tree = self.tree();
        if cookie == 0 {
            self.note_listing(&tree, dir);
        }
        if dir != Ino::ROOT || !self.is_control_shown || cookie >= CONTROL_COOKIE {
            return tree.list(dir, cookie, |entry| each(&tree, entry));
        }
        let control = self.control.attr(&tree, ControlIno::Control)?;
        let control = control_dir::entry(CONTROL_NAME, CONTROL_COOKIE, control);
        let (mut is_listed, mut is_full) = (false, false);
        tree.list(dir, cookie, |entry| {
            if entry.cookie > CONTROL_COOKIE && !is_listed {
                is_listed = true;
                is_full = !each(&tree, &control);
            }
            is_full = is_full || !each(&tree, entry);
            !is_full
        })?;
        if !is_listed && !is_full {
            each(&tree, &control);
        }
        Ok(())
    }

    fn note_listing(&self, tree: &Tree, dir: Ino) {
        if tree.has_torrents(dir) {
            self.looks.note();
        }
    }

    fn facts(&self, ino: Ino) -> Result<Option<FactsWithServers>, VfsError> {
        if self.control.numbers.find(ino).is_some() {
            return Ok(None);
        }
        let facts = self.tree().facts(ino)?;
        Ok(facts.map(|(facts, servers)| {
            let names = servers.into_iter().filter_map(|server| self.source(server)?.name());
            let names: Vec<_> = names.collect();
            (facts, (!names.is_empty()).then(|| names.join(NAME_SEPARATOR)))
        }))
    }

    fn sink(&self) -> MutexGuard<'_, Option<Arc<dyn InvalidationSink>>> {
        // A panic of a sink is its own bug, and must not affect the next one.
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree(&self) -> RwLockReadGuard<'_, Tree> {
        // A panic in a change of the tree is a bug that one request reports; other requests
        // continue.
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree_mut(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }
}
