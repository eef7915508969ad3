//! Where the records of a log are that count, so that what is the same is not written twice, and
//! that a log that is mostly outdated is seen.

use std::collections::HashMap;

use vfs_core::{InfoHash, MetadataStatus};

use super::record::{BadRecord, LogRecord, RecordKind};
use super::wire::{is_improvement, metadata_status};

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordLocation {
    /// Where its line begins, in bytes from the start of the file.
    pub(super) offset: u64,
    /// The length of its line in bytes, with the line feed.
    pub(super) len: u32,
    pub(super) crc: u32,
}

/// The records of a log that count. Some 100 bytes for each torrent.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The details of torrents, and what is known of their metadata.
    torrents: HashMap<InfoHash, (RecordLocation, MetadataStatus)>,
    progress: HashMap<InfoHash, RecordLocation>,
    /// Of the kinds of which only the last record counts.
    single: HashMap<RecordKind, RecordLocation>,
    live_bytes: u64,
}

impl Places {
    /// Takes over a record.
    ///
    /// # Errors
    /// [`BadRecord::Newer`], if the record has another form.
    pub(super) fn note(
        &mut self,
        record: &LogRecord<'_>,
        place: RecordLocation,
    ) -> Result<(), BadRecord> {
        let replaced = match record.kind {
            RecordKind::Torrent => {
                let torrent = record.torrent()?;
                let metadata = metadata_status(record)?;
                let known = self.torrents.get(&torrent);
                if known.is_some_and(|(_, known)| !is_improvement(*known, metadata)) {
                    return Ok(());
                }
                self.torrents.insert(torrent, (place, metadata)).map(|(place, _)| place)
            }
            RecordKind::Progress => self.progress.insert(record.torrent()?, place),
            RecordKind::Server | RecordKind::Changed | RecordKind::Absences => {
                self.single.insert(record.kind, place)
            }
            RecordKind::Came
            | RecordKind::Went
            | RecordKind::Verified
            | RecordKind::Discarded
            | RecordKind::Numbers => None,
        };
        let replaced_bytes = replaced.map_or(0, |place| u64::from(place.len));
        self.live_bytes = (self.live_bytes + u64::from(place.len)).saturating_sub(replaced_bytes);
        Ok(())
    }

    /// Returns where the record is that would be replaced.
    fn known(&self, kind: RecordKind, info_hash: Option<InfoHash>) -> Option<RecordLocation> {
        match kind {
            RecordKind::Torrent => self.torrent(info_hash?),
            RecordKind::Progress => self.progress.get(&info_hash?).copied(),
            RecordKind::Server | RecordKind::Changed | RecordKind::Absences => {
                self.single.get(&kind).copied()
            }
            RecordKind::Came
            | RecordKind::Went
            | RecordKind::Verified
            | RecordKind::Discarded
            | RecordKind::Numbers => None,
        }
    }

    /// Returns whether a record says what the log says already.
    pub(super) fn has(&self, record: &LogRecord<'_>, len: usize) -> bool {
        self.known(record.kind, record.info_hash).is_some_and(|place| {
            place.crc == record.crc && usize::try_from(place.len).is_ok_and(|known| known == len)
        })
    }

    /// Returns whether the record at a place is the one that counts.
    pub(super) fn is_last(&self, record: &LogRecord<'_>, offset: u64) -> bool {
        self.known(record.kind, record.info_hash).is_some_and(|place| place.offset == offset)
    }

    /// Returns where the details of a torrent are.
    pub(super) fn torrent(&self, torrent: InfoHash) -> Option<RecordLocation> {
        self.torrents.get(&torrent).map(|(place, _)| *place)
    }

    /// Returns how long a log would be about that has only the records that count.
    pub(super) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }
}
