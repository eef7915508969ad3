//! Index of the current records of a log. It avoids writing the same record twice, and shows when
//! most of a log is outdated.

use std::collections::HashMap;

use vfs_core::{InfoHash, MetadataStatus};

use super::record::{BadRecord, LogRecord, RecordKind};
use super::wire::{is_improvement, metadata_status};

/// The location of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordLocation {
    /// The offset of its line, in bytes from the start of the file.
    pub(super) offset: u64,
    /// The length of its line in bytes, including the line feed.
    pub(super) len: u32,
    pub(super) crc: u32,
}

/// The current records of a log. Some 100 bytes for each torrent.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The details of torrents, and the state of their metadata.
    torrents: HashMap<InfoHash, (RecordLocation, MetadataStatus)>,
    progress: HashMap<InfoHash, RecordLocation>,
    /// The kinds for which only the last record is current.
    single: HashMap<RecordKind, RecordLocation>,
    live_bytes: u64,
}

impl Places {
    /// Indexes a record.
    ///
    /// # Errors
    /// [`BadRecord::Newer`], if the record has another format.
    pub(super) fn record(
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
            | RecordKind::Numbers
            | RecordKind::Finished
            | RecordKind::Selected => None,
        };
        let replaced_bytes = replaced.map_or(0, |place| u64::from(place.len));
        self.live_bytes = (self.live_bytes + u64::from(place.len)).saturating_sub(replaced_bytes);
        Ok(())
    }

    /// Returns the location of the record that this one would replace.
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
            | RecordKind::Numbers
            | RecordKind::Finished
            | RecordKind::Selected => None,
        }
    }

    /// Returns whether the log already contains the same record.
    pub(super) fn has(&self, record: &LogRecord<'_>, len: usize) -> bool {
        self.known(record.kind, record.info_hash).is_some_and(|place| {
            place.crc == record.crc && usize::try_from(place.len).is_ok_and(|known| known == len)
        })
    }

    /// Returns whether the record at an offset is current.
    pub(super) fn is_last(&self, record: &LogRecord<'_>, offset: u64) -> bool {
        self.known(record.kind, record.info_hash).is_some_and(|place| place.offset == offset)
    }

    /// Returns the location of a torrent's details.
    pub(super) fn torrent(&self, torrent: InfoHash) -> Option<RecordLocation> {
        self.torrents.get(&torrent).map(|(place, _)| *place)
    }

    /// Returns the approximate size of a log that contains only current records.
    pub(super) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }
}
