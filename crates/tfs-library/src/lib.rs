//! The torrents of rqbit servers as a library of files, for programs that embed tfs.
//!
//! [`Library::connect`] polls a server in a task of its own. The tree is read like a directory, and
//! an open file is a tokio reader that can seek. A read of bytes that the server does not have yet
//! lets it download them first, and waits for them up to a [limit](LibraryBuilder::read_timeout).
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use tfs_library::Library;
//! use tokio::io::AsyncReadExt as _;
//!
//! let library = Library::connect("http://127.0.0.1:3030").await?;
//! for entry in library.entries("")? {
//!     println!("{} {}", entry.metadata.len, entry.name);
//! }
//! let mut film = library.open("A film/film.mkv")?;
//! let mut start = [0; 16];
//! film.read_exact(&mut start).await?;
//! library.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Paths
//! Paths are relative to the root, with `/` between names: `A film/film.mkv`. Slashes at both ends
//! and `.` are ignored, and `..` is not found. Names are valid Linux file names.
//!
//! # Non-goals
//! No mount, no settings, nothing on disk: names, times and the files of removed torrents are
//! forgotten at the end. The crate adds and removes no torrents, and does not read files of a
//! server on this machine from its disk. `vfs-core` and `rqbit-source` below it do more.

mod builder;
mod changes;
mod error;
mod file;
mod metadata;
mod poller;
mod server;

use std::sync::Arc;

use rqbit_source::RqbitSource;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vfs_core::{Export, NodeKind, Query, ReaderOrigin};

pub use self::builder::LibraryBuilder;
pub use self::changes::{LibraryChange, LibraryChanges};
pub use self::error::{LibraryError, LibraryErrorKind};
pub use self::file::LibraryFile;
pub use self::metadata::{LibraryEntry, LibraryHit, LibraryKind, LibraryMetadata};
use self::poller::LibraryRefresh;
pub use self::server::{LibraryServer, LibraryServerStatus};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// Number of entries that are copied under one lock of the tree.
const PAGE_ENTRIES: usize = 500;

/// The torrents of one or several rqbit servers. Clones share the library.
///
/// Metadata calls answer from memory at once. The servers are polled until
/// [`shutdown`](Self::shutdown), or until the last clone is dropped; files that are open then stay
/// readable.
#[derive(Debug, Clone)]
pub struct Library {
    shared: Arc<LibraryShared>,
}

/// What the clones of a library share.
#[derive(Debug)]
struct LibraryShared {
    export: Export<RqbitSource>,
    /// The reader of all files.
    origin: Arc<ReaderOrigin>,
    /// One queue for each server.
    refreshes: Vec<mpsc::Sender<LibraryRefresh>>,
    /// One for each server.
    statuses: Vec<watch::Receiver<LibraryServerStatus>>,
    changes: broadcast::Sender<LibraryChange>,
    /// Ends the tasks.
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Drop for LibraryShared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Library {
    /// Connects to one server with default options, see [`LibraryBuilder::connect`].
    ///
    /// # Errors
    /// As [`LibraryBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, LibraryError> {
        Self::builder().server(url).connect().await
    }

    /// Returns options for a library without servers.
    #[must_use]
    pub fn builder() -> LibraryBuilder {
        LibraryBuilder::default()
    }

    /// Returns the entries of a directory, in the order in which torrents were added. Links are not
    /// followed.
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`, or `NotListed`.
    pub fn entries(&self, path: &str) -> Result<Vec<LibraryEntry>, LibraryError> {
        let failed = |error| LibraryError::of_path("list", path, error);
        let export = &self.shared.export;
        let dir = export.resolve(names(path)).map_err(failed)?.ino;
        let (mut entries, mut cookie) = (Vec::new(), 0);
        loop {
            let page = export.list(dir, cookie, PAGE_ENTRIES).map_err(failed)?;
            cookie = page.entries.last().map_or(cookie, |last| last.cookie);
            entries.extend(page.entries.into_iter().map(LibraryEntry::from));
            if page.is_end {
                return Ok(entries);
            }
        }
    }

    /// Returns the metadata of a file or directory. Follows links.
    ///
    /// # Errors
    /// `NotFound` or `NotListed`.
    pub fn metadata(&self, path: &str) -> Result<LibraryMetadata, LibraryError> {
        match self.shared.export.resolve(names(path)) {
            Ok(attr) => Ok(LibraryMetadata::from(attr)),
            Err(error) => Err(LibraryError::of_path("find", path, error)),
        }
    }

    /// Opens a file. Follows links, and sends no request.
    ///
    /// # Errors
    /// `NotFound`, `IsDirectory`, or `NotListed`.
    pub fn open(&self, path: &str) -> Result<LibraryFile, LibraryError> {
        let failed = |error| LibraryError::of_path("open", path, error);
        let LibraryShared { export, origin, .. } = &*self.shared;
        let attr = export.resolve(names(path)).map_err(failed)?;
        if attr.kind == NodeKind::Directory {
            return Err(LibraryError::new(LibraryErrorKind::IsDirectory, format!("open {path}")));
        }
        let file = export.open(attr.ino, origin).map_err(failed)?;
        Ok(LibraryFile::new(file, path))
    }

    /// Returns at most `limit` files whose paths contain every word of `words`, at any position and
    /// in any case.
    ///
    /// # Errors
    /// `Query` if there is no word, or too many.
    pub fn search(&self, words: &str, limit: usize) -> Result<Vec<LibraryHit>, LibraryError> {
        let query = Query::words(words).map_err(|error| LibraryError::of_query(words, error))?;
        Ok(self.find_all(&query, limit))
    }

    /// Returns at most `limit` files whose name matches a glob in any case, such as `*.srt`; or
    /// whose path from the root does, if the glob contains a slash.
    ///
    /// # Errors
    /// `Query` for an invalid glob.
    pub fn glob(&self, glob: &str, limit: usize) -> Result<Vec<LibraryHit>, LibraryError> {
        let query = Query::glob_in_any_case(glob);
        let query = query.map_err(|error| LibraryError::of_query(glob, error))?;
        Ok(self.find_all(&query, limit))
    }

    /// Returns the changes of the tree from now on.
    #[must_use]
    pub fn changes(&self) -> LibraryChanges {
        LibraryChanges::new(self.shared.changes.subscribe(), self.shared.stop.clone())
    }

    /// Returns the state of each server, in the order of the options.
    #[must_use]
    pub fn servers(&self) -> Vec<LibraryServerStatus> {
        self.shared.statuses.iter().map(|status| status.borrow().clone()).collect()
    }

    /// Polls all servers now, and resolves when the tree shows the results. Also tries torrents
    /// again that could not be read.
    ///
    /// # Errors
    /// That of the first server that did not answer; its torrents stay as last known. `ShutDown`
    /// after [`shutdown`](Self::shutdown).
    ///
    /// # Cancel safety
    /// The polls continue.
    pub async fn refresh(&self) -> Result<(), LibraryError> {
        let over = || LibraryError::new(LibraryErrorKind::ShutDown, "refresh the library");
        let mut waiting = Vec::new();
        for refreshes in &self.shared.refreshes {
            let (done, result) = oneshot::channel();
            refreshes.send(done).await.map_err(|_ended| over())?;
            waiting.push(result);
        }
        let mut first = Ok(());
        for result in waiting {
            let result = result.await.map_err(|_ended| over())?;
            first = first.and(result.map_err(|error| LibraryError::of_server(&error)));
        }
        first
    }

    /// Ends the polls, and all reads with `ShutDown`, also those of other clones. Resolves when the
    /// tasks have ended. Further calls do nothing.
    ///
    /// # Cancel safety
    /// The tasks end nevertheless.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.export.vfs().shut_down();
        self.shared.tasks.wait().await;
    }

    /// Returns the tree below the library, for what the facade lacks.
    #[must_use]
    pub fn export(&self) -> &Export<RqbitSource> {
        &self.shared.export
    }

    fn find_all(&self, query: &Query, limit: usize) -> Vec<LibraryHit> {
        let hits = self.shared.export.vfs().search(query, limit);
        hits.into_iter().map(LibraryHit::from).collect()
    }
}

/// Returns the names of a path.
fn names(path: &str) -> impl Iterator<Item = &[u8]> {
    path.split('/').filter(|name| !matches!(*name, "" | ".")).map(str::as_bytes)
}
