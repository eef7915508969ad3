//! The whole filesystem: what a front end calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use crate::engine::{Engine, Target};
use crate::extents::Extents;
use crate::handle::Handles;
use crate::tree::{Changes, FileRef, NodeFacts, TorrentTree, Tree};
use crate::{
    Attr, ByteRange, Counters, DirEntry, Entry, FsStats, HandleId, InfoHash, Ino, InvalidationSink,
    ReadPolicy, SeekTo, TorrentDetails, TorrentSource, TorrentSummary, Validity, VfsError, xattr,
};

/// A node and what its server is called.
type FactsWithServer = (NodeFacts, Option<Arc<str>>);

/// How a [`Vfs`] behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct VfsConfig {
    /// How reads behave.
    pub read: ReadPolicy,
}

/// A read-only filesystem over the torrents of a [`TorrentSource`].
///
/// All calls but [`read`](Self::read) answer from memory. Calls may come from any number of threads
/// at once.
///
/// # Lookup counts
/// The front end owns them: each success of [`lookup`](Self::lookup) and each entry that
/// [`read_dir_plus`](Self::read_dir_plus) hands over adds one to the inode, and the front end gives
/// them back with [`forget`](Self::forget). An inode that is known to the front end keeps its
/// attributes after its torrent is gone.
#[derive(Debug)]
pub struct Vfs<S> {
    /// Protects the tree; held for one metadata call, never across an await.
    tree: RwLock<Tree>,
    /// Who is told of changes. Held while a listing is taken over and told of, so that one comes
    /// after the other; taken before `tree`, and by no call but those that say so.
    sink: Mutex<Option<Arc<dyn InvalidationSink>>>,
    handles: Handles,
    engine: Engine<S>,
}

impl<S: TorrentSource> Vfs<S> {
    /// Returns a filesystem that knows of no torrents yet: metadata calls fail with
    /// [`VfsError::NoTree`] until [`apply`](Self::apply) was called.
    #[must_use]
    pub fn new(source: Arc<S>, config: VfsConfig) -> Self {
        Self {
            tree: RwLock::new(Tree::new()),
            sink: Mutex::new(None),
            handles: Handles::default(),
            engine: Engine::new(source, config.read),
        }
    }

    /// Returns the source that was given.
    #[must_use]
    pub fn source(&self) -> &S {
        self.engine.source()
    }

    /// Lets a front end be told of changes from now on, in place of the one before, or nobody.
    pub fn set_sink(&self, sink: Option<Arc<dyn InvalidationSink>>) {
        *self.sink() = sink;
    }

    /// Returns the torrents of a listing that can be shown, but whose details the tree does not
    /// have, in the listing's order.
    #[must_use]
    pub fn unknown_torrents(&self, listing: &[TorrentSummary]) -> Vec<InfoHash> {
        let tree = self.tree();
        let unknown = listing.iter().filter(|summary| summary.is_resolved);
        unknown.map(|summary| summary.info_hash).filter(|hash| !tree.contains(*hash)).collect()
    }

    /// Takes over a complete listing of the source.
    ///
    /// Torrents that are not in it disappear; those that are new appear if their details are given,
    /// and otherwise stay unknown until a later call; progress is taken over for all. `seen_at` is
    /// the time in seconds since 1970 that new torrents without a creation date get. Then the sink
    /// is told of what a front end may not know.
    pub fn apply(
        &self,
        listing: Vec<TorrentSummary>,
        details: Vec<TorrentDetails>,
        seen_at: i64,
    ) -> Changes {
        // Before the lock is taken: a torrent of a hundred thousand files takes a while.
        let layouts = details.into_iter().map(|details| TorrentTree::new(&details, seen_at));
        let layouts = layouts.collect();
        let sink = self.sink();
        let (changes, notices) = self.tree_mut().apply(listing, layouts, seen_at);
        // First, so that reads of what is gone do not hold up those who are told.
        self.engine.update(|file| self.tree().file_state(file));
        if let Some(sink) = &*sink {
            notices.iter().for_each(|notice| notice.tell(&**sink));
        }
        changes
    }

    /// Finds `name` in the directory `parent` and counts one lookup of what it finds. A name that
    /// is no UTF-8 is not found: names come from JSON.
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`, `NoTree`, or `Stale` in a directory of a torrent that is gone.
    pub fn lookup(&self, parent: Ino, name: &[u8]) -> Result<Entry, VfsError> {
        let tree = self.tree();
        let name = str::from_utf8(name).map_err(|_not_utf8| VfsError::NotFound)?;
        let DirEntry { attr, name_validity, .. } = tree.lookup(parent, name)?;
        tree.acquire(attr.ino, 1);
        Ok(Entry { attr, name_validity })
    }

    /// Takes back `count` lookups of `ino`.
    pub fn forget(&self, ino: Ino, count: u64) {
        self.tree_mut().forget(ino, count);
    }

    /// Takes back lookups of many inodes at once.
    pub fn forget_all(&self, forgotten: impl IntoIterator<Item = (Ino, u64)>) {
        let mut tree = self.tree_mut();
        forgotten.into_iter().for_each(|(ino, count)| tree.forget(ino, count));
    }

    /// Returns the attributes of `ino`.
    ///
    /// # Errors
    /// `NotFound`, or `NoTree` for the root.
    pub fn attr(&self, ino: Ino) -> Result<Attr, VfsError> {
        self.tree().attr(ino)
    }

    /// Returns how long it holds that the directory `dir` has the names that it has, and no
    /// others.
    #[must_use]
    pub fn names_validity(&self, dir: Ino) -> Validity {
        self.tree().names_validity(dir)
    }

    /// Returns the value of an extended attribute of `ino`, text without an end mark.
    ///
    /// # Errors
    /// `NoAttribute`, `NotFound`, or `Stale` if its torrent is gone.
    pub fn xattr(&self, ino: Ino, name: &[u8]) -> Result<String, VfsError> {
        let facts = self.facts(ino)?;
        let value = facts.and_then(|(node, server)| xattr::value(name, &node, server.as_deref()));
        value.ok_or(VfsError::NoAttribute)
    }

    /// Returns the names of the extended attributes of `ino`.
    ///
    /// # Errors
    /// `NotFound`, or `Stale` if its torrent is gone.
    pub fn xattr_names(&self, ino: Ino) -> Result<Vec<&'static str>, VfsError> {
        let facts = self.facts(ino)?;
        Ok(facts.map_or_else(Vec::new, |(node, server)| xattr::names(&node, server.as_deref())))
    }

    /// Returns the target of the symbolic link `ino`, relative to its directory.
    ///
    /// # Errors
    /// `NotFound` or `NotSymlink`.
    pub fn read_link(&self, ino: Ino) -> Result<String, VfsError> {
        self.tree().link_target(ino).map(str::to_owned)
    }

    /// Calls `each` with the entries of the directory `ino` that come after `cookie` (0: all of
    /// them), until it returns false to say that it did not take the entry.
    ///
    /// A listing may be taken up at any cookie that was ever seen: entries that came in between
    /// are at the end, those that went are skipped, all others come exactly once.
    ///
    /// `each` runs under the lock of the tree and must not call back.
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`, `NoTree`, or `Stale` for a directory of a torrent that is gone.
    pub fn read_dir(
        &self,
        ino: Ino,
        cookie: u64,
        each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        self.tree().list(ino, cookie, each)
    }

    /// Does what [`read_dir`](Self::read_dir) does and counts one lookup of each entry that was
    /// taken, but for `.` and `..` (as `FUSE_READDIRPLUS` has it).
    ///
    /// # Errors
    /// As [`read_dir`](Self::read_dir).
    pub fn read_dir_plus(
        &self,
        ino: Ino,
        cookie: u64,
        mut each: impl FnMut(&DirEntry<'_>) -> bool,
    ) -> Result<(), VfsError> {
        let tree = self.tree();
        tree.list(ino, cookie, |entry| {
            let is_taken = each(entry);
            if is_taken && !matches!(entry.name, "." | "..") {
                tree.acquire(entry.attr.ino, 1);
            }
            is_taken
        })
    }

    /// Opens the file `ino`. Costs no request.
    ///
    /// # Errors
    /// `NotFound`, `IsDirectory`, or `Stale` if its torrent is gone.
    pub fn open(&self, ino: Ino) -> Result<HandleId, VfsError> {
        let file = self.tree().file(ino)?;
        Ok(self.handles.open(file))
    }

    /// Reads `len` bytes at `offset` of an open file: all of them, but for those after the end of
    /// the file.
    ///
    /// # Errors
    /// `BadHandle`; `WouldBlock` if bytes are missing that the read must not wait for, or that
    /// cannot come; `TimedOut` when the deadline of [`ReadPolicy`] has passed; `Stale` if the
    /// torrent is gone; `ShuttingDown`; `Source` if the source failed until the deadline. There is
    /// never a part of the bytes.
    ///
    /// # Cancel safety
    /// Dropping the future ends the read and frees all that it held.
    pub async fn read(&self, handle: HandleId, offset: u64, len: u32) -> Result<Bytes, VfsError> {
        let target = self.target(handle, offset, len)?;
        if target.range.is_empty() {
            return Ok(Bytes::new());
        }
        let state = self.tree().file_state(target.file.id);
        self.engine.read(target, state).await
    }

    /// Does what [`read`](Self::read) does if that takes no waiting: if the bytes are in memory, or
    /// there are none to read. Costs a short lock and, if the bytes are there, one copy of them.
    ///
    /// # Errors
    /// `BadHandle` or `ShuttingDown`.
    pub fn try_read(
        &self,
        handle: HandleId,
        offset: u64,
        len: u32,
    ) -> Option<Result<Bytes, VfsError>> {
        let target = match self.target(handle, offset, len) {
            Ok(target) if target.range.is_empty() => return Some(Ok(Bytes::new())),
            Ok(target) => target,
            Err(error) => return Some(Err(error)),
        };
        self.engine.try_read(target)
    }

    /// Finds the next byte from `offset` on of an open file that is downloaded, or that is not.
    ///
    /// What is asked of the source is asked together with what reads ask, once a second for each
    /// torrent at most. If the source cannot say, or not in time, all of the file counts as data.
    ///
    /// # Errors
    /// `BadHandle`; `NothingThere` at and after the end of the file, or if no data follows; `Stale`
    /// if the torrent is gone.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn seek(&self, handle: HandleId, offset: u64, to: SeekTo) -> Result<u64, VfsError> {
        if let Some(found) = self.try_seek(handle, offset, to) {
            return found;
        }
        let FileRef { id, len, geometry } = self.handles.get(handle)?;
        let extents = match geometry {
            Some(geometry) => Extents::new(self.engine.pieces(id.torrent).await, geometry, len),
            None => Extents::All,
        };
        extents.seek(to, offset, len)
    }

    /// Does what [`seek`](Self::seek) does if that takes no waiting: if all of the file is there,
    /// or nobody can say where it is not.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub fn try_seek(
        &self,
        handle: HandleId,
        offset: u64,
        to: SeekTo,
    ) -> Option<Result<u64, VfsError>> {
        let FileRef { id, len, geometry } = match self.handles.get(handle) {
            Ok(file) => file,
            Err(error) => return Some(Err(error)),
        };
        let Some(state) = self.tree().file_state(id) else { return Some(Err(VfsError::Stale)) };
        let is_known = offset >= len || geometry.is_none() || state.is_complete(len);
        is_known.then(|| Extents::All.seek(to, offset, len))
    }

    /// Closes an open file. Reads of it that are under way go on; when they are over, it has no
    /// stream.
    pub fn release(&self, handle: HandleId) {
        self.handles.release(handle);
        self.engine.release(handle);
    }

    /// Returns what reads did so far, and do at the moment.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.engine.counters()
    }

    /// Returns the number of open files.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.handles.count()
    }

    /// Returns the size of it all.
    #[must_use]
    pub fn stats(&self) -> FsStats {
        self.tree().stats()
    }

    /// Ends all reads, those under way and those to come, with [`VfsError::ShuttingDown`].
    pub fn shut_down(&self) {
        self.engine.shut_down();
    }

    fn target(&self, handle: HandleId, offset: u64, len: u32) -> Result<Target, VfsError> {
        let file = self.handles.get(handle)?;
        let range = ByteRange::clamped(offset, u64::from(len), file.len);
        Ok(Target { handle, file, range })
    }

    fn facts(&self, ino: Ino) -> Result<Option<FactsWithServer>, VfsError> {
        let facts = self.tree().facts(ino)?;
        Ok(facts.map(|facts| (facts, self.source().server(facts.torrent))))
    }

    fn sink(&self) -> MutexGuard<'_, Option<Arc<dyn InvalidationSink>>> {
        // A panic of a sink is its own bug; the next one may do better.
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree(&self) -> RwLockReadGuard<'_, Tree> {
        // A panic in a change of the tree is a bug that one request reports; the others go on.
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree_mut(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }
}
