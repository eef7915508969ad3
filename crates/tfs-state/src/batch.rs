//! A batch of changes that are written together.

use std::collections::BTreeMap;

use vfs_core::{FileId, InfoHash, NumberRange, TorrentDetails, TorrentSummary};

use super::absences::Absences;
use super::index::TorrentEvent;
use super::proofs::{ProofEvent, WireVerified};
use super::record::{RecordKind, put};
use super::selection::{KeptSelection, WireSelection};
use super::wire::{WireAt, WireCame, WireNumbers};

/// Pending changes.
#[derive(Debug, Default)]
pub(super) struct WriteBatch {
    pub(super) events: Vec<TorrentEvent>,
    /// When the set of torrents last changed, in seconds since 1970.
    pub(super) changed_at: Option<i64>,
    pub(super) details: Vec<TorrentDetails>,
    /// The later of two entries for one torrent counts.
    pub(super) progress: Vec<TorrentSummary>,
    pub(super) absences: Option<Absences>,
    /// Inode numbers allocated to torrents.
    pub(super) numbers: Vec<(InfoHash, NumberRange)>,
    /// When torrents were first seen complete, in seconds since 1970.
    pub(super) finished: Vec<(InfoHash, i64)>,
    /// Selections of torrents; `None` removes a recorded one.
    pub(super) selections: BTreeMap<InfoHash, Option<KeptSelection>>,
    /// The last verification event of each file.
    pub(super) proofs: BTreeMap<FileId, ProofEvent>,
}

impl WriteBatch {
    /// Appends all records except details and progress to `lines`.
    pub(super) fn put_small(&self, lines: &mut Vec<u8>) {
        for event in &self.events {
            let info_hash = Some(event.info_hash);
            match &event.name {
                Some(name) => {
                    let came = WireCame { name: name.clone(), at: event.at };
                    put(lines, RecordKind::Came, info_hash, &came);
                }
                None => {
                    put(lines, RecordKind::Went, info_hash, &WireAt { at: event.at });
                }
            }
        }
        if let Some(at) = self.changed_at {
            put(lines, RecordKind::Changed, None, &WireAt { at });
        }
        // After the torrent events: the removal of a torrent also removes its verification records.
        for (file, event) in &self.proofs {
            let (kind, proof) = match event {
                ProofEvent::Kept(proof) => (RecordKind::Verified, proof),
                ProofEvent::Discarded(proof) => (RecordKind::Discarded, proof),
            };
            put(lines, kind, Some(file.torrent), &WireVerified::new(file.index, proof));
        }
        for (info_hash, NumberRange { first, count }) in &self.numbers {
            let numbers = WireNumbers { first: *first, count: *count };
            put(lines, RecordKind::Numbers, Some(*info_hash), &numbers);
        }
        for (info_hash, at) in &self.finished {
            put(lines, RecordKind::Finished, Some(*info_hash), &WireAt { at: *at });
        }
        for (info_hash, selection) in &self.selections {
            let selection = selection.as_ref().map(WireSelection::from);
            put(lines, RecordKind::Selected, Some(*info_hash), &selection);
        }
        if let Some(absences) = &self.absences {
            put(lines, RecordKind::Absences, None, absences);
        }
    }
}
