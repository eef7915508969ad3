//! The server's files on the local disk: found, verified, opened.
//!
//! ```text
//! details + .torrent --> Layout --> Folder --openat2--> fd --hashes of pieces--> ProvenFile
//! ```
//!
//! # Invariants
//! 1. No name and no link of a torrent leads out of the folder that the server reports and the
//!    settings map.
//! 2. A file is used only after some of its pieces matched the torrent's hashes, and not after it
//!    has changed.
//! 3. A folder on a mount of tfs is never used.
//! 4. If the server has checked a torrent, its report ends the verification of each file that it
//!    reports as incomplete.

mod confirm;
mod file;
mod identity;
mod layout;
mod memory;
mod place;
mod renew;
mod system;
mod verification_store;
#[cfg(test)]
mod verification_store_tests;
mod verify;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rqbit_client::Client;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use vfs_core::{
    FileId, InfoHash, LocalError, LocalFile, LocalPieces, LocalWanted, NoLocalFile, SourceError,
    SourceErrorKind,
};

use self::file::ProvenFile;
pub use self::identity::FileIdentity;
use self::layout::{PieceLayout, SpanKind};
use self::memory::VerifiedFiles;
pub use self::place::LocalPaths;
use self::place::OutputFolder;
pub use self::system::USES_LOCAL_FILES;
use self::system::identity_of;
pub use self::verification_store::{VerificationStore, VerifiedFileRecord};
use self::verify::Verifier;
use crate::buffers::Buffers;
use crate::error::to_source_error;

/// Maximum number of concurrent verifications: hashing uses a CPU each, and readers need the disk.
const PROOFS_AT_A_TIME: usize = 2;

/// Why a file is not read from the local disk. The messages fit after "not read from this machine's
/// disk: ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalRefusal {
    /// The folder is not an absolute path.
    #[error("the server reports the folder {0:?}, which is not an absolute path")]
    Folder(String),
    /// The server is elsewhere, so its paths do not apply to this machine.
    #[error("the server is not at an address of this machine, and `local_paths` maps no folders")]
    Elsewhere,
    /// The settings do not map the folder.
    #[error("no pair of `local_paths` covers {0:?}")]
    NotMapped(PathBuf),
    /// The torrent's names do not form a valid path.
    #[error("its names are not a valid path")]
    Names,
    /// The file does not exist, is not accessible, or its path contains a link.
    #[error("{0:?} cannot be opened: {1}")]
    Open(PathBuf, #[source] io::Error),
    /// The file is a device, a pipe or a directory.
    #[error("{0:?} is not a regular file")]
    NotRegular(PathBuf),
    /// The length differs: another file, or one of an unfinished torrent.
    #[error("{path:?} has {found} bytes instead of {want}")]
    Length {
        /// Its path.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The expected length in bytes.
        want: u64,
    },
    /// The file is on a mount of tfs, possibly this one.
    #[error("{0:?} is on a mount of tfs")]
    OfTfs(PathBuf),
    /// Another file, or an incomplete copy.
    #[error("piece {piece_idx} does not have the torrent's hash")]
    OtherContent {
        /// The piece with a different hash.
        piece_idx: u32,
    },
    /// Too many small files in a piece, or some of them do not exist.
    #[error("none of its pieces can be verified")]
    Unprovable,
    /// A read from the disk failed.
    #[error("it cannot be read: {0}")]
    Read(#[source] LocalError),
    /// The server sends the `.torrent` file of another torrent, whose hashes prove nothing.
    #[error("the .torrent file from the server has another info hash")]
    OtherTorrent,
    /// The server sends no piece hashes, or the wrong number.
    #[error("the server does not provide its piece hashes")]
    NoHashes,
}

/// The files of one server on this machine's disk.
#[derive(Debug)]
pub(crate) struct LocalFiles {
    paths: LocalPaths,
    /// Whether the server is presumed to be on this machine, before the first connection.
    is_presumed_own: bool,
    /// Whether it was logged that the server's paths are skipped.
    is_skipping_told: AtomicBool,
    torrent_ttl: Duration,
    permits: Semaphore,
    /// Protects the records; held for one access.
    memory: Mutex<VerifiedFiles>,
    /// Persists verifications for the next run, if configured.
    keeper: Option<Arc<dyn VerificationStore>>,
    /// Tasks that wait for recently changed files, whose verifications are persisted afterwards. At
    /// most one for each verification within
    /// [`SETTLED_AGE_MIN`](identity::SETTLED_AGE_MIN).
    settling: Mutex<JoinSet<()>>,
    /// Renewals of verifications, one at a time: see [`renew`].
    renewing: Mutex<JoinSet<()>>,
    buffers: Arc<Buffers>,
}

impl LocalFiles {
    pub(crate) fn new(paths: LocalPaths, torrent_ttl: Duration) -> Self {
        let paths = if USES_LOCAL_FILES { paths } else { LocalPaths::Off };
        Self {
            paths,
            is_presumed_own: false,
            is_skipping_told: AtomicBool::new(false),
            torrent_ttl,
            permits: Semaphore::new(PROOFS_AT_A_TIME),
            memory: Mutex::default(),
            keeper: None,
            settling: Mutex::default(),
            renewing: Mutex::default(),
            buffers: Arc::default(),
        }
    }

    /// Returns whether the server is presumed to be on this machine, before the first connection.
    pub(crate) fn is_presumed_own(&self) -> bool {
        self.is_presumed_own
    }

    /// Returns the same files with the presumption that the server is, or is not, on this machine.
    /// The first connection overrides it.
    pub(crate) fn presuming(self, is_presumed_own: bool) -> Self {
        Self { is_presumed_own, ..self }
    }

    /// Returns the same files without any records.
    pub(crate) fn keeping_nothing(&self) -> Self {
        Self::new(self.paths.clone(), self.torrent_ttl).presuming(self.is_presumed_own)
    }

    /// Returns the same files, initialized with the verifications of an earlier run, and a store
    /// for new ones. Without effect if local files are disabled.
    pub(crate) fn keeping(
        &self,
        kept: impl IntoIterator<Item = (FileId, VerifiedFileRecord)>,
        keeper: Arc<dyn VerificationStore>,
    ) -> Self {
        let files = self.keeping_nothing();
        if files.paths == LocalPaths::Off {
            return files;
        }
        Self { memory: Mutex::new(VerifiedFiles::new(kept)), keeper: Some(keeper), ..files }
    }

    pub(crate) fn paths(&self) -> &LocalPaths {
        &self.paths
    }

    /// Returns whether local files of the server may be used. `LocalPaths::Auto` requires a server
    /// on this machine: a remote server could make tfs compare local files with hashes of its
    /// choice, and learn from its reads which of them match.
    pub(crate) fn may_look(&self, client: &Client) -> bool {
        match self.paths {
            LocalPaths::Off => false,
            LocalPaths::Auto => client.is_on_this_machine().unwrap_or(self.is_presumed_own),
            LocalPaths::Mapped(_) => true,
        }
    }

    /// Logs once that the paths of a remote server are skipped.
    fn note_skipping(&self, client: &Client) {
        let is_skipping = self.paths == LocalPaths::Auto && !self.may_look(client);
        if !is_skipping || self.is_skipping_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let server = client.base_url();
        if self.memory().has_proofs() {
            tracing::warn!(
                %server,
                "its files were read from this machine's disk before, and are read over HTTP now, \
                 since the server is not at an address of this machine: name its folders with \
                 local_paths"
            );
        } else {
            tracing::info!(
                %server,
                "its files are read over HTTP, since the server is not at an address of this \
                 machine; if its folders are mounted here, name them with local_paths"
            );
        }
    }

    /// Finds, opens and verifies a file.
    pub(crate) async fn find(
        &self,
        client: &Client,
        file: FileId,
        wanted: LocalWanted,
    ) -> Result<Arc<dyn LocalFile>, NoLocalFile> {
        if self.paths == LocalPaths::Off {
            return Err(NoLocalFile::Off);
        }
        self.check_place(client)?;
        if wanted.pieces == LocalPieces::All {
            let known = self.memory().proof(file);
            if let Some(known) = known {
                return self.reopen(file, known, wanted.len).await;
            }
        }
        if !wanted.may_verify {
            return Err(NoLocalFile::Changed);
        }
        let Ok(_permit) = self.permits.acquire().await else { return Err(NoLocalFile::Off) };
        let layout = self.layout(client, file.torrent).await?;
        let (paths, buffers) = (self.paths.clone(), Arc::clone(&self.buffers));
        // The server of the last answers may be elsewhere by now.
        self.check_place(client)?;
        let found = spawn_blocking(move || open(&paths, &layout, file, &wanted, &buffers));
        let found = found.await.map_err(|error| NoLocalFile::Refused(error.into()))?;
        let (found, proof) = found.map_err(|refusal| NoLocalFile::Refused(refusal.into()))?;
        let found = Arc::new(found);
        if let Some(proof) = proof {
            self.keep(file, &found, proof.clone());
            self.memory().remember(file, proof);
        }
        Ok(found)
    }

    fn check_place(&self, client: &Client) -> Result<(), NoLocalFile> {
        if self.may_look(client) {
            return Ok(());
        }
        Err(NoLocalFile::Refused(LocalRefusal::Elsewhere.into()))
    }

    /// Returns whether a complete file was verified before, in this run or an earlier one.
    pub(crate) fn is_known(&self, file: FileId) -> bool {
        self.memory().is_known(file)
    }

    /// Drops the files of removed torrents.
    pub(crate) fn forget(&self, torrents: &[InfoHash]) {
        self.memory().forget_torrents(torrents);
    }

    /// Opens a previously verified file, if it is unchanged. Needs no server and no permit: it
    /// takes a few system calls.
    async fn reopen(
        &self,
        file: FileId,
        known: Arc<VerifiedFileRecord>,
        len: u64,
    ) -> Result<Arc<dyn LocalFile>, NoLocalFile> {
        let (paths, buffers) = (self.paths.clone(), Arc::clone(&self.buffers));
        let proof = Arc::clone(&known);
        let opened = spawn_blocking(move || {
            let opened = proof.open(&paths, len, &buffers)?;
            let checked = opened.check();
            Some((opened, checked))
        });
        match opened.await.map_err(|error| NoLocalFile::Refused(error.into()))? {
            Some((opened, Ok(()))) => {
                let opened = Arc::new(opened);
                self.memory().on_reopened(file, &opened);
                Ok(opened)
            }
            Some((_, Err(fault))) => {
                let (torrent, file_idx) = (file.torrent, file.index.0);
                tracing::debug!(%torrent, file = file_idx, %fault, "a verification ends");
                self.discard(file, &known);
                Err(NoLocalFile::Changed)
            }
            None => {
                // Its disk may be mounted later.
                self.memory().on_absent(file, &known, Instant::now());
                Err(NoLocalFile::Changed)
            }
        }
    }

    /// Persists a verification, as soon as any change of the file is certain to be visible.
    fn keep(&self, file: FileId, found: &Arc<ProvenFile>, proof: VerifiedFileRecord) {
        let Some(keeper) = self.keeper.as_ref().map(Arc::clone) else { return };
        let Some(wait) = proof.identity.settles_in(SystemTime::now()) else { return };
        if wait.is_zero() {
            keeper.keep(file, &proof);
            return;
        }
        let found = Arc::clone(found);
        let mut settling = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        while settling.try_join_next().is_some() {}
        settling.spawn(async move {
            sleep(wait).await;
            if matches!(spawn_blocking(move || found.check()).await, Ok(Ok(()))) {
                keeper.keep(file, &proof);
            }
        });
    }

    /// Drops an invalid verification, here and in the store.
    fn discard(&self, file: FileId, proof: &Arc<VerifiedFileRecord>) {
        self.memory().forget(file, proof);
        if let Some(keeper) = &self.keeper {
            keeper.discard(file, proof);
        }
    }

    /// Returns the layout of a torrent, from memory or from the server.
    async fn layout(
        &self,
        client: &Client,
        torrent: InfoHash,
    ) -> Result<Arc<PieceLayout>, NoLocalFile> {
        if let Some(layout) = self.memory().layout(torrent, self.torrent_ttl) {
            return Ok(layout);
        }
        let unknown = |error| NoLocalFile::Unknown(to_source_error(error).into());
        let details = client.torrent_details(torrent.into()).await.map_err(unknown)?;
        // Most remote servers are detected here, before megabytes of hashes are transferred.
        let folder = self.paths.folder(&details.output_folder).and_then(OutputFolder::open);
        let folder = folder.map_err(|refusal| NoLocalFile::Refused(refusal.into()))?;
        drop(folder);
        let torrent_file = client.torrent_metadata(torrent.into()).await.map_err(unknown)?;
        let layout = spawn_blocking(move || PieceLayout::new(&details, &torrent_file));
        let layout = layout.await.map_err(|error| {
            let context = format!("read the metadata of {torrent}");
            let error = SourceError::new(SourceErrorKind::Failed, context).with_source(error);
            NoLocalFile::Unknown(error.into())
        })?;
        let layout = layout.map_err(|refusal| NoLocalFile::Refused(refusal.into()))?;
        let layout = Arc::new(layout);
        self.memory().keep(torrent, Arc::clone(&layout));
        Ok(layout)
    }

    fn memory(&self) -> MutexGuard<'_, VerifiedFiles> {
        // A panic under the lock is a bug that one lookup reports; the others continue.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens and verifies a file. Reads up to some tens of megabytes.
fn open(
    paths: &LocalPaths,
    layout: &PieceLayout,
    file: FileId,
    wanted: &LocalWanted,
    buffers: &Arc<Buffers>,
) -> Result<(ProvenFile, Option<VerifiedFileRecord>), LocalRefusal> {
    let span = layout.span(file.index.0).ok_or(LocalRefusal::Unprovable)?;
    let SpanKind::File(below) = &span.kind else { return Err(LocalRefusal::Names) };
    // The core's metadata and the verification must refer to the same bytes.
    if (span.start, span.len) != (wanted.geometry.file_offset, wanted.len)
        || layout.piece_len() != u64::from(wanted.geometry.piece_len.get())
    {
        return Err(LocalRefusal::Unprovable);
    }
    let path = paths.folder(&layout.folder)?;
    let folder = OutputFolder::open(path.clone())?;
    let fd = folder.open_file(below, span.len)?;
    let failed = |error| LocalRefusal::Open(path.join(below), error);
    // Before the file is read, so that changes during the reads are detected.
    let identity = identity_of(&fd).map_err(failed)?;
    let (have, proven) = (&wanted.pieces, wanted.proven.as_ref());
    Verifier { layout, folder: &folder, span, fd: &fd, have, proven }.prove()?;
    let is_complete = *have == LocalPieces::All;
    let proof =
        if is_complete { VerifiedFileRecord::new(&layout.folder, below, identity) } else { None };
    Ok((ProvenFile::new(fd, identity, is_complete, buffers), proof))
}
