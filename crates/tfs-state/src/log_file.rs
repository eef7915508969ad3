//! One file of a log: reads its lines, and appends to it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use tfs_types::map_parallel;
use vfs_core::{InfoHash, TorrentDetails};

use super::lines::LogLines;
use super::places::{Places, RecordLocation};
use super::record::{BadRecord, LogRecord};
use super::wire::WireDetails;

/// The start of every log, before the number of its version.
const FORMAT: &str = "tfs-state ";

/// The only version that this program reads and writes. Version 1 is the file format of 0.1.0, see
/// [`super::version1`]. A release that changes the lines themselves increments it. Older releases
/// refuse kinds of records and fields that they do not know, whatever the version.
const VERSION: u32 = 2;

/// Number of bytes to encode before they are appended.
pub(super) const APPEND_BYTES: usize = 1 << 20;

/// An open log file.
#[derive(Debug)]
pub(super) struct StateLogFile {
    file: File,
    /// Offset of the next record in bytes: the end of the last complete line.
    end: u64,
    places: Places,
    is_writable: bool,
}

/// A line of a log.
#[derive(Debug)]
pub(super) struct LogLine<'a> {
    /// Its bytes, without the line feed.
    pub(super) bytes: &'a [u8],
    /// `None` if the line is damaged.
    pub(super) record: Option<LogRecord<'a>>,
    pub(super) place: RecordLocation,
}

impl StateLogFile {
    /// Opens a file for appending, or for reading only if this user may not write to it. `None` if
    /// it does not exist.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        match options().open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if is_forbidden(&error) => {
                let file = OpenOptions::new().read(true).open(path)?;
                Ok(Some(Self { is_writable: false, ..Self::of(file) }))
            }
            opened => opened.map(|file| Some(Self::of(file))),
        }
    }

    /// Opens a file for appending, and creates it if it does not exist.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn open_or_create(path: &Path) -> io::Result<Self> {
        options().create(true).open(path).map(Self::of)
    }

    /// Creates a file, which must not exist.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        options().create_new(true).open(path).map(Self::of)
    }

    fn of(file: File) -> Self {
        Self { file, end: 0, places: Places::default(), is_writable: true }
    }

    pub(super) fn is_writable(&self) -> bool {
        self.is_writable
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Returns the end of the last complete line that was read, as an offset in bytes.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Calls `decode` for all records from an offset on, on several threads, and `each` for all
    /// lines in order, with the decoded values. Returns the end of the last complete line. A line
    /// without a line feed is a partial record that a killed process left.
    ///
    /// # Errors
    /// Those of the system, and [`ErrorKind::Unsupported`] if a later version wrote the log or one
    /// of its records.
    pub(super) fn each<T: Send>(
        &self,
        from: u64,
        decode: impl Fn(&LogRecord<'_>) -> T + Sync,
        mut each: impl FnMut(&LogLine<'_>, Option<T>) -> Result<(), BadRecord>,
    ) -> io::Result<u64> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(from))?;
        let mut lines = LogLines::new(BufReader::with_capacity(APPEND_BYTES, file), from);
        let mut part = LogPart::default();
        let mut end = from;
        loop {
            part.read(&mut lines)?;
            let read = map_parallel(part.lines.iter().collect(), |line| {
                let line = part.line(line)?;
                let decoded = line.record.as_ref().map(&decode);
                Ok((line, decoded))
            });
            for read in read {
                read.and_then(|(line, decoded)| each(&line, decoded)).map_err(refused)?;
            }
            end = end.max(part.end);
            if part.is_last {
                return Ok(end);
            }
        }
    }

    /// Reads the lines after those already read, and indexes their records.
    ///
    /// # Errors
    /// As [`each`](Self::each).
    pub(super) fn read_on<T: Send>(
        &mut self,
        decode: impl Fn(&LogRecord<'_>) -> T + Sync,
        mut each: impl FnMut(&LogLine<'_>, Option<T>) -> Result<(), BadRecord>,
    ) -> io::Result<()> {
        let mut places = std::mem::take(&mut self.places);
        let end = self.each(self.end, decode, |found, decoded| {
            if let Some(record) = &found.record {
                places.record(record, found.place)?;
            }
            each(found, decoded)
        });
        self.places = places;
        self.end = end?;
        Ok(())
    }

    /// Truncates the file after the last complete line.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn cut_rest(&self) -> io::Result<()> {
        if self.file.metadata()?.len() > self.end { self.file.set_len(self.end) } else { Ok(()) }
    }

    /// Appends lines, and indexes their records. Skips records that the log already contains.
    ///
    /// # Errors
    /// Those of the system. Then the file is unchanged.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut new = Vec::with_capacity(lines.len());
        let mut notes = Vec::new();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let record = LogRecord::parse(line.strip_suffix(b"\n").unwrap_or(line)).ok();
            if record.is_some_and(|record| self.places.has(&record, line.len())) {
                continue;
            }
            let offset = self.end + new.len() as u64;
            new.extend_from_slice(line);
            if let (Some(record), Ok(len)) = (record, u32::try_from(line.len())) {
                notes.push((record, RecordLocation { offset, len, crc: record.crc }));
            }
        }
        if let Err(error) = (&self.file).write_all(&new) {
            // A full disk accepted a part. If truncating fails here, the next append truncates.
            drop(self.file.set_len(self.end));
            return Err(error);
        }
        self.end += new.len() as u64;
        notes
            .iter()
            .try_for_each(|(record, place)| self.places.record(record, *place))
            .map_err(refused)
    }

    /// Reads the details of a torrent.
    pub(super) fn read_details(&self, torrent: InfoHash) -> Option<TorrentDetails> {
        let RecordLocation { offset, len, .. } = self.places.torrent(torrent)?;
        let mut line = vec![0; usize::try_from(len).ok()?];
        self.file.read_exact_at(&mut line, offset).ok()?;
        let record = LogRecord::parse(line.strip_suffix(b"\n")?).ok()?;
        let details = TorrentDetails::from(record.value::<WireDetails>().ok()?);
        (details.info_hash == torrent).then_some(details)
    }
}

/// Consecutive lines of a log: some [`APPEND_BYTES`], or one longer line.
#[derive(Debug, Default)]
struct LogPart {
    bytes: Vec<u8>,
    /// The offset of each line in the file, and its range in `bytes`.
    lines: Vec<(u64, Range<usize>)>,
    /// The end of its last line, as an offset in the file.
    end: u64,
    /// Whether no complete lines follow.
    is_last: bool,
}

impl LogPart {
    /// Replaces it with the next lines.
    ///
    /// # Errors
    /// Those of the reader, and [`ErrorKind::Unsupported`] if a later version wrote the log.
    fn read(&mut self, lines: &mut LogLines<impl BufRead>) -> io::Result<()> {
        self.bytes.clear();
        self.lines.clear();
        while self.bytes.len() < APPEND_BYTES {
            let Some(line) = lines.next_line()?.filter(|line| line.is_ended) else {
                self.is_last = true;
                return Ok(());
            };
            self.end = line.offset + line.bytes.len() as u64 + 1;
            if line.offset == 0 && is_head(line.bytes).map_err(refused)? || line.bytes.is_empty() {
                continue;
            }
            let start = self.bytes.len();
            self.bytes.extend_from_slice(line.bytes);
            self.lines.push((line.offset, start..self.bytes.len()));
        }
        Ok(())
    }

    /// Parses one of its lines.
    ///
    /// # Errors
    /// [`BadRecord::Newer`], if a later version wrote it.
    fn line(&self, (offset, range): &(u64, Range<usize>)) -> Result<LogLine<'_>, BadRecord> {
        let bytes = self.bytes.get(range.clone()).unwrap_or_default();
        let record = match LogRecord::parse(bytes) {
            Ok(record) => Some(record),
            Err(BadRecord::Damaged) => None,
            Err(BadRecord::Newer) => return Err(BadRecord::Newer),
        };
        let place = RecordLocation {
            offset: *offset,
            len: u32::try_from(bytes.len() + 1).unwrap_or(u32::MAX),
            crc: record.map_or(0, |record| record.crc),
        };
        Ok(LogLine { bytes, record, place })
    }
}

/// Returns the first line of a log.
pub(super) fn head() -> Vec<u8> {
    format!("{FORMAT}{VERSION}\n").into_bytes()
}

/// Returns whether this is the first line of a log that this program can read.
fn is_head(line: &[u8]) -> Result<bool, BadRecord> {
    let Some(version) = line.strip_prefix(FORMAT.as_bytes()) else { return Ok(false) };
    // A later version may have more words.
    let version = version.split(|byte| *byte == b' ').next().unwrap_or_default();
    let version = str::from_utf8(version).ok().and_then(|word| word.parse::<u32>().ok());
    if version.is_some_and(|version| version > VERSION) {
        return Err(BadRecord::Newer);
    }
    Ok(version == Some(VERSION))
}

fn refused(why: BadRecord) -> io::Error {
    io::Error::new(ErrorKind::Unsupported, why)
}

/// Returns whether an error means that this user may not write, or that the file system is
/// read-only.
pub(super) fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(0o600);
    options
}
