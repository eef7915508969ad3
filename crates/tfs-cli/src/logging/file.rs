//! A log file of bounded size.
//!
//! Why it is not tracing-appender: `docs/dev/adr/0025-log-file-and-journal.md`.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The maximum size of the file. With the three old files, the log takes 40 MiB at most.
const FILE_BYTES_MAX: u64 = 10 << 20;

/// The number of old files that are kept; `FILE.1` is the newest.
const OLD_FILE_COUNT: u32 = 3;

/// A log file that all threads write to. Clones share the file.
#[derive(Debug, Clone)]
pub(super) struct LogFile {
    /// Protects the position and the name. Held while a line is written or the file is reopened.
    file: Arc<Mutex<RotatingFile>>,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Arc::new(Mutex::new(RotatingFile::open(path)?)) })
    }

    /// Reopens the file by name. Creates it if another program, such as logrotate, has moved the
    /// old one away.
    ///
    /// # Errors
    /// If it cannot be opened; then logging continues in the old file.
    pub(super) fn reopen(&self) -> io::Result<()> {
        self.lock().reopen()
    }

    fn lock(&self) -> MutexGuard<'_, RotatingFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lock().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

/// A rotating log file. Every line is written immediately, so that none is lost however the process
/// ends. Processes may share it: each appends whole lines, and the one that finds it full rotates
/// it.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    bytes_max: u64,
}

impl RotatingFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: append_to(path)?, bytes_max: FILE_BYTES_MAX })
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = append_to(&self.path)?;
        Ok(())
    }

    /// Rotates the file if the name still refers to it, and creates a new one.
    fn rotate(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        let is_ours = |there: &fs::Metadata| (there.dev(), there.ino()) == (ours.dev(), ours.ino());
        if fs::metadata(&self.path).is_ok_and(|there| is_ours(&there)) {
            for number in (1..OLD_FILE_COUNT).rev() {
                // Early on there are fewer old files.
                drop(fs::rename(self.old(number), self.old(number + 1)));
            }
            fs::rename(&self.path, self.old(1))?;
        }
        self.reopen()
    }

    fn old(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Another process may have appended to it, so the length is read from the file.
        if !line.is_empty() && self.file.metadata()?.len() >= self.bytes_max {
            // A failed rotation, as in a directory without write permission, must not lose lines.
            drop(self.rotate());
        }
        self.file.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_another_program_moved_away_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("log"), dir.path().join("log.moved"));
        let mut log = LogFile::open(&path).unwrap();
        log.write_all(b"1\n").unwrap();
        fs::rename(&path, &moved).unwrap();
        log.write_all(b"2\n").unwrap();
        log.reopen().unwrap();
        log.clone().write_all(b"3\n").unwrap();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "1\n2\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "3\n");
    }

    #[test]
    fn a_full_file_is_moved_away_and_few_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let open = || RotatingFile { bytes_max: 4, ..RotatingFile::open(&path).unwrap() };
        let (mut one, mut other) = (open(), open());
        for line in ["1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "7\n", "8\n", "9\n"] {
            one.write_all(line.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            ["log", "log.1", "log.2", "log.3"].map(read),
            ["9\n", "7\n8\n", "5\n6\n", "3\n4\n"]
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
        // A process whose file another one has rotated continues in the new file.
        other.write_all(b"a\n").unwrap();
        assert_eq!(read("log"), "9\na\n");
    }
}
