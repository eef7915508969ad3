//! In-memory records of a server's files: layouts of recently verified torrents, and verifications
//! of complete files.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use vfs_core::{FileId, FileIndex, InfoHash, TorrentState, TorrentSummary};

use super::file::ProvenFile;
use super::layout::PieceLayout;
use super::verification_store::VerifiedFileRecord;

/// Maximum number of layouts, for a library that is being scanned. Each has 20 bytes for each
/// piece, and the names of its files.
const LAYOUTS_MAX: usize = 8;

/// Maximum number of verifications of complete files, of some hundred bytes each: a large library.
const PROOFS_MAX: usize = 65_536;

/// How long a verification is not used after its file was absent. Meanwhile the file may be
/// verified elsewhere; afterwards its disk may be mounted again.
const ABSENT_TIME: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct VerifiedFiles {
    /// Oldest first.
    layouts: VecDeque<(InfoHash, Instant, Arc<PieceLayout>)>,
    proofs: HashMap<InfoHash, TorrentVerifications>,
    proof_count: usize,
    /// Files opened by verifications of an earlier run that the server has not confirmed yet.
    unconfirmed: HashMap<FileId, Vec<Weak<ProvenFile>>>,
}

/// Verified files of a torrent.
#[derive(Debug, Default)]
struct TorrentVerifications {
    files: BTreeMap<FileIndex, VerifiedFile>,
    /// Whether the server has listed the torrent as checked since these files were last compared
    /// with their verifications.
    is_renewed: bool,
}

/// A complete, verified file.
#[derive(Debug)]
struct VerifiedFile {
    proof: Arc<VerifiedFileRecord>,
    /// Whether the server has confirmed the file in this run.
    is_confirmed: bool,
    /// When the file was last found absent.
    absent_at: Option<Instant>,
}

impl VerifiedFile {
    fn new(proof: VerifiedFileRecord, is_confirmed: bool) -> Self {
        Self { proof: Arc::new(proof), is_confirmed, absent_at: None }
    }

    fn is_absent(&self) -> bool {
        self.absent_at.is_some_and(|at| at.elapsed() < ABSENT_TIME)
    }
}

impl VerifiedFiles {
    /// Returns the initial state: the verifications of an earlier run.
    pub(super) fn new(kept: impl IntoIterator<Item = (FileId, VerifiedFileRecord)>) -> Self {
        let mut memory = Self::default();
        for (file, proof) in kept.into_iter().take(PROOFS_MAX) {
            memory.insert(file, VerifiedFile::new(proof, false));
        }
        memory
    }

    /// Returns the layout of a torrent if it is younger than `ttl`; older layouts are dropped.
    pub(super) fn layout(&mut self, torrent: InfoHash, ttl: Duration) -> Option<Arc<PieceLayout>> {
        self.layouts.retain(|(_, kept_at, _)| kept_at.elapsed() < ttl);
        let found = self.layouts.iter().find(|(known, ..)| *known == torrent);
        found.map(|(.., layout)| Arc::clone(layout))
    }

    pub(super) fn keep(&mut self, torrent: InfoHash, layout: Arc<PieceLayout>) {
        self.layouts.retain(|(known, ..)| *known != torrent);
        while self.layouts.len() >= LAYOUTS_MAX {
            self.layouts.pop_front();
        }
        self.layouts.push_back((torrent, Instant::now(), layout));
    }

    /// Returns the verification of a file, unless the file was recently absent.
    pub(super) fn proof(&self, file: FileId) -> Option<Arc<VerifiedFileRecord>> {
        let known = self.known(file).filter(|known| !known.is_absent());
        known.map(|known| Arc::clone(&known.proof))
    }

    pub(super) fn has_proofs(&self) -> bool {
        !self.proofs.is_empty()
    }

    pub(super) fn is_known(&self, file: FileId) -> bool {
        self.known(file).is_some_and(|known| !known.is_absent())
    }

    /// Returns the files of a torrent with their verifications.
    pub(super) fn proofs_of(&self, torrent: InfoHash) -> Vec<(FileId, Arc<VerifiedFileRecord>)> {
        let files = self.proofs.get(&torrent).into_iter().flat_map(|proofs| &proofs.files);
        files
            .map(|(index, known)| (FileId { torrent, index: *index }, Arc::clone(&known.proof)))
            .collect()
    }

    /// Adds a new verification.
    pub(super) fn remember(&mut self, file: FileId, proof: VerifiedFileRecord) {
        if self.proof_count >= PROOFS_MAX && self.known(file).is_none() {
            // Any entry may be evicted: it can be verified again.
            let other = self.proofs.iter().find_map(|(torrent, proofs)| {
                let (index, _) = proofs.files.first_key_value()?;
                Some(FileId { torrent: *torrent, index: *index })
            });
            if let Some(other) = other {
                self.remove(other);
            }
        }
        self.insert(file, VerifiedFile::new(proof, true));
        self.unconfirmed.remove(&file);
    }

    /// Records an opened file, which may be based on a verification of an earlier run.
    pub(super) fn on_reopened(&mut self, file: FileId, opened: &Arc<ProvenFile>) {
        if self.known(file).is_some_and(|known| !known.is_confirmed) {
            let all = self.unconfirmed.entry(file).or_default();
            all.retain(|opened| opened.strong_count() > 0);
            all.push(Arc::downgrade(opened));
        }
    }

    /// Records that the file of a verification is absent. Reads based on an earlier run end; the
    /// verification is used again after [`ABSENT_TIME`].
    pub(super) fn on_absent(
        &mut self,
        file: FileId,
        proof: &Arc<VerifiedFileRecord>,
        now: Instant,
    ) {
        let known = self.proofs.get_mut(&file.torrent);
        let known = known.and_then(|proofs| proofs.files.get_mut(&file.index));
        if let Some(known) = known.filter(|known| Arc::ptr_eq(&known.proof, proof)) {
            known.absent_at = Some(now);
            self.revoke(file);
        }
    }

    /// Returns the files, with their verifications, that the server has to confirm.
    pub(super) fn to_confirm(&self) -> Vec<(FileId, Arc<VerifiedFileRecord>)> {
        let proof = |file: &FileId| Some((*file, Arc::clone(&self.known(*file)?.proof)));
        self.unconfirmed.keys().filter_map(proof).collect()
    }

    /// Returns the files whose verifications a listing contradicts: the torrent is checked, and
    /// they are not complete.
    pub(super) fn incomplete(
        &self,
        listing: &[TorrentSummary],
    ) -> Vec<(FileId, Arc<VerifiedFileRecord>)> {
        if self.proofs.is_empty() {
            return Vec::new();
        }
        let settled = listing.iter().filter(|summary| is_settled(summary));
        let files = settled.flat_map(|summary| {
            let proofs = self.proofs.get(&summary.info_hash).into_iter();
            let progress = summary.file_progress.as_deref().unwrap_or_default();
            let files = proofs.flat_map(|proofs| &proofs.files).filter(|(index, known)| {
                let have_bytes =
                    usize::try_from(index.0).ok().and_then(|index| progress.get(index));
                have_bytes.is_none_or(|have_bytes| *have_bytes < known.proof.identity.len)
            });
            let torrent = summary.info_hash;
            files.map(move |(index, known)| {
                (FileId { torrent, index: *index }, Arc::clone(&known.proof))
            })
        });
        files.collect()
    }

    /// Returns the torrents with verifications whose check by the server has ended since the
    /// previous listing, or that are newly listed.
    pub(super) fn start_renewal(&mut self, listing: &[TorrentSummary]) -> Vec<InfoHash> {
        if self.proofs.is_empty() {
            return Vec::new();
        }
        let mut ended = Vec::new();
        for summary in listing {
            let Some(proofs) = self.proofs.get_mut(&summary.info_hash) else { continue };
            let is_settled = is_settled(summary);
            if is_settled && !proofs.is_renewed {
                ended.push(summary.info_hash);
            }
            proofs.is_renewed = is_settled;
        }
        ended
    }

    /// Returns whether the server has not started another check of a torrent since
    /// [`start_renewal`](Self::start_renewal) returned it.
    pub(super) fn is_checked(&self, torrent: InfoHash) -> bool {
        self.proofs.get(&torrent).is_some_and(|proofs| proofs.is_renewed)
    }

    /// Records that the server has confirmed the verification of a file.
    pub(super) fn confirm(&mut self, file: FileId) {
        let known = self.proofs.get_mut(&file.torrent);
        if let Some(known) = known.and_then(|proofs| proofs.files.get_mut(&file.index)) {
            known.is_confirmed = true;
        }
        self.unconfirmed.remove(&file);
    }

    /// Drops a verification, unless a newer one has replaced it, and ends reads based on an earlier
    /// run.
    pub(super) fn forget(&mut self, file: FileId, proof: &Arc<VerifiedFileRecord>) {
        if self.known(file).is_some_and(|known| Arc::ptr_eq(&known.proof, proof)) {
            self.revoke(file);
            self.remove(file);
        }
    }

    /// Drops all verifications of removed torrents.
    pub(super) fn forget_torrents(&mut self, torrents: &[InfoHash]) {
        for torrent in torrents {
            let proofs = self.proofs.remove(torrent).unwrap_or_default();
            self.proof_count = self.proof_count.saturating_sub(proofs.files.len());
        }
        self.unconfirmed.retain(|file, _| !torrents.contains(&file.torrent));
    }

    fn known(&self, file: FileId) -> Option<&VerifiedFile> {
        self.proofs.get(&file.torrent)?.files.get(&file.index)
    }

    fn insert(&mut self, file: FileId, known: VerifiedFile) {
        let proofs = self.proofs.entry(file.torrent).or_default();
        if proofs.files.insert(file.index, known).is_none() {
            self.proof_count = self.proof_count.saturating_add(1);
        }
    }

    fn remove(&mut self, file: FileId) {
        let Some(proofs) = self.proofs.get_mut(&file.torrent) else { return };
        if proofs.files.remove(&file.index).is_some() {
            self.proof_count = self.proof_count.saturating_sub(1);
        }
        if proofs.files.is_empty() {
            self.proofs.remove(&file.torrent);
        }
        self.unconfirmed.remove(&file);
    }

    fn revoke(&mut self, file: FileId) {
        let opened = self.unconfirmed.remove(&file).unwrap_or_default();
        opened.iter().filter_map(Weak::upgrade).for_each(|opened| opened.revoke());
    }
}

/// Returns whether a listing reports which pieces of a torrent are present.
fn is_settled(summary: &TorrentSummary) -> bool {
    let is_running = match summary.state {
        TorrentState::Live | TorrentState::Paused => true,
        TorrentState::Initializing | TorrentState::Failed => false,
    };
    is_running && summary.file_progress.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::layout::tests::layout;

    #[test]
    fn a_layout_is_believed_for_its_time() {
        let torrent = InfoHash::from_bytes([1; 20]);
        let mut memory = VerifiedFiles::default();
        memory.keep(torrent, Arc::new(layout("/d", 4, &[("a", b"12345678")])));
        assert!(memory.layout(torrent, Duration::MAX).is_some());
        assert!(memory.layout(torrent, Duration::ZERO).is_none());
        assert!(memory.layout(torrent, Duration::MAX).is_none(), "it was forgotten");
    }
}
