//! The records of a state log, one per line.
//!
//! ```text
//! 9f1c44aa torrent 11b1b5ec9167678979a0e6e703210380431292a8 {"name":"...
//! ```
//!
//! The fields are the CRC-32 of the rest of the line, the kind, the info hash (or `-`), and a value
//! as JSON without line feeds. So damage is limited to one line: the next record begins after the
//! next line feed. A record with a valid checksum and unknown content was written by a later
//! version.

use std::io::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;
use vfs_core::InfoHash;

/// Maximum length of a line in bytes. A torrent of 100,000 files has some 10 MiB. Answers of a
/// server have the same limit.
pub(super) const LINE_BYTES_MAX: usize = 64 << 20;

/// The length of the checksum, in hexadecimal digits.
const CRC_DIGITS: usize = 8;

/// Replaces the info hash in records that concern no torrent.
const NO_HASH: &str = "-";

/// The kind of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RecordKind {
    /// The server of the log. The first record.
    Server,
    /// The details of a torrent. The last record of a torrent is current.
    Torrent,
    /// A torrent was added: its name in the root directory, and the time.
    Came,
    /// A torrent was removed, and the time.
    Went,
    /// When the set of torrents last changed. The last record is current.
    Changed,
    /// The last listing of a torrent. The last record of a torrent is current.
    Progress,
    /// A local file of a torrent was verified.
    Verified,
    /// That verification is no longer valid.
    Discarded,
    /// The missing torrents. The last record is current.
    Absences,
    /// The inode numbers of a torrent, with `--inode32`. The last record of a torrent is current.
    Numbers,
    /// When a torrent was first seen complete. The first record of a torrent is current.
    Finished,
    /// Which files of a torrent the server downloads. The last record of a torrent is current.
    Selected,
}

impl RecordKind {
    const ALL: [Self; 12] = [
        Self::Server,
        Self::Torrent,
        Self::Came,
        Self::Went,
        Self::Changed,
        Self::Progress,
        Self::Verified,
        Self::Discarded,
        Self::Absences,
        Self::Numbers,
        Self::Finished,
        Self::Selected,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Torrent => "torrent",
            Self::Came => "came",
            Self::Went => "went",
            Self::Changed => "changed",
            Self::Progress => "progress",
            Self::Verified => "verified",
            Self::Discarded => "discarded",
            Self::Absences => "absences",
            Self::Numbers => "numbers",
            Self::Finished => "finished",
            Self::Selected => "selected",
        }
    }

    fn of(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word().as_bytes() == word)
    }
}

/// A record with a valid checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogRecord<'a> {
    pub(super) kind: RecordKind,
    pub(super) info_hash: Option<InfoHash>,
    /// The checksum: two records with different ones differ.
    pub(super) crc: u32,
    json: &'a [u8],
}

/// Why a line is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRecord {
    /// The line is damaged.
    #[error("it is damaged")]
    Damaged,
    /// The line is valid, but written by a later version.
    #[error("a later version of tfs wrote it")]
    Newer,
}

impl<'a> LogRecord<'a> {
    /// Parses a line without its line feed.
    ///
    /// # Errors
    /// [`BadRecord`].
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, BadRecord> {
        let (digits, rest) = line.split_at_checked(CRC_DIGITS).ok_or(BadRecord::Damaged)?;
        let digits = str::from_utf8(digits).map_err(|_not_ascii| BadRecord::Damaged)?;
        let crc = u32::from_str_radix(digits, 16).map_err(|_no_number| BadRecord::Damaged)?;
        // Only one notation of the number is valid, so that damage of the digits is detected.
        if crc32fast::hash(rest) != crc || format!("{crc:08x}") != digits {
            return Err(BadRecord::Damaged);
        }
        let mut words = rest.splitn(4, |byte| *byte == b' ').skip(1);
        let (Some(kind), Some(hash), Some(json)) = (words.next(), words.next(), words.next())
        else {
            return Err(BadRecord::Newer);
        };
        let kind = RecordKind::of(kind).ok_or(BadRecord::Newer)?;
        let info_hash = match str::from_utf8(hash) {
            Ok(NO_HASH) => None,
            Ok(hash) => Some(hash.parse().map_err(|_other_form| BadRecord::Newer)?),
            Err(_other_form) => return Err(BadRecord::Newer),
        };
        Ok(Self { kind, info_hash, crc, json })
    }

    /// Returns the value.
    ///
    /// # Errors
    /// [`BadRecord::Newer`], if it has another format: the checksum is valid.
    pub(super) fn value<T: DeserializeOwned>(&self) -> Result<T, BadRecord> {
        serde_json::from_slice(self.json).map_err(|_other_form| BadRecord::Newer)
    }

    /// Returns the value as if it ended before the field `key`, which is given with its comma and
    /// quotes: a text in JSON cannot contain it.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub(super) fn value_before<T: DeserializeOwned>(&self, key: &[u8]) -> Result<T, BadRecord> {
        let Some(at) = self.json.windows(key.len()).position(|part| part == key) else {
            return self.value();
        };
        let fields = self.json.get(..at).unwrap_or_default();
        let object = [fields, b"}"].concat();
        serde_json::from_slice(&object).map_err(|_other_form| BadRecord::Newer)
    }

    /// Returns the torrent of the record.
    ///
    /// # Errors
    /// [`BadRecord::Newer`], if it has none.
    pub(super) fn torrent(&self) -> Result<InfoHash, BadRecord> {
        self.info_hash.ok_or(BadRecord::Newer)
    }
}

/// Appends a record to `lines`, with its line feed, and returns its checksum. `None` if the record
/// would exceed [`LINE_BYTES_MAX`]; then `lines` is unchanged.
pub(super) fn put(
    lines: &mut Vec<u8>,
    kind: RecordKind,
    info_hash: Option<InfoHash>,
    value: &impl Serialize,
) -> Option<u32> {
    let start = lines.len();
    let hash = info_hash.map_or_else(|| NO_HASH.to_owned(), |hash| hash.to_string());
    let in_memory = "writing to memory does not fail";
    write!(lines, "{:CRC_DIGITS$} {} {hash} ", "", kind.word()).expect(in_memory);
    serde_json::to_writer(&mut *lines, value).expect("structs of texts and numbers can be written");
    let (digits, rest) = lines.get_mut(start..)?.split_at_mut_checked(CRC_DIGITS)?;
    if CRC_DIGITS + rest.len() > LINE_BYTES_MAX {
        lines.truncate(start);
        return None;
    }
    let crc = crc32fast::hash(rest);
    digits.copy_from_slice(format!("{crc:08x}").as_bytes());
    lines.push(b'\n');
    Some(crc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: RecordKind, info_hash: Option<InfoHash>, value: &impl Serialize) -> Vec<u8> {
        let mut lines = Vec::new();
        put(&mut lines, kind, info_hash, value).unwrap();
        assert_eq!(lines.pop(), Some(b'\n'));
        lines
    }

    #[test]
    fn what_was_written_is_read() {
        let hash = InfoHash::from_bytes([7; 20]);
        for kind in RecordKind::ALL {
            for info_hash in [None, Some(hash)] {
                let value = vec!["one".to_owned(), "zwei \u{e4}\n \u{0} {".to_owned()];
                let line = line(kind, info_hash, &value);
                assert!(!line.contains(&b'\n'));
                let record = LogRecord::parse(&line).unwrap();
                assert_eq!((record.kind, record.info_hash), (kind, info_hash));
                assert_eq!(record.value::<Vec<String>>(), Ok(value));
                assert_eq!(record.value::<Vec<u8>>(), Err(BadRecord::Newer));
            }
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_damage() {
        let line = line(RecordKind::Changed, None, &["one", "two"]);
        for position in 0..line.len() {
            assert_eq!(LogRecord::parse(&line[..position]), Err(BadRecord::Damaged), "{position}");
            for bit in 0..8 {
                let mut flipped = line.clone();
                flipped[position] ^= 1 << bit;
                let read = LogRecord::parse(&flipped);
                assert_eq!(read, Err(BadRecord::Damaged), "bit {bit} of byte {position}");
            }
        }
    }

    #[test]
    fn what_is_right_and_unknown_is_of_a_later_version() {
        for rest in [" number - 1", " torrent other 1", " torrent", "", " came \u{e4} 1"] {
            let line = format!("{:08x}{rest}", crc32fast::hash(rest.as_bytes()));
            assert_eq!(LogRecord::parse(line.as_bytes()), Err(BadRecord::Newer), "{rest}");
        }
    }

    #[test]
    fn a_record_that_is_too_long_is_not_written() {
        let mut lines = b"before".to_vec();
        let value = "x".repeat(LINE_BYTES_MAX);
        assert_eq!(put(&mut lines, RecordKind::Torrent, None, &value), None);
        assert_eq!(lines, b"before");
    }
}
