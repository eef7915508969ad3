//! Renewal of verifications after a check by the server.
//!
//! When rqbit has checked a torrent, at each of its starts, it sets the length of all files again.
//! That changes their mtime and ctime, and so invalidates their verifications. At the next start,
//! only files that were read since could be read during the check. So when the server lists a
//! torrent as checked, its previously verified files are compared. Files with the same identity
//! except for their times are verified again, in the background.
//!
//! This reads up to 32 MiB of each such file, using a quarter of the disk's time. Inode and length
//! alone are not trusted: `docs/dev/adr/0011-keep-verifications-not-hashes.md`.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rqbit_client::Client;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use vfs_core::{FileId, Geometry, InfoHash, LocalPieces, LocalWanted, TorrentSummary};

use super::file::ProvenFile;
use super::place::{LocalPaths, OutputFolder};
use super::system::identity_of;
use super::verification_store::VerifiedFileRecord;
use super::{LocalFiles, NoLocalFile, open};

/// Pause after a verification, as a multiple of its duration: the disk is left to readers.
const REST_FACTOR: u32 = 3;

/// Result of comparing a file with its verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// Unchanged, or currently not accessible.
    Unchanged,
    /// The same inode and length, with other times.
    Touched,
    /// A different file.
    Exchanged,
}

impl LocalFiles {
    /// Starts to renew the verifications of torrents whose check has ended by this listing. Returns
    /// at once. The renewals end with `self`.
    pub(super) fn renew(self: &Arc<Self>, client: &Client, listing: &[TorrentSummary]) {
        let torrents = self.memory().start_renewal(listing);
        if torrents.is_empty() {
            return;
        }
        let (this, client) = (Arc::downgrade(self), client.clone());
        let mut renewing = lock(&self.renewing);
        while renewing.try_join_next().is_some() {}
        renewing.spawn(async move {
            for torrent in torrents {
                renew_torrent(&this, &client, torrent).await;
            }
        });
    }

    /// Verifies a file again after a check by the server. Returns an error if that fails.
    async fn renew_file(
        &self,
        client: &Client,
        (file, known): (FileId, &Arc<VerifiedFileRecord>),
    ) -> Result<(), NoLocalFile> {
        let layout = self.layout(client, file.torrent).await?;
        self.check_place(client)?;
        let Ok(_permit) = self.permits.acquire().await else { return Err(NoLocalFile::Off) };
        let (paths, buffers) = (self.paths.clone(), Arc::clone(&self.buffers));
        let verified = spawn_blocking(move || {
            let wanted = LocalWanted {
                len: layout.span(file.index.0)?.len,
                geometry: Geometry {
                    file_offset: layout.span(file.index.0)?.start,
                    piece_len: layout.piece_len_nonzero(),
                },
                pieces: LocalPieces::All,
                proven: None,
                may_verify: true,
            };
            Some(open(&paths, &layout, file, &wanted, &buffers))
        });
        let verified = verified.await.map_err(|error| NoLocalFile::Refused(error.into()))?;
        match verified {
            Some(Ok((found, Some(proof)))) => {
                self.on_renewed(file, known, (found, proof));
                Ok(())
            }
            Some(Ok((_, None))) | None => Err(NoLocalFile::Changed),
            Some(Err(refusal)) => Err(NoLocalFile::Refused(refusal.into())),
        }
    }

    /// Replaces a verification, unless the server has meanwhile started another check of the
    /// torrent or reported the file as incomplete.
    fn on_renewed(
        &self,
        file: FileId,
        known: &Arc<VerifiedFileRecord>,
        (found, proof): (ProvenFile, VerifiedFileRecord),
    ) {
        let mut memory = self.memory();
        let is_current = memory.proof(file).is_some_and(|now| Arc::ptr_eq(&now, known));
        if !is_current || !memory.is_checked(file.torrent) {
            return;
        }
        memory.remember(file, proof.clone());
        drop(memory);
        self.keep(file, &Arc::new(found), proof);
        let (torrent, file_idx) = (file.torrent, file.index.0);
        tracing::debug!(%torrent, file = file_idx, "verified again after the server checked it");
    }
}

/// Renews the verifications of a torrent's files, until its next check starts.
async fn renew_torrent(files: &Weak<LocalFiles>, client: &Client, torrent: InfoHash) {
    let Some(of_torrent) = files.upgrade().map(|files| files.memory().proofs_of(torrent)) else {
        return;
    };
    for (file, known) in of_torrent {
        let Some(files) = files.upgrade() else { return };
        if !files.memory().is_checked(torrent) {
            return;
        }
        let (paths, proof) = (files.paths.clone(), Arc::clone(&known));
        let compared = spawn_blocking(move || compare(&paths, &proof)).await;
        match compared {
            Ok(Comparison::Touched) => {}
            Ok(Comparison::Unchanged) | Err(_) => continue,
            Ok(Comparison::Exchanged) => {
                files.discard(file, &known);
                continue;
            }
        }
        let begun_at = Instant::now();
        if let Err(error) = files.renew_file(client, (file, &known)).await {
            // It may still be valid if its times are reset, and is checked again when it is read.
            tracing::debug!(%torrent, file = file.index.0, %error, "not verified again");
        }
        drop(files);
        sleep(rest_after(begun_at.elapsed())).await;
    }
}

fn rest_after(took: Duration) -> Duration {
    took.saturating_mul(REST_FACTOR)
}

/// Compares a file with its verification. Takes a few system calls.
fn compare(paths: &LocalPaths, known: &VerifiedFileRecord) -> Comparison {
    let identity = || {
        let folder = OutputFolder::open(paths.folder(&known.folder).ok()?).ok()?;
        let fd = folder.open_file(&known.path()?, known.identity.len).ok()?;
        identity_of(&fd).ok()
    };
    let Some(now) = identity() else { return Comparison::Unchanged };
    let was = known.identity;
    if now == was {
        Comparison::Unchanged
    } else if (now.dev, now.ino, now.len) == (was.dev, was.ino, was.len) {
        Comparison::Touched
    } else {
        Comparison::Exchanged
    }
}

fn lock(renewing: &Mutex<JoinSet<()>>) -> std::sync::MutexGuard<'_, JoinSet<()>> {
    // A panic in a renewal is a bug that it reports; the others continue.
    renewing.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
