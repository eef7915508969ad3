//! Programs that open many files for a moment, such as the scan of a media server.
//!
//! A file counts for its program when it is closed, if little of it was read meanwhile. Programs
//! are distinguished by name: a scanner may start a process for each file.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many bytes may be read of a file that counts. A scanner reads heads and tails; a player
/// reads this much within seconds.
const FILE_BYTES_MAX: u64 = 2 << 20;

/// How long a file counts after its release, and how long it may have been open.
const SCAN_TIME: Duration = Duration::from_secs(60);

/// The number of files in that time that make a scan.
const FILES_MIN: usize = 3;

/// Maximum number of programs. Those of further ones do not count.
const PROGRAMS_MAX: usize = 32;

/// Maximum number of files of a program, more than a disk gives in a minute. Above it, the number
/// that is shown stays there.
const FILES_MAX: usize = 8192;

/// A program that opened and closed several files in the last minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramScan {
    /// Its name, truncated to 15 bytes.
    pub command: String,
    /// The process that closed the last file.
    pub pid: u32,
    /// Different files in the last minute, at least 3; at most 8,192.
    pub files: usize,
}

/// A file that was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClosedFile {
    pub(crate) ino: u64,
    /// The process that read it, and its name.
    pub(crate) pid: u32,
    pub(crate) command: String,
    /// Bytes that the kernel requested of it.
    pub(crate) bytes: u64,
    pub(crate) open_time: Duration,
}

/// The files that were closed in the last minute, by program.
#[derive(Debug, Default)]
pub(crate) struct RecentScans {
    /// Protects the table; held for one access.
    programs: Mutex<HashMap<String, ScanningProgram>>,
}

#[derive(Debug)]
struct ScanningProgram {
    pid: u32,
    /// The inodes, and when each was last closed.
    files: HashMap<u64, Instant>,
}

impl RecentScans {
    /// Counts a file that was closed at `now`, if it was only looked at.
    pub(crate) fn on_closed(&self, now: Instant, file: ClosedFile) {
        let ClosedFile { ino, pid, command, bytes, open_time } = file;
        if bytes >= FILE_BYTES_MAX || open_time > SCAN_TIME {
            return;
        }
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if programs.len() >= PROGRAMS_MAX && !programs.contains_key(&command) {
            forget_old(&mut programs, now);
            if programs.len() >= PROGRAMS_MAX {
                return;
            }
        }
        let program = programs
            .entry(command)
            .or_insert_with(|| ScanningProgram { pid, files: HashMap::new() });
        program.pid = pid;
        if program.files.len() >= FILES_MAX && !program.files.contains_key(&ino) {
            program.forget_old(now);
            if program.files.len() >= FILES_MAX {
                return;
            }
        }
        program.files.insert(ino, now);
    }

    /// Returns the programs with several files in the last minute, those with most first.
    pub(crate) fn list(&self, now: Instant) -> Vec<ProgramScan> {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        forget_old(&mut programs, now);
        let scans = programs.iter().filter(|(_, program)| program.files.len() >= FILES_MIN);
        let scans = scans.map(|(command, program)| ProgramScan {
            command: command.clone(),
            pid: program.pid,
            files: program.files.len(),
        });
        let mut scans: Vec<_> = scans.collect();
        scans.sort_by(|one, other| {
            other.files.cmp(&one.files).then_with(|| one.command.cmp(&other.command))
        });
        scans
    }
}

impl ScanningProgram {
    fn forget_old(&mut self, now: Instant) {
        self.files.retain(|_, closed_at| now.saturating_duration_since(*closed_at) < SCAN_TIME);
    }
}

fn forget_old(programs: &mut HashMap<String, ScanningProgram>, now: Instant) {
    programs.values_mut().for_each(|program| program.forget_old(now));
    programs.retain(|_, program| !program.files.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(ino: u64, command: &str, pid: u32) -> ClosedFile {
        let (command, open_time) = (command.to_owned(), Duration::from_millis(20));
        ClosedFile { ino, pid, command, bytes: 131_072, open_time }
    }

    /// Closes files, each a second after the one before, and lists the scans `after` the last.
    #[track_caller]
    fn check(files: &[ClosedFile], after: Duration, want: &[(&str, u32, usize)]) {
        let scans = RecentScans::default();
        let mut now = Instant::now();
        for file in files {
            now += Duration::from_secs(1);
            scans.on_closed(now, file.clone());
        }
        let found = scans.list(now + after);
        let found: Vec<_> =
            found.iter().map(|scan| (scan.command.as_str(), scan.pid, scan.files)).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn several_files_of_a_program_in_a_minute_are_a_scan() {
        let files: Vec<_> = (1..=4).map(|n| closed(u64::from(n), "ffprobe", n)).collect();
        check(&files, Duration::ZERO, &[("ffprobe", 4, 4)]);
        check(&files[..2], Duration::ZERO, &[]);
        // The first one was closed three seconds before the last.
        check(&files, Duration::from_secs(57), &[("ffprobe", 4, 3)]);
        check(&files, Duration::from_secs(58), &[]);
        let mixed: Vec<_> = files.into_iter().chain((1..=3).map(|n| closed(n, "a", 9))).collect();
        check(&mixed, Duration::ZERO, &[("ffprobe", 4, 4), ("a", 9, 3)]);
    }

    #[test]
    fn files_that_are_read_and_one_file_again_are_no_scan() {
        let again = vec![closed(1, "player", 1); 9];
        check(&again, Duration::ZERO, &[]);
        let read = |n| ClosedFile { bytes: FILE_BYTES_MAX, ..closed(n, "player", 1) };
        check(&(1..9).map(read).collect::<Vec<_>>(), Duration::ZERO, &[]);
        let long = |n| ClosedFile { open_time: Duration::from_secs(61), ..closed(n, "player", 1) };
        check(&(1..9).map(long).collect::<Vec<_>>(), Duration::ZERO, &[]);
    }

    #[test]
    fn programs_and_files_are_bounded() {
        let (scans, now) = (RecentScans::default(), Instant::now());
        for program in 0..100 {
            for ino in 0..3 {
                scans.on_closed(now, closed(ino, &program.to_string(), 1));
            }
        }
        assert_eq!(scans.list(now).len(), PROGRAMS_MAX);
        for ino in 0..2 * FILES_MAX as u64 {
            scans.on_closed(now, closed(ino, "0", 1));
        }
        assert_eq!(scans.list(now)[0].files, FILES_MAX);
        let later = now + SCAN_TIME;
        scans.on_closed(later, closed(1, "late", 1));
        assert_eq!(scans.list(later), []);
        assert_eq!(scans.programs.lock().unwrap().len(), 1);
    }
}
