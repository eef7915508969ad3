//! What was downloaded because programs read missing data, by program.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tfs_api::status::ProgramDownloads;
use tfs_api::wire::client_name;
use tfs_sys::process::shown_name;
use vfs_core::{FileId, HandleId, ReaderOrigin};

/// Maximum number of programs that are counted by name: a process chooses its own name.
const PROGRAMS_MAX: usize = 32;

/// The name that further programs share.
const OTHER: &str = "other";

/// The name of a process that has exited before its name was read, or that cannot be seen from
/// here.
pub(super) const UNKNOWN: &str = "unknown";

/// Maximum number of different files that are counted for a program.
const FILES_MAX: usize = 1024;

const HOUR: u64 = 3600;

/// How many hours are listed, the present one included.
const HOURS: u64 = 24;

/// For how long a file is known after it was seen last: parts of its downloads come from several
/// servers, at different times.
const CLOSED_TIME: Duration = Duration::from_secs(60);

/// The downloads of the programs that read files of a mount. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct DownloadLog(Arc<Mutex<DownloadTable>>);

/// Bytes that a handle downloaded so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct HandleDownload {
    pub(super) handle: HandleId,
    pub(super) file: FileId,
    pub(super) bytes: u64,
    /// Whether the handle is closed. Each of its entries is then another server's part.
    pub(super) is_closed: bool,
}

#[derive(Debug, Default)]
struct DownloadTable {
    handles: HashMap<HandleId, CountedHandle>,
    programs: BTreeMap<String, ProgramCount>,
}

/// What was counted of a handle.
#[derive(Debug, Default)]
struct CountedHandle {
    counted: u64,
    /// The parts that were reported after it was closed.
    closed: u64,
    /// The time of its last entry, since the mount was started.
    seen_at: Duration,
}

#[derive(Debug, Default)]
struct ProgramCount {
    bytes: u64,
    /// Bytes by hour since the start of the mount, oldest first; at most [`HOURS`].
    hours: VecDeque<(u64, u64)>,
    /// The hour in which each file was downloaded last.
    files: HashMap<FileId, u64>,
}

impl fmt::Debug for DownloadLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DownloadLog").finish_non_exhaustive()
    }
}

/// Returns the name of a client on the network.
pub(super) fn client(origin: &ReaderOrigin) -> String {
    let who = client_name(Some(&origin.peer), origin.agent.as_deref()).unwrap_or_default();
    shown_name(&format!("{} {who}", origin.front))
}

impl DownloadLog {
    /// Returns the programs with what was downloaded until `now`, which is the time since the start
    /// of the mount; those with the most bytes of the last 24 hours first.
    pub(crate) fn list(&self, now: Duration) -> Vec<ProgramDownloads> {
        let first = first_hour(now);
        let table = self.lock();
        let programs = table.programs.iter().map(|(name, count)| ProgramDownloads {
            program: name.clone(),
            bytes: count.bytes,
            day_bytes: count.hours.iter().filter(|it| it.0 >= first).map(|it| it.1).sum(),
            day_files: count.files.values().filter(|hour| **hour >= first).count() as u64,
        });
        let mut programs: Vec<_> = programs.collect();
        drop(table);
        programs.sort_by_key(|it| std::cmp::Reverse((it.day_bytes, it.bytes)));
        programs
    }

    /// Counts what a handle downloaded since its last entry. `name` returns its program, and is
    /// called only if there is something to count.
    pub(super) fn add(
        &self,
        now: Duration,
        entry: HandleDownload,
        name: impl FnOnce(HandleId) -> String,
    ) {
        let HandleDownload { handle, file, bytes, is_closed } = entry;
        if bytes == 0 {
            return;
        }
        let mut table = self.lock();
        let known = table.handles.entry(handle).or_default();
        known.seen_at = now;
        let total = if is_closed {
            known.closed = known.closed.saturating_add(bytes);
            known.closed
        } else {
            bytes
        };
        let new_bytes = total.saturating_sub(known.counted);
        known.counted = known.counted.max(total);
        drop(table);
        if new_bytes > 0 {
            self.lock().count(now, name(handle), file, new_bytes);
        }
    }

    /// Forgets handles that were seen last some time ago.
    pub(super) fn forget_closed(&self, now: Duration) {
        let is_new = |known: &CountedHandle| now.saturating_sub(known.seen_at) < CLOSED_TIME;
        self.lock().handles.retain(|_, known| is_new(known));
    }

    fn lock(&self) -> MutexGuard<'_, DownloadTable> {
        // Nothing panics under the lock, and the table is consistent after each step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DownloadTable {
    fn count(&mut self, now: Duration, name: String, file: FileId, bytes: u64) {
        let is_known = self.programs.contains_key(&name) || self.programs.len() < PROGRAMS_MAX;
        let name = if is_known { name } else { OTHER.to_owned() };
        let count = self.programs.entry(name).or_default();
        count.bytes = count.bytes.saturating_add(bytes);
        let (hour, first) = (now.as_secs() / HOUR, first_hour(now));
        while count.hours.front().is_some_and(|it| it.0 < first) {
            count.hours.pop_front();
        }
        match count.hours.back_mut() {
            Some((last, sum)) if *last == hour => *sum = sum.saturating_add(bytes),
            _ => count.hours.push_back((hour, bytes)),
        }
        if count.files.len() >= FILES_MAX && !count.files.contains_key(&file) {
            count.files.retain(|_, last| *last >= first);
        }
        if count.files.len() < FILES_MAX || count.files.contains_key(&file) {
            count.files.insert(file, hour);
        }
    }
}

/// Returns the first hour that is listed.
fn first_hour(now: Duration) -> u64 {
    (now.as_secs() / HOUR + 1).saturating_sub(HOURS)
}

#[cfg(test)]
mod tests {
    use vfs_core::{FileIndex, InfoHash};

    use super::*;

    const START: Duration = Duration::ZERO;

    fn entry(handle: u64, file: u32, bytes: u64, is_closed: bool) -> HandleDownload {
        let torrent = InfoHash::from_bytes([1; InfoHash::BYTES]);
        let file = FileId { torrent, index: FileIndex(file) };
        HandleDownload { handle: HandleId(handle), file, bytes, is_closed }
    }

    #[track_caller]
    fn check(log: &DownloadLog, now: Duration, want: &[(&str, u64, u64, u64)]) {
        let list = log.list(now);
        let list: Vec<_> = list
            .iter()
            .map(|it| (it.program.as_str(), it.bytes, it.day_bytes, it.day_files))
            .collect();
        assert_eq!(list, want);
    }

    #[test]
    fn bytes_of_open_and_closed_handles_count_once() {
        let log = DownloadLog::default();
        let mpv = |_| "mpv".to_owned();
        log.add(START, entry(1, 0, 0, false), |_| panic!("nothing was downloaded"));
        log.add(START, entry(1, 0, 100, false), mpv);
        log.add(START, entry(1, 0, 100, false), |_| panic!("nothing is new"));
        log.add(START, entry(1, 0, 150, false), mpv);
        check(&log, START, &[("mpv", 150, 150, 1)]);
        // Parts of two servers.
        log.add(START, entry(1, 0, 120, true), |_| panic!("nothing is new"));
        log.add(START, entry(1, 0, 40, true), mpv);
        check(&log, START, &[("mpv", 160, 160, 1)]);
        // A file that was opened and closed between two looks.
        log.add(START, entry(2, 7, 1000, true), |_| "ffprobe".to_owned());
        check(&log, START, &[("ffprobe", 1000, 1000, 1), ("mpv", 160, 160, 1)]);
        log.forget_closed(CLOSED_TIME / 2);
        assert_eq!(log.lock().handles.len(), 2);
        log.forget_closed(CLOSED_TIME);
        assert_eq!(log.lock().handles.len(), 0);
    }

    #[test]
    fn a_day_is_24_hours_and_the_total_stays() {
        let log = DownloadLog::default();
        let hour = |hour: u64| Duration::from_secs(hour * HOUR);
        for at in 0..30 {
            log.add(hour(at), entry(at, 0, 10, true), |_| "mpv".to_owned());
        }
        check(&log, hour(29), &[("mpv", 300, 240, 1)]);
        check(&log, hour(52), &[("mpv", 300, 10, 1)]);
        check(&log, hour(53), &[("mpv", 300, 0, 0)]);
        assert!(log.lock().programs["mpv"].hours.len() <= 24);
    }

    #[test]
    fn programs_and_files_are_bounded() {
        let log = DownloadLog::default();
        for number in 0..3000 {
            let name = |_| (number % 100).to_string();
            log.add(START, entry(number, u32::try_from(number).unwrap(), 1, true), name);
        }
        let list = log.list(START);
        assert_eq!((list.len(), list[0].program.as_str()), (PROGRAMS_MAX + 1, OTHER));
        assert_eq!((list[0].bytes, list[0].day_files), (30 * 68, FILES_MAX as u64));
    }

    #[test]
    fn clients_are_named_by_front_end_address_and_product() {
        let origin = |agent: Option<&str>| ReaderOrigin {
            front: "webdav",
            peer: "10.0.0.2".to_owned(),
            agent: agent.map(str::to_owned),
        };
        assert_eq!(client(&origin(Some("VLC/3.0 LibVLC"))), "webdav 10.0.0.2 VLC/3.0");
        assert_eq!(client(&origin(Some("\u{1b}[31m"))), "webdav 10.0.0.2 \\u{1b}[31m");
        assert_eq!(client(&origin(None)), "webdav 10.0.0.2");
    }
}
