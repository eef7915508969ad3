//! The combined content of a log's records.

use std::collections::{BTreeMap, HashMap, HashSet};

use vfs_core::{InfoHash, NumberRange, RestoredTorrent, TorrentDetails};

use super::absences::Absences;
use super::index::{StateIndex, TorrentEvent};
use super::known::KnownTree;
use super::proofs::{KeptVerifications, ProofEvent, WireVerified};
use super::record::{BadRecord, LogRecord, RecordKind};
use super::selection::{KeptSelection, WireSelection};
use super::wire::{
    WireAt, WireCame, WireDetails, WireNumbers, WireSummary, is_improvement, to_summary, to_time,
};

/// Maximum number of never shown torrents whose details are kept once there was a tree: a torrent
/// that is removed before it was shown leaves its details behind.
const EARLY_COUNT_MAX: usize = 1000;

/// The records of a log, applied in order.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The server of the log.
    pub(super) server: Option<String>,
    details: HashMap<InfoHash, TorrentDetails>,
    events: Vec<TorrentEvent>,
    changed_at: Option<i64>,
    progress: HashMap<InfoHash, WireSummary>,
    proofs: BTreeMap<InfoHash, KeptVerifications>,
    absences: Absences,
    numbers: BTreeMap<InfoHash, NumberRange>,
    /// When torrents were first seen complete, in seconds since 1970.
    finished: BTreeMap<InfoHash, i64>,
    selections: BTreeMap<InfoHash, KeptSelection>,
}

/// The value of a record of details or progress, which are most of a log. Decoding needs no other
/// record, so that several threads can do it.
#[derive(Debug)]
pub(super) enum DecodedRecord {
    Details(TorrentDetails),
    Progress(WireSummary),
    /// The record is of another kind, see [`Contents::apply_small`].
    Small,
}

impl DecodedRecord {
    /// Decodes a record.
    ///
    /// # Errors
    /// [`BadRecord::Newer`], if the record has another format.
    pub(super) fn of(record: &LogRecord<'_>) -> Result<Self, BadRecord> {
        match record.kind {
            RecordKind::Torrent => {
                let details = TorrentDetails::from(record.value::<WireDetails>()?);
                if details.info_hash != record.torrent()? {
                    return Err(BadRecord::Newer);
                }
                Ok(Self::Details(details))
            }
            RecordKind::Progress => record.value().map(Self::Progress),
            RecordKind::Server
            | RecordKind::Came
            | RecordKind::Went
            | RecordKind::Changed
            | RecordKind::Verified
            | RecordKind::Discarded
            | RecordKind::Absences
            | RecordKind::Numbers
            | RecordKind::Finished
            | RecordKind::Selected => Ok(Self::Small),
        }
    }
}

impl Contents {
    /// Applies a record and its value.
    ///
    /// # Errors
    /// [`BadRecord::Newer`], if the record has another format.
    pub(super) fn apply(
        &mut self,
        record: &LogRecord<'_>,
        decoded: DecodedRecord,
    ) -> Result<(), BadRecord> {
        match decoded {
            DecodedRecord::Details(details) => {
                let torrent = details.info_hash;
                let known = self.details.get(&torrent).map(|known| known.metadata);
                if known.is_none_or(|known| is_improvement(known, details.metadata)) {
                    self.details.insert(torrent, details);
                }
            }
            DecodedRecord::Progress(summary) => {
                self.progress.insert(record.torrent()?, summary);
            }
            DecodedRecord::Small => self.apply_small(record)?,
        }
        Ok(())
    }

    /// Applies a record of any kind except details and progress, which are most of a log.
    ///
    /// # Errors
    /// [`BadRecord::Newer`], if the record has another format.
    pub(super) fn apply_small(&mut self, record: &LogRecord<'_>) -> Result<(), BadRecord> {
        match record.kind {
            RecordKind::Torrent | RecordKind::Progress => {}
            RecordKind::Server => self.server = Some(record.value()?),
            RecordKind::Came => {
                let WireCame { name, at } = record.value()?;
                let info_hash = record.torrent()?;
                self.events.push(TorrentEvent { info_hash, at, name: Some(name) });
            }
            RecordKind::Went => {
                let WireAt { at } = record.value()?;
                let info_hash = record.torrent()?;
                self.events.push(TorrentEvent { info_hash, at, name: None });
                self.proofs.remove(&info_hash);
            }
            RecordKind::Changed => self.changed_at = Some(record.value::<WireAt>()?.at),
            RecordKind::Verified | RecordKind::Discarded => {
                let torrent = record.torrent()?;
                let (index, proof) = record.value::<WireVerified>()?.into_proof();
                let event = if record.kind == RecordKind::Verified {
                    ProofEvent::Kept(proof)
                } else {
                    ProofEvent::Discarded(proof)
                };
                let proofs =
                    self.proofs.entry(torrent).or_insert_with(|| KeptVerifications::new(torrent));
                proofs.merge(index, &event);
            }
            RecordKind::Absences => self.absences = record.value()?,
            RecordKind::Numbers => {
                let WireNumbers { first, count } = record.value()?;
                self.numbers.insert(record.torrent()?, NumberRange { first, count });
            }
            RecordKind::Finished => {
                let WireAt { at } = record.value()?;
                self.finished.entry(record.torrent()?).or_insert(at);
            }
            RecordKind::Selected => {
                let torrent = record.torrent()?;
                match record.value::<Option<WireSelection>>()?.and_then(WireSelection::into_kept) {
                    Some(selection) => drop(self.selections.insert(torrent, selection)),
                    None => drop(self.selections.remove(&torrent)),
                }
            }
        }
        Ok(())
    }

    /// Returns the present and removed torrents, without those whose removal has expired at `now`,
    /// in seconds since 1970.
    pub(super) fn index(&self, now: i64) -> StateIndex {
        let mut index = StateIndex::default();
        index.merge(&self.events);
        index.expire(now);
        index
    }

    /// Returns the smaller parts in a form that can be written to a new log.
    pub(super) fn into_small(self, now: i64) -> Small {
        let index = self.index(now);
        let Self { changed_at, mut proofs, absences, mut numbers, .. } = self;
        let (mut finished, mut selections) = (self.finished, self.selections);
        let present: HashSet<_> = index.present().map(|entry| entry.info_hash).collect();
        proofs.retain(|torrent, _| present.contains(torrent));
        // The numbers of removed torrents are kept as long as their names.
        let known: HashSet<_> = index.torrents.iter().map(|entry| entry.info_hash).collect();
        numbers.retain(|torrent, _| known.contains(torrent));
        finished.retain(|torrent, _| known.contains(torrent));
        selections.retain(|torrent, _| present.contains(torrent));
        Small {
            index,
            changed_at,
            proofs: proofs.into_values().collect(),
            absences,
            numbers: numbers.into_iter().collect(),
            finished: finished.into_iter().collect(),
            selections: selections.into_iter().collect(),
        }
    }

    /// Returns the last known tree. `now` is in seconds since 1970.
    pub(super) fn into_known(mut self, now: i64) -> KnownTree {
        let index = self.index(now);
        let mut known = KnownTree {
            changed_at: self.changed_at.map(to_time),
            absences: std::mem::take(&mut self.absences),
            numbers: std::mem::take(&mut self.numbers).into_iter().collect(),
            ..KnownTree::default()
        };
        for (position, entry) in index.present().enumerate() {
            let Some(details) = self.details.remove(&entry.info_hash) else { continue };
            let selection = self.selections.remove(&entry.info_hash);
            let selection = selection.filter(|it| it.files.piece_count() == file_count(&details));
            known.selections.extend(selection.map(|selection| (entry.info_hash, selection)));
            let summary = self.progress.remove(&entry.info_hash);
            known.listing.push(to_summary(&details, position, summary));
            known.details.push(details);
            // Verification records of torrents that are not present are not used.
            let proofs = self.proofs.remove(&entry.info_hash);
            known.proofs.extend(proofs.into_iter().flat_map(KeptVerifications::into_kept));
        }
        for entry in &index.torrents {
            self.details.remove(&entry.info_hash);
        }
        known.early = self.details.into_values().collect();
        known.early.sort_unstable_by_key(|details| details.info_hash);
        let remembered = index.torrents.into_iter().map(|entry| RestoredTorrent {
            info_hash: entry.info_hash,
            name: entry.name,
            first_seen: to_time(entry.first_seen),
            finished_at: self.finished.get(&entry.info_hash).copied().map(to_time),
        });
        known.remembered = remembered.collect();
        known
    }

    /// Returns the torrents with an entry in the log, including removed ones.
    pub(super) fn named(&self) -> HashSet<InfoHash> {
        self.events.iter().map(|event| event.info_hash).collect()
    }

    /// Returns whether the log has verification records for a torrent's files.
    pub(super) fn has_proofs(&self, torrent: InfoHash) -> bool {
        self.proofs.get(&torrent).is_some_and(|proofs| !proofs.is_empty())
    }

    /// Returns whether there was a tree.
    pub(super) fn has_tree(&self) -> bool {
        self.changed_at.is_some()
    }
}

fn file_count(details: &TorrentDetails) -> u32 {
    u32::try_from(details.files.len()).unwrap_or(u32::MAX)
}

/// The parts of a log other than details and progress.
#[derive(Debug)]
pub(super) struct Small {
    pub(super) index: StateIndex,
    pub(super) changed_at: Option<i64>,
    pub(super) proofs: Vec<KeptVerifications>,
    pub(super) absences: Absences,
    pub(super) numbers: Vec<(InfoHash, NumberRange)>,
    pub(super) finished: Vec<(InfoHash, i64)>,
    pub(super) selections: Vec<(InfoHash, KeptSelection)>,
}

/// The torrents whose records are kept.
#[derive(Debug)]
pub(super) struct Keeps {
    details: HashSet<InfoHash>,
    progress: HashSet<InfoHash>,
}

impl Small {
    /// Returns the torrents whose records are kept. `with_details` are all torrents with details,
    /// in the order in which these were recorded.
    pub(super) fn keeps(&self, with_details: &[InfoHash]) -> Keeps {
        let mut details: HashSet<_> =
            self.index.torrents.iter().map(|entry| entry.info_hash).collect();
        let early_max = if self.changed_at.is_some() { EARLY_COUNT_MAX } else { usize::MAX };
        let early = with_details.iter().rev().filter(|torrent| !details.contains(torrent));
        let early: Vec<_> = early.take(early_max).copied().collect();
        details.extend(early);
        let progress = self.index.present().map(|entry| entry.info_hash).collect();
        Keeps { details, progress }
    }
}

impl Keeps {
    /// Returns whether a record is one of details or progress that is kept.
    pub(super) fn has(&self, record: &LogRecord<'_>) -> bool {
        record.info_hash.is_some_and(|torrent| {
            record.kind == RecordKind::Torrent && self.details.contains(&torrent)
                || record.kind == RecordKind::Progress && self.progress.contains(&torrent)
        })
    }
}
