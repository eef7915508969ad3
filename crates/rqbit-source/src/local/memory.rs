//! What is remembered of a server's files: the layouts of the torrents that were last proven, and
//! the proofs of complete files.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use vfs_core::{FileId, InfoHash};

use super::file::ProvenFile;
use super::kept::KeptProof;
use super::layout::Layout;

/// How many torrents' hashes are kept: those of a library that is being scanned. Each is 20 bytes a
/// piece and the names of its files.
const LAYOUTS_MAX: usize = 8;

/// How many proofs of complete files are remembered, at some hundred bytes each: a large library.
const PROOFS_MAX: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The oldest first.
    layouts: VecDeque<(InfoHash, Instant, Arc<Layout>)>,
    proofs: HashMap<FileId, Known>,
    /// What was opened on the word of an earlier run, and the server has not been asked about yet.
    unconfirmed: HashMap<FileId, Vec<Weak<ProvenFile>>>,
}

/// A complete file that was proven.
#[derive(Debug)]
struct Known {
    proof: Arc<KeptProof>,
    /// Whether the server has said in this run that the file is there.
    is_confirmed: bool,
}

impl Memory {
    /// Returns what is remembered at the start: the proofs of an earlier run.
    pub(super) fn new(kept: impl IntoIterator<Item = (FileId, KeptProof)>) -> Self {
        let known = |proof| Known { proof: Arc::new(proof), is_confirmed: false };
        let proofs = kept.into_iter().take(PROOFS_MAX).map(|(file, proof)| (file, known(proof)));
        Self { proofs: proofs.collect(), ..Self::default() }
    }

    /// Returns the layout of a torrent if it came less than `ttl` ago; those that are older are
    /// forgotten.
    pub(super) fn layout(&mut self, torrent: InfoHash, ttl: Duration) -> Option<Arc<Layout>> {
        self.layouts.retain(|(_, kept_at, _)| kept_at.elapsed() < ttl);
        let found = self.layouts.iter().find(|(known, ..)| *known == torrent);
        found.map(|(.., layout)| Arc::clone(layout))
    }

    pub(super) fn keep(&mut self, torrent: InfoHash, layout: Arc<Layout>) {
        self.layouts.retain(|(known, ..)| *known != torrent);
        while self.layouts.len() >= LAYOUTS_MAX {
            self.layouts.pop_front();
        }
        self.layouts.push_back((torrent, Instant::now(), layout));
    }

    pub(super) fn proof(&self, file: FileId) -> Option<Arc<KeptProof>> {
        self.proofs.get(&file).map(|known| Arc::clone(&known.proof))
    }

    pub(super) fn is_known(&self, file: FileId) -> bool {
        self.proofs.contains_key(&file)
    }

    /// Remembers a proof that was just made.
    pub(super) fn remember(&mut self, file: FileId, proof: KeptProof) {
        if self.proofs.len() >= PROOFS_MAX && !self.proofs.contains_key(&file) {
            // Whichever it is, it can be proven again.
            if let Some(other) = self.proofs.keys().next().copied() {
                self.proofs.remove(&other);
                self.unconfirmed.remove(&other);
            }
        }
        self.proofs.insert(file, Known { proof: Arc::new(proof), is_confirmed: true });
        self.unconfirmed.remove(&file);
    }

    /// Takes note that a file was opened, which may be on the word of an earlier run.
    pub(super) fn on_reopened(&mut self, file: FileId, opened: &Arc<ProvenFile>) {
        if self.proofs.get(&file).is_some_and(|known| !known.is_confirmed) {
            let all = self.unconfirmed.entry(file).or_default();
            all.retain(|opened| opened.strong_count() > 0);
            all.push(Arc::downgrade(opened));
        }
    }

    /// Returns the files, with their proofs, about which the server is to be asked.
    pub(super) fn to_confirm(&self) -> Vec<(FileId, Arc<KeptProof>)> {
        let proof = |file: &FileId| Some((*file, self.proof(*file)?));
        self.unconfirmed.keys().filter_map(proof).collect()
    }

    /// Takes note that the server says of a file what its proof does.
    pub(super) fn confirm(&mut self, file: FileId) {
        if let Some(known) = self.proofs.get_mut(&file) {
            known.is_confirmed = true;
        }
        self.unconfirmed.remove(&file);
    }

    /// Forgets a proof, unless there is another one by now, and lets nobody go on reading on the
    /// word of an earlier run.
    pub(super) fn forget(&mut self, file: FileId, proof: &Arc<KeptProof>) {
        if self.proofs.get(&file).is_some_and(|known| Arc::ptr_eq(&known.proof, proof)) {
            self.proofs.remove(&file);
            let opened = self.unconfirmed.remove(&file).unwrap_or_default();
            opened.iter().filter_map(Weak::upgrade).for_each(|opened| opened.revoke());
        }
    }

    /// Forgets all proofs of torrents that are gone.
    pub(super) fn forget_torrents(&mut self, torrents: &[InfoHash]) {
        let is_there = |file: &FileId| !torrents.contains(&file.torrent);
        self.proofs.retain(|file, _| is_there(file));
        self.unconfirmed.retain(|file, _| is_there(file));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::layout::tests::layout;

    #[test]
    fn a_layout_is_believed_for_its_time() {
        let torrent = InfoHash::from_bytes([1; 20]);
        let mut memory = Memory::default();
        memory.keep(torrent, Arc::new(layout("/d", 4, &[("a", b"12345678")])));
        assert!(memory.layout(torrent, Duration::MAX).is_some());
        assert!(memory.layout(torrent, Duration::ZERO).is_none());
        assert!(memory.layout(torrent, Duration::MAX).is_none(), "it was forgotten");
    }
}
