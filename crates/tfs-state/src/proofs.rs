//! Verified local files of a torrent: they can be read after a restart, also while their server is
//! down.

use std::collections::BTreeMap;

use rqbit_source::{FileIdentity, VerifiedFileRecord};
use serde::{Deserialize, Serialize};
use vfs_core::{FileId, FileIndex, InfoHash};

/// A change of a file's verification record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProofEvent {
    /// The file was verified.
    Kept(VerifiedFileRecord),
    /// This record is no longer valid.
    Discarded(VerifiedFileRecord),
}

/// The verification records of one torrent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptVerifications {
    #[serde(with = "super::wire::info_hash")]
    pub(super) info_hash: InfoHash,
    /// The folder of the torrent, as the server reports it.
    folder: String,
    /// The files by their index.
    files: BTreeMap<u32, WireProof>,
}

/// The properties of a file when it was verified.
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

/// The properties of a file when it was verified, as a record of its own.
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
    /// Returns an empty set of records for a torrent.
    pub(super) fn new(info_hash: InfoHash) -> Self {
        Self { info_hash, folder: String::new(), files: BTreeMap::new() }
    }

    /// Applies an event. A torrent has one folder: records for another one are dropped. A discard
    /// does not remove a newer record, of this or another process.
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

    /// Returns the records in the form that the source uses.
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
        // A newer record of another mount is kept.
        check(&[(0, kept(&b2)), (0, discarded(&b)), (1, discarded(&b2))], &[(0, b2.clone())]);
        check(&[(0, kept(&a)), (1, kept(&moved))], &[(1, moved.clone())]);
        check(&[(0, kept(&moved)), (0, discarded(&proof("/x", 4)))], &[(0, moved)]);
    }
}
