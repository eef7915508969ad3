//! All records in memory, and their form in the file.

use std::collections::BTreeMap;

use vfs_core::InfoHash;

use super::{OnDemandChange, OnDemandEdit, OnDemandError, OnDemandRecord};

/// Maximum number of records, also of torrents that are on no server any more.
pub(super) const RECORDS_MAX: usize = 200_000;

/// The first word of the file; the version follows.
const FORMAT: &[u8] = b"tfs-on-demand ";

/// The only version that this program reads and writes.
const VERSION: u32 = 1;

/// The on-demand torrents of all servers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnDemandTable {
    records: BTreeMap<String, BTreeMap<InfoHash, OnDemandRecord>>,
    /// Lines that are not understood, without their line feeds. They stay in the file.
    others: Vec<Vec<u8>>,
}

impl OnDemandTable {
    /// Returns the record of a torrent of a server, if it is on demand there.
    #[must_use]
    pub fn get(&self, server: &str, torrent: InfoHash) -> Option<&OnDemandRecord> {
        self.records.get(server)?.get(&torrent)
    }

    /// Returns whether a torrent has a mode on any server.
    #[must_use]
    pub fn has_mode(&self, torrent: InfoHash, mode: tfs_types::OnDemandMode) -> bool {
        let mut records = self.records.values().filter_map(|records| records.get(&torrent));
        records.any(|record| record.mode == mode)
    }

    /// Returns the on-demand torrents of a server, ordered by info hash.
    pub fn of_server(&self, server: &str) -> impl Iterator<Item = (InfoHash, &OnDemandRecord)> {
        let records = self.records.get(server).into_iter().flatten();
        records.map(|(torrent, record)| (*torrent, record))
    }

    /// Returns the number of records.
    #[must_use]
    pub fn count(&self) -> usize {
        self.records.values().map(BTreeMap::len).sum()
    }

    /// Returns the lines of the file that are not understood, readable for people.
    pub fn unreadable(&self) -> impl Iterator<Item = String> {
        self.others.iter().map(|line| String::from_utf8_lossy(line).into_owned())
    }

    /// Parses the content of the file; `None` if a later version wrote it. An empty file has no
    /// records.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut table = Self::default();
        let mut count = 0;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for (number, line) in lines.enumerate() {
            if let Some(version) = line.strip_prefix(FORMAT).filter(|_| number == 0) {
                match str::from_utf8(version).ok().and_then(|text| text.parse::<u32>().ok()) {
                    Some(VERSION) => continue,
                    Some(_later) => return None,
                    None => {}
                }
            }
            match parse_line(line) {
                Some((server, torrent, record)) if count < RECORDS_MAX => {
                    let records = table.records.entry(server.to_owned()).or_default();
                    count += usize::from(records.insert(torrent, record).is_none());
                }
                _ => table.others.push(line.to_vec()),
            }
        }
        Some(table)
    }

    /// Returns the content of the file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = FORMAT.to_vec();
        bytes.extend_from_slice(format!("{VERSION}\n").as_bytes());
        for (server, records) in &self.records {
            for (torrent, record) in records {
                let line = format!("{torrent} {} {server}\n", record.to_fields());
                bytes.extend_from_slice(line.as_bytes());
            }
        }
        for line in &self.others {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        bytes
    }

    /// Applies a change. Returns whether it changed anything.
    ///
    /// # Errors
    /// If there would be too many records. Then nothing has changed.
    pub(super) fn change(&mut self, change: &OnDemandChange) -> Result<bool, OnDemandError> {
        let OnDemandChange { server, torrent, edit } = change;
        let is_full = self.count() >= RECORDS_MAX;
        let known = self.records.get_mut(server).and_then(|records| records.get_mut(torrent));
        let Some(record) = known else {
            let OnDemandEdit::Set(mode) = edit else { return Ok(false) };
            if is_full {
                return Err(OnDemandError::TooManyRecords);
            }
            let records = self.records.entry(server.clone()).or_default();
            records.insert(*torrent, OnDemandRecord::pending(*mode));
            return Ok(true);
        };
        let before = record.clone();
        match edit {
            OnDemandEdit::Set(mode) => {
                record.mode = *mode;
                record.is_pending = true;
            }
            OnDemandEdit::Mode(mode) => record.mode = *mode,
            OnDemandEdit::Settled => record.is_pending = false,
            OnDemandEdit::Hold(file, holder) => return Ok(record.hold(*file, *holder)),
            OnDemandEdit::Unhold(file, holder) => {
                let holders = record.selected.get_mut(file);
                return Ok(holders.is_some_and(|holders| holders.remove(holder)));
            }
            OnDemandEdit::Release(file) => {
                if record.selected.get(file).is_some_and(|holders| holders.is_empty()) {
                    record.selected.remove(file);
                }
            }
            OnDemandEdit::Disown(file) => drop(record.selected.remove(file)),
            OnDemandEdit::Remove => {
                let records = self.records.get_mut(server);
                records.and_then(|records| records.remove(torrent));
                self.records.retain(|_, records| !records.is_empty());
                return Ok(true);
            }
        }
        Ok(*record != before)
    }
}

/// Parses the line of a torrent.
fn parse_line(line: &[u8]) -> Option<(&str, InfoHash, OnDemandRecord)> {
    let mut fields = str::from_utf8(line).ok()?.splitn(5, ' ');
    let (torrent, mode, state) = (fields.next()?, fields.next()?, fields.next()?);
    let record = OnDemandRecord::parse(mode, state, fields.next()?)?;
    let server = fields.next().filter(|server| !server.is_empty())?;
    Some((server, torrent.parse().ok()?, record))
}
