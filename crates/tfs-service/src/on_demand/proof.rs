//! Decides for which files a reader is proven: one that plays or copies a file, in place of a
//! scanner, which reads parts of it.
//!
//! A reader is proven once it has read 16 MiB in a row, or has read on in order for a minute. It
//! stays proven until it closes the file, also if it seeks. The decisions see no clock and no
//! server.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tfs_types::Backoff;
use vfs_core::{FileId, HandleId};

/// Bytes in a row that prove a reader. Scanners read less: an index, or some frames.
const RUN_BYTES_MIN: u64 = 16 << 20;

/// How long a slower reader reads on in order until it is proven: one that plays music needs
/// minutes for 16 MiB.
const IN_ORDER_TIME_MIN: Duration = Duration::from_secs(60);

/// Maximum pause of a reader that reads on in order. Players read ahead, then wait.
const READ_PAUSE_MAX: Duration = Duration::from_secs(20);

/// How long a file stays selected after its last proven reader: some players open a file again for
/// a seek.
const LINGER_TIME: Duration = Duration::from_secs(10);

/// Pauses after failures to select a file.
const RETRY_PAUSES: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));

/// A reader of a file of a torrent in mode `file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeenReader {
    pub(super) handle: HandleId,
    pub(super) file: FileId,
    /// Length of its current run of adjoining reads.
    pub(super) run_bytes: u64,
}

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofStep {
    /// It has a proven reader.
    Select(FileId),
    /// Its last proven reader has gone.
    Release(FileId),
}

#[derive(Debug)]
struct ReaderProof {
    run_bytes: u64,
    /// Since when it has read on in order.
    in_order_since: Duration,
    grew_at: Duration,
    is_proven: bool,
}

#[derive(Debug)]
struct HeldFile {
    /// When it last had a proven reader.
    seen_at: Duration,
    is_selected: bool,
    /// The next attempt to select it.
    try_at: Duration,
    pause: Duration,
}

/// The readers of a server's files, and the files that have a proven one.
#[derive(Debug, Default)]
pub(super) struct ProvenReaders {
    readers: HashMap<HandleId, ReaderProof>,
    held: BTreeMap<FileId, HeldFile>,
}

impl ProvenReaders {
    /// Returns whether no file has a proven reader.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Returns the files that have a proven reader, or had one seconds ago.
    pub(super) fn held(&self) -> Vec<FileId> {
        self.held.keys().copied().collect()
    }

    /// Processes all readers that there are `now`.
    pub(super) fn observe(&mut self, now: Duration, readers: &[SeenReader]) -> Vec<ProofStep> {
        let open: HashSet<_> = readers.iter().map(|reader| reader.handle).collect();
        self.readers.retain(|handle, _| open.contains(handle));
        for SeenReader { handle, file, run_bytes } in readers {
            let known = self.readers.entry(*handle);
            let proof = known.or_insert(ReaderProof {
                run_bytes: 0,
                in_order_since: now,
                grew_at: now,
                is_proven: false,
            });
            proof.observe(now, *run_bytes);
            if proof.is_proven {
                let held = self.held.entry(*file).or_insert(HeldFile {
                    seen_at: now,
                    is_selected: false,
                    try_at: now,
                    pause: Duration::ZERO,
                });
                held.seen_at = now;
            }
        }
        let mut steps = Vec::new();
        self.held.retain(|file, held| {
            if now.saturating_sub(held.seen_at) >= LINGER_TIME {
                steps.push(ProofStep::Release(*file));
                return false;
            }
            if !held.is_selected && held.try_at <= now {
                steps.push(ProofStep::Select(*file));
            }
            true
        });
        steps
    }

    /// Processes the result of a [`ProofStep::Select`]. One that failed is repeated later.
    pub(super) fn on_selected(&mut self, now: Duration, file: FileId, is_selected: bool) {
        let Some(held) = self.held.get_mut(&file) else { return };
        held.is_selected = is_selected;
        if !is_selected {
            held.pause = RETRY_PAUSES.next(held.pause);
            held.try_at = now + held.pause;
        }
    }
}

impl ReaderProof {
    fn observe(&mut self, now: Duration, run_bytes: u64) {
        let is_pause_over = now.saturating_sub(self.grew_at) > READ_PAUSE_MAX;
        if run_bytes < self.run_bytes || (is_pause_over && run_bytes > self.run_bytes) {
            self.in_order_since = now;
        }
        if run_bytes != self.run_bytes {
            self.grew_at = now;
        }
        self.run_bytes = run_bytes;
        let reads_on = run_bytes > 0 && self.grew_at == now;
        let is_slow_proof =
            reads_on && now.saturating_sub(self.in_order_since) >= IN_ORDER_TIME_MIN;
        self.is_proven |= run_bytes >= RUN_BYTES_MIN || is_slow_proof;
    }
}

#[cfg(test)]
mod tests {
    use vfs_core::{FileIndex, InfoHash};

    use super::*;

    const MIB: u64 = 1 << 20;

    fn file(index: u32) -> FileId {
        FileId { torrent: InfoHash::from_bytes([1; 20]), index: FileIndex(index) }
    }

    /// The readers of a second: handle, file, run in MiB.
    type SecondOfReaders<'a> = (u64, &'a [(u64, u32, u64)]);

    /// Feeds a table of `second: handle file run_mib, ...`, and returns the steps with their
    /// second. All selections succeed, except in the seconds of `failing`.
    #[track_caller]
    fn check(rows: &[SecondOfReaders<'_>], failing: &[u64], want: &[&str]) {
        let mut proven = ProvenReaders::default();
        let mut got = Vec::new();
        for (second, readers) in rows {
            let now = Duration::from_secs(*second);
            let readers: Vec<_> = readers
                .iter()
                .map(|(handle, index, mib)| SeenReader {
                    handle: HandleId(*handle),
                    file: file(*index),
                    run_bytes: mib * MIB,
                })
                .collect();
            for step in proven.observe(now, &readers) {
                got.push(match step {
                    ProofStep::Select(file) => {
                        proven.on_selected(now, file, !failing.contains(second));
                        format!("{second} select {}", file.index.0)
                    }
                    ProofStep::Release(file) => format!("{second} release {}", file.index.0),
                });
            }
        }
        assert_eq!(got, want);
    }

    #[test]
    fn a_run_of_16_mib_proves_a_reader() {
        check(&[(0, &[(1, 0, 15)]), (1, &[(1, 0, 16)]), (2, &[(1, 0, 90)])], &[], &["1 select 0"]);
        // A scanner that reads several parts.
        let scan: &[(u64, &[_])] = &[
            (0, &[(1, 0, 5)]),
            (1, &[(1, 0, 2)]),
            (2, &[(1, 0, 9)]),
            (3, &[]),
            (4, &[(2, 1, 15)]),
            (70, &[(2, 1, 15)]),
            (140, &[(2, 1, 15)]),
        ];
        check(scan, &[], &[]);
    }

    #[test]
    fn a_slow_reader_is_proven_after_a_minute_in_order() {
        let slow: Vec<(u64, Vec<_>)> = (0..9).map(|it| (it * 10, vec![(1, 0, it + 1)])).collect();
        let rows: Vec<(u64, &[_])> = slow.iter().map(|(at, it)| (*at, it.as_slice())).collect();
        check(&rows, &[], &["60 select 0"]);
        // With a jump, the minute begins again.
        let jump = |at: u64| if at < 5 { at + 1 } else { at - 4 };
        let slow: Vec<(u64, Vec<_>)> =
            (0..13).map(|it| (it * 10, vec![(1, 0, jump(it))])).collect();
        let rows: Vec<(u64, &[_])> = slow.iter().map(|(at, it)| (*at, it.as_slice())).collect();
        check(&rows, &[], &["110 select 0"]);
        // An open file that is not read proves nothing, nor one that is read on once.
        let open: &[(u64, &[_])] =
            &[(0, &[(1, 0, 3)]), (59, &[(1, 0, 3)]), (100, &[(1, 0, 4)]), (101, &[(1, 0, 4)])];
        check(open, &[], &[]);
    }

    #[test]
    fn a_file_is_released_when_its_last_proven_reader_has_gone() {
        let rows: &[(u64, &[_])] = &[
            (0, &[(1, 0, 20), (2, 0, 20), (3, 0, 1)]),
            (1, &[(2, 0, 1), (3, 0, 1)]),
            (30, &[(2, 0, 2), (3, 0, 1)]),
            (31, &[(3, 0, 1)]),
            (39, &[(3, 0, 1)]),
            (40, &[(3, 0, 1)]),
            (41, &[(3, 0, 1)]),
        ];
        check(rows, &[], &["0 select 0", "40 release 0"]);
        // A player that opens the file again for a seek.
        let rows: &[(u64, &[_])] = &[
            (0, &[(1, 0, 20)]),
            (5, &[(2, 0, 1)]),
            (9, &[(2, 0, 17)]),
            (15, &[(2, 0, 30), (4, 1, 16)]),
            (25, &[(4, 1, 16)]),
            (26, &[]),
            (35, &[]),
        ];
        check(rows, &[], &["0 select 0", "15 select 1", "25 release 0", "35 release 1"]);
    }

    #[test]
    fn a_selection_that_fails_is_repeated_with_pauses() {
        let rows: Vec<(u64, &[_])> = (0..12).map(|at| (at, [(1, 0, 16)].as_slice())).collect();
        let want = ["0 select 0", "2 select 0", "6 select 0"];
        check(&rows, &[0, 2], &want);
    }
}
