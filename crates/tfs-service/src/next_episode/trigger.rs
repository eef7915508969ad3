//! When a file counts as played: decided by what its readers have read.

use std::collections::HashMap;
use std::time::Duration;

use vfs_core::{FileId, HandleId};

/// Part of a file, in percent, from which the next one is preloaded.
const PLAYED_PERCENT: u64 = 80;

/// Length in bytes of a run of reads that no scanner makes, see `facts/scanners.md`: the longest
/// read at the end of a file had 7 MiB.
const RUN_BYTES: u64 = 16 << 20;

/// Part of a file, in percent, that has to be read in a row for files below 320 MiB. It counts only
/// for runs that began before the last fifth, where no scanner reads that much.
const RUN_PERCENT: u64 = 5;

/// A reader that reads on in order for this long plays the file, however slow it is.
const READING_TIME: Duration = Duration::from_secs(60);

/// How long a file is remembered after its last reader beyond 80 %: a seek, or a new start of the
/// player, repeats nothing.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Maximum number of remembered files.
const REMEMBERED_MAX: usize = 1024;

/// How far a reader is.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlayPosition {
    pub(super) handle: HandleId,
    pub(super) file: FileId,
    pub(super) file_len: u64,
    /// End offset of the last read.
    pub(super) offset: u64,
    /// Length in bytes of the run of adjoining reads that ends there.
    pub(super) run_bytes: u64,
}

/// Decides for which files the next one is preloaded. A file counts once, with any number of
/// readers.
#[derive(Debug, Default)]
pub(super) struct NextTrigger {
    /// The runs of open readers.
    runs: HashMap<HandleId, ReaderRun>,
    /// The files that were played, and when a reader was last beyond 80 % of them. Bounded by
    /// [`REMEMBERED_MAX`].
    played: HashMap<FileId, Duration>,
}

/// A run of adjoining reads.
#[derive(Debug, Clone, Copy)]
struct ReaderRun {
    start: u64,
    began_at: Duration,
    /// The offset at the previous look.
    offset: u64,
    /// Whether bytes were read since the previous look.
    is_read_on: bool,
}

impl NextTrigger {
    /// Returns the files whose next one is to be preloaded now. `now` is a time since any start.
    pub(super) fn on_look(&mut self, now: Duration, readers: &[PlayPosition]) -> Vec<FileId> {
        let mut runs = HashMap::new();
        let mut played = Vec::new();
        for reader in readers {
            let start = reader.offset.saturating_sub(reader.run_bytes);
            let known = self.runs.get(&reader.handle).filter(|run| run.start == start);
            let run = ReaderRun {
                start,
                began_at: known.map_or(now, |run| run.began_at),
                offset: reader.offset,
                is_read_on: known.is_some_and(|run| reader.offset > run.offset),
            };
            runs.insert(reader.handle, run);
            if !is_late(reader.offset, reader.file_len) {
                continue;
            }
            if let Some(seen_at) = self.played.get_mut(&reader.file) {
                *seen_at = now;
            } else if is_played(reader, run, now) {
                self.played.insert(reader.file, now);
                played.push(reader.file);
            }
        }
        self.runs = runs;
        self.forget(now);
        played
    }

    fn forget(&mut self, now: Duration) {
        self.played.retain(|_, seen_at| now.saturating_sub(*seen_at) < REMEMBERED);
        while self.played.len() > REMEMBERED_MAX
            && let Some((oldest, _)) = self.played.iter().min_by_key(|(_, seen_at)| **seen_at)
        {
            let oldest = *oldest;
            self.played.remove(&oldest);
        }
    }
}

fn is_late(offset: u64, file_len: u64) -> bool {
    file_len > 0 && offset >= percent(file_len, PLAYED_PERCENT)
}

fn is_played(reader: &PlayPosition, run: ReaderRun, now: Duration) -> bool {
    let PlayPosition { file_len, run_bytes, .. } = *reader;
    let is_long = run_bytes >= RUN_BYTES;
    let is_large_part =
        !is_late(run.start, file_len) && run_bytes >= percent(file_len, RUN_PERCENT).max(1);
    let is_going_on = run.is_read_on && now.saturating_sub(run.began_at) >= READING_TIME;
    is_long || is_large_part && run_bytes > 0 || is_going_on
}

fn percent(bytes: u64, percent: u64) -> u64 {
    // In this order: the length of a file comes from a torrent, and may be anything.
    bytes / 100 * percent + bytes % 100 * percent / 100
}

#[cfg(test)]
mod tests {
    use vfs_core::{FileIndex, InfoHash};

    use super::*;

    const MIB: u64 = 1 << 20;

    fn file(index: u32) -> FileId {
        FileId { torrent: InfoHash::from_bytes([1; 20]), index: FileIndex(index) }
    }

    fn at(handle: u64, file_len: u64, offset: u64, run_bytes: u64) -> PlayPosition {
        PlayPosition { handle: HandleId(handle), file: file(0), file_len, offset, run_bytes }
    }

    /// Checks whether a reader that is seen once counts as a player.
    #[track_caller]
    fn check(len_mib: u64, offset_mib: u64, run_mib: u64, want: bool) {
        let place = at(1, len_mib * MIB, offset_mib * MIB, run_mib * MIB);
        let played = NextTrigger::default().on_look(Duration::ZERO, &[place]);
        assert_eq!(!played.is_empty(), want, "{run_mib} MiB up to {offset_mib} of {len_mib}");
    }

    #[test]
    fn a_player_reads_in_order_up_to_the_last_fifth() {
        for (len, offset, run, want) in [
            (1000, 800, 800, true),
            (1000, 800, 16, true),
            (1000, 799, 799, false),
            (1000, 1000, 16, true),
            (1000, 1000, 15, false),
            // A file that is smaller: 5 % of it, but not at its end only.
            (100, 80, 5, true),
            (100, 80, 4, false),
            (100, 100, 7, false),
            (100, 100, 0, false),
            (5, 4, 4, true),
            (5, 5, 1, false),
            (0, 0, 0, false),
        ] {
            check(len, offset, run, want);
        }
        assert_eq!(percent(u64::MAX, 80), u64::MAX / 5 * 4);
    }

    #[test]
    fn a_slow_reader_that_reads_on_for_a_minute_plays() {
        let mut trigger = NextTrigger::default();
        let mut look = |seconds: u64, offset: u64, run| {
            let place = at(1, 1000 * MIB, offset, run);
            !trigger.on_look(Duration::from_secs(seconds), &[place]).is_empty()
        };
        let start = 900 * MIB;
        assert!(!look(0, start + 1, 1));
        assert!(!look(59, start + 1000, 1000));
        // It stands still.
        assert!(!look(60, start + 1000, 1000));
        // It jumps, and starts again.
        assert!(!look(61, start, 10));
        assert!(!look(120, start + 20, 30));
        assert!(look(121, start + 30, 40));
    }

    #[test]
    fn a_file_counts_once_for_all_readers_and_for_minutes() {
        let mut trigger = NextTrigger::default();
        let mut look = |seconds: u64, places: &[PlayPosition]| {
            trigger.on_look(Duration::from_secs(seconds), places).len()
        };
        let [one, other] = [1, 2].map(|handle| at(handle, 1000 * MIB, 900 * MIB, 100 * MIB));
        assert_eq!(look(0, &[one, other]), 1);
        assert_eq!(look(1, &[one]), 0);
        // It goes back, and comes again.
        assert_eq!(look(2, &[at(1, 1000 * MIB, 10 * MIB, MIB)]), 0);
        assert_eq!(look(500, &[one]), 0);
        assert_eq!(look(1000, &[]), 0);
        assert_eq!(look(1099, &[other]), 0);
        assert_eq!(look(1699, &[]), 0);
        assert_eq!(look(1700, &[other]), 1);
    }

    #[test]
    fn the_number_of_remembered_files_is_bounded() {
        let mut trigger = NextTrigger::default();
        for index in 0..2000 {
            let place = PlayPosition { file: file(index), ..at(1, MIB, MIB, MIB) };
            assert_eq!(trigger.on_look(Duration::from_millis(index.into()), &[place]).len(), 1);
        }
        assert_eq!(trigger.played.len(), REMEMBERED_MAX);
    }
}
