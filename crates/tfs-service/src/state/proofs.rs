//! The files of a torrent on this machine that were proven, so that they are read after a restart
//! also while their server is down.

use std::collections::BTreeMap;

use rqbit_source::{FileIdentity, VerifiedFileRecord};
use serde::{Deserialize, Serialize};
use vfs_core::{FileId, FileIndex, InfoHash};

/// What became of the proof of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProofEvent {
    /// It was proven.
    Kept(VerifiedFileRecord),
    /// This proof does not hold any more.
    Discarded(VerifiedFileRecord),
}

/// What is kept of the proven files of one torrent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptVerifications {
    #[serde(with = "super::wire::info_hash")]
    pub(super) info_hash: InfoHash,
    /// The folder of the torrent, as the server calls it.
    folder: String,
    /// The files by their index.
    files: BTreeMap<u32, WireProof>,
}

/// A file and what it was when it was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireProof {
    path: String,
    dev: u64,
    ino: u64,
    len: u64,
    modified: (i64, u64),
    changed: (i64, u64),
}

/// A file and what it was when it was verified, as a record of its own.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireVerified {
    index: u32,
    folder: String,
    path: String,
    dev: u64,
    ino: u64,
    len: u64,
    modified: (i64, u64),
    changed: (i64, u64),
}

impl WireVerified {
    pub(super) fn new(index: FileIndex, proof: &VerifiedFileRecord) -> Self {
        let FileIdentity { dev, ino, len, modified, changed } = proof.identity;
        let (folder, path) = (proof.folder.clone(), proof.below.clone());
        Self { index: index.0, folder, path, dev, ino, len, modified, changed }
    }

    pub(super) fn into_proof(self) -> (FileIndex, VerifiedFileRecord) {
        let Self { index, folder, path, dev, ino, len, modified, changed } = self;
        let identity = FileIdentity { dev, ino, len, modified, changed };
        (FileIndex(index), VerifiedFileRecord { folder, below: path, identity })
    }
}

impl KeptVerifications {
    /// Returns those of a torrent of which nothing is known.
    pub(super) fn new(info_hash: InfoHash) -> Self {
        Self { info_hash, folder: String::new(), files: BTreeMap::new() }
    }

    /// Takes over what happened to a file. A torrent is in one folder: what was proven in another
    /// is let go. What was proven anew meanwhile, by whomever, is not discarded.
    pub(super) fn merge(&mut self, index: FileIndex, event: &ProofEvent) {
        let (ProofEvent::Kept(proof) | ProofEvent::Discarded(proof)) = event;
        match event {
            ProofEvent::Kept(_) => {
                if self.folder != proof.folder {
                    self.folder.clone_from(&proof.folder);
                    self.files.clear();
                }
                self.files.insert(index.0, WireProof::from(proof));
            }
            ProofEvent::Discarded(_) => {
                let is_it = self.files.get(&index.0) == Some(&WireProof::from(proof));
                if is_it && self.folder == proof.folder {
                    self.files.remove(&index.0);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns one record for each file.
    pub(super) fn to_wire(&self) -> impl Iterator<Item = WireVerified> {
        let proofs = self.clone().into_kept();
        proofs.map(|(file, proof)| WireVerified::new(file.index, &proof))
    }

    /// Returns the proofs as the source wants them.
    pub(super) fn into_kept(self) -> impl Iterator<Item = (FileId, VerifiedFileRecord)> {
        let Self { info_hash: torrent, folder, files } = self;
        files.into_iter().map(move |(index, wire)| {
            let WireProof { path, dev, ino, len, modified, changed } = wire;
            let identity = FileIdentity { dev, ino, len, modified, changed };
            let proof = VerifiedFileRecord { folder: folder.clone(), below: path, identity };
            (FileId { torrent, index: FileIndex(index) }, proof)
        })
    }
}

impl From<&VerifiedFileRecord> for WireProof {
    fn from(proof: &VerifiedFileRecord) -> Self {
        let FileIdentity { dev, ino, len, modified, changed } = proof.identity;
        Self { path: proof.below.clone(), dev, ino, len, modified, changed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(folder: &str, ino: u64) -> VerifiedFileRecord {
        let identity =
            FileIdentity { dev: 1, ino, len: u64::MAX, modified: (-5, 9), changed: (7, 8) };
        VerifiedFileRecord { folder: folder.to_owned(), below: format!("d/{ino}"), identity }
    }

    #[track_caller]
    fn check(events: &[(u32, ProofEvent)], want: &[(u32, VerifiedFileRecord)]) {
        let mut proofs = KeptVerifications::new(InfoHash::from_bytes([1; 20]));
        for (index, event) in events {
            proofs.merge(FileIndex(*index), event);
        }
        let json = serde_json::to_string(&proofs).unwrap();
        assert_eq!(serde_json::from_str::<KeptVerifications>(&json).unwrap(), proofs, "{json}");
        assert_eq!(proofs.is_empty(), want.is_empty());
        let kept: Vec<_> = proofs.into_kept().map(|(file, proof)| (file.index.0, proof)).collect();
        assert_eq!(kept, want);
    }

    #[test]
    fn proofs_come_back_as_they_were() {
        let [a, b, b2, moved] = [proof("/x", 1), proof("/x", 2), proof("/x", 3), proof("/y", 4)];
        let kept = |proof: &VerifiedFileRecord| ProofEvent::Kept(proof.clone());
        let discarded = |proof: &VerifiedFileRecord| ProofEvent::Discarded(proof.clone());
        check(&[], &[]);
        check(&[(7, kept(&b)), (0, kept(&a))], &[(0, a.clone()), (7, b.clone())]);
        check(&[(0, kept(&b)), (0, kept(&b2))], &[(0, b2.clone())]);
        check(&[(0, kept(&a)), (0, discarded(&a))], &[]);
        // One that another mount has proven meanwhile stays.
        check(&[(0, kept(&b2)), (0, discarded(&b)), (1, discarded(&b2))], &[(0, b2.clone())]);
        check(&[(0, kept(&a)), (1, kept(&moved))], &[(1, moved.clone())]);
        check(&[(0, kept(&moved)), (0, discarded(&proof("/x", 4)))], &[(0, moved)]);
    }
}
