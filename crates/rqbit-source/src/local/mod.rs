//! Files of the server that are on this machine's disk: found, proven, opened.
//!
//! ```text
//! details + .torrent --> Layout --> Folder --openat2--> fd --hashes of pieces--> ProvenFile
//! ```
//!
//! # Invariants
//! 1. No name of a torrent and no link leads out of the folder that the server names and the
//!    settings map.
//! 2. A file is used only after pieces of it had the hashes that the torrent wants, and not after
//!    it changed.
//! 3. A folder on a mount of tfs is never used.

mod file;
mod layout;
mod place;
mod proof;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rqbit_client::Client;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use vfs_core::{
    FileId, InfoHash, LocalFault, LocalFile, LocalPieces, LocalWanted, NoLocalFile, SourceError,
    SourceErrorKind,
};

use self::file::{Buffers, Identity, ProvenFile};
use self::layout::{Layout, SpanKind};
use self::place::Folder;
pub use self::place::LocalPaths;
use self::proof::Suspect;
use crate::error::to_source_error;
use crate::source::to_ref;

/// How many files are proven at a time: hashing takes a processor each, and readers have the disk.
const PROOFS_AT_A_TIME: usize = 2;

/// How many torrents' hashes are kept: those of a library that is being scanned. Each is 20 bytes a
/// piece and the names of its files.
const LAYOUTS_MAX: usize = 8;

/// How long they are believed: a torrent may be removed and added with another folder.
const LAYOUT_TIME: Duration = Duration::from_secs(60);

/// How many proofs of complete files are remembered, at some hundred bytes each: a large library.
const PROOFS_MAX: usize = 65_536;

/// Why a file is not read from this machine's disk. The messages fit after "not read from this
/// machine's disk: ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The folder is nowhere that could be looked for.
    #[error("the server says that it is in {0:?}, which is no absolute path")]
    Folder(String),
    /// The settings say nothing of the folder.
    #[error("no pair of `local_paths` covers {0:?}")]
    NotMapped(PathBuf),
    /// The names of a hostile torrent.
    #[error("its names make no path")]
    Names,
    /// It is not there, or not for this user, or there is a link on the way.
    #[error("{0:?} cannot be opened: {1}")]
    Open(PathBuf, #[source] io::Error),
    /// A device, a pipe, a directory.
    #[error("{0:?} is no regular file")]
    NotRegular(PathBuf),
    /// Another file, or one of a torrent that was not finished.
    #[error("{path:?} has {found} bytes in place of {want}")]
    Length {
        /// Where.
        path: PathBuf,
        /// How long it is.
        found: u64,
        /// How long it is to be.
        want: u64,
    },
    /// A mount of tfs, maybe this one.
    #[error("{0:?} is on a mount of tfs")]
    OfTfs(PathBuf),
    /// Somebody else's file, or a copy that is not complete.
    #[error("piece {piece_idx} of it has other bytes than the torrent")]
    OtherContent {
        /// Which piece.
        piece_idx: u32,
    },
    /// Too many small files in a piece, or some of them are not there.
    #[error("no piece of it can be compared")]
    Unprovable,
    /// The disk failed.
    #[error("it cannot be read: {0}")]
    Read(#[source] LocalFault),
    /// The server does not give the hashes of pieces, or not as many as there are.
    #[error("the server does not give the hashes of its pieces")]
    NoHashes,
}

/// The files of one server on this machine's disk.
#[derive(Debug)]
pub(crate) struct LocalFiles {
    paths: LocalPaths,
    permits: Semaphore,
    /// Protects what is remembered; held for one access.
    memory: Mutex<Memory>,
    buffers: Arc<Buffers>,
}

#[derive(Debug, Default)]
struct Memory {
    /// The oldest first.
    layouts: VecDeque<(InfoHash, Instant, Arc<Layout>)>,
    proofs: HashMap<FileId, Proof>,
}

/// A complete file that was proven.
#[derive(Debug, Clone)]
struct Proof {
    folder: PathBuf,
    below: PathBuf,
    len: u64,
    identity: Identity,
}

impl LocalFiles {
    pub(crate) fn new(paths: LocalPaths) -> Self {
        Self {
            paths,
            permits: Semaphore::new(PROOFS_AT_A_TIME),
            memory: Mutex::default(),
            buffers: Arc::default(),
        }
    }

    /// Finds, opens and proves a file.
    pub(crate) async fn find(
        &self,
        client: &Client,
        file: FileId,
        wanted: LocalWanted,
    ) -> Result<Arc<dyn LocalFile>, NoLocalFile> {
        if self.paths == LocalPaths::Off {
            return Err(NoLocalFile::Off);
        }
        let Ok(_permit) = self.permits.acquire().await else { return Err(NoLocalFile::Off) };
        if let Some(found) = self.reopen(file, &wanted).await {
            return Ok(found);
        }
        let layout = self.layout(client, file.torrent).await?;
        let (paths, buffers) = (self.paths.clone(), Arc::clone(&self.buffers));
        let found = spawn_blocking(move || open(&paths, &layout, file, &wanted, &buffers));
        let found = found.await.map_err(|error| NoLocalFile::Refused(error.into()))?;
        let (found, proof) = found.map_err(|refusal| NoLocalFile::Refused(refusal.into()))?;
        if let Some(proof) = proof {
            self.memory().remember(file, proof);
        }
        Ok(Arc::new(found))
    }

    /// Returns whether a complete file was proven before.
    pub(crate) fn is_known(&self, file: FileId) -> bool {
        self.memory().proofs.contains_key(&file)
    }

    /// Opens a file that was proven before, if it is still the same. Needs no server.
    async fn reopen(&self, file: FileId, wanted: &LocalWanted) -> Option<Arc<dyn LocalFile>> {
        if wanted.pieces != LocalPieces::All {
            return None;
        }
        let proof = self.memory().proofs.get(&file).cloned()?;
        let buffers = Arc::clone(&self.buffers);
        let opened = spawn_blocking(move || {
            let fd = Folder::open(proof.folder).ok()?.open_file(&proof.below, proof.len).ok()?;
            let identity = Identity::of(&fd).ok().filter(|now| *now == proof.identity)?;
            Some(ProvenFile::new(fd, identity, true, &buffers))
        });
        let opened = opened.await.ok().flatten();
        if opened.is_none() {
            self.memory().proofs.remove(&file);
        }
        Some(Arc::new(opened?))
    }

    /// Returns the layout of a torrent, from memory or from the server.
    async fn layout(&self, client: &Client, torrent: InfoHash) -> Result<Arc<Layout>, NoLocalFile> {
        if let Some(layout) = self.memory().layout(torrent) {
            return Ok(layout);
        }
        let unknown = |error| NoLocalFile::Unknown(to_source_error(error).into());
        let details = client.torrent_details(to_ref(torrent)).await.map_err(unknown)?;
        // Most servers that are elsewhere are found out here, before megabytes of hashes are sent.
        let folder = self.paths.folder(&details.output_folder).and_then(Folder::open);
        let folder = folder.map_err(|refusal| NoLocalFile::Refused(refusal.into()))?;
        drop(folder);
        let torrent_file = client.torrent_metadata(to_ref(torrent)).await.map_err(unknown)?;
        let layout = spawn_blocking(move || Layout::new(&details, &torrent_file));
        let layout = layout.await.map_err(|error| {
            let context = format!("read the metadata of {torrent}");
            let error = SourceError::new(SourceErrorKind::Failed, context).with_source(error);
            NoLocalFile::Unknown(error.into())
        })?;
        let layout = layout.ok_or_else(|| NoLocalFile::Refused(Refusal::NoHashes.into()))?;
        let layout = Arc::new(layout);
        self.memory().keep(torrent, Arc::clone(&layout));
        Ok(layout)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic under the lock is a bug that one look reports; the others go on.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn layout(&mut self, torrent: InfoHash) -> Option<Arc<Layout>> {
        self.layouts.retain(|(_, kept_at, _)| kept_at.elapsed() < LAYOUT_TIME);
        let found = self.layouts.iter().find(|(known, ..)| *known == torrent);
        found.map(|(.., layout)| Arc::clone(layout))
    }

    fn keep(&mut self, torrent: InfoHash, layout: Arc<Layout>) {
        self.layouts.retain(|(known, ..)| *known != torrent);
        while self.layouts.len() >= LAYOUTS_MAX {
            self.layouts.pop_front();
        }
        self.layouts.push_back((torrent, Instant::now(), layout));
    }

    fn remember(&mut self, file: FileId, proof: Proof) {
        if self.proofs.len() >= PROOFS_MAX && !self.proofs.contains_key(&file) {
            // Whichever it is, it can be proven again.
            if let Some(other) = self.proofs.keys().next().copied() {
                self.proofs.remove(&other);
            }
        }
        self.proofs.insert(file, proof);
    }
}

/// Opens and proves a file. Reads up to some tens of megabytes.
fn open(
    paths: &LocalPaths,
    layout: &Layout,
    file: FileId,
    wanted: &LocalWanted,
    buffers: &Arc<Buffers>,
) -> Result<(ProvenFile, Option<Proof>), Refusal> {
    let span = layout.span(file.index.0).ok_or(Refusal::Unprovable)?;
    let SpanKind::File(below) = &span.kind else { return Err(Refusal::Names) };
    // What the core was told of the file and what is proven here must be about the same bytes.
    if (span.start, span.len) != (wanted.geometry.file_offset, wanted.len)
        || layout.piece_len() != u64::from(wanted.geometry.piece_len.get())
    {
        return Err(Refusal::Unprovable);
    }
    let path = paths.folder(&layout.folder)?;
    let folder = Folder::open(path.clone())?;
    let fd = folder.open_file(below, span.len)?;
    let failed = |error| Refusal::Open(path.join(below), error);
    // Before it is read, so that what changes meanwhile shows.
    let identity = Identity::of(&fd).map_err(failed)?;
    let (have, proven) = (&wanted.pieces, wanted.proven.as_ref());
    Suspect { layout, folder: &folder, span, fd: &fd, have, proven }.prove()?;
    let is_complete = *have == LocalPieces::All;
    let proof =
        is_complete.then(|| Proof { folder: path, below: below.clone(), len: span.len, identity });
    Ok((ProvenFile::new(fd, identity, is_complete, buffers), proof))
}
