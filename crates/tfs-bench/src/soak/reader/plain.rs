//! `pread`, in many variants.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::thread;

use nix::libc::O_DIRECT;
use tfs_testkit::random::Random;

use super::super::task::TaskOutcome;
use super::RunningTask;

/// The block size of copying programs.
const BLOCK_BYTES: u64 = 64 * 1024;

/// The maximum length of a sequential read.
const SEQUENTIAL_BYTES_MAX: u64 = 8 << 20;

/// The maximum length of one direct read, as for players and databases.
const DIRECT_BYTES_MAX: u64 = 1 << 20;

const PAGE_BYTES: u64 = 4096;

const PAGE: usize = 4096;

const RANDOM_READS: usize = 16;

const DIRECT_READS: usize = 8;

const THREADS: usize = 4;

pub(super) fn sequential(running: &mut RunningTask) {
    let Some(file) = running.open() else { return };
    let content = running.task.content;
    let mut offset = if running.random.chance(30) { 0 } else { running.offset() };
    let end = offset + running.random.range(0, SEQUENTIAL_BYTES_MAX);
    let mut block = vec![0; running.len(BLOCK_BYTES)];
    while offset < end && running.goes_on() {
        match running.outcome.read(content, offset, &mut block, |buf| file.read_at(buf, offset)) {
            Some(0) => break,
            Some(len) => offset += len,
            None => {}
        }
    }
}

pub(super) fn random(running: &mut RunningTask) {
    let Some(file) = running.open() else { return };
    let content = running.task.content;
    for _ in 0..RANDOM_READS {
        let (offset, len) = (running.offset(), running.len(BLOCK_BYTES));
        let mut block = vec![0; len];
        running.outcome.read(content, offset, &mut block, |buf| file.read_at(buf, offset));
        if !running.goes_on() {
            break;
        }
    }
}

pub(super) fn direct(running: &mut RunningTask) {
    let path = running.task.path.clone();
    let open = || OpenOptions::new().read(true).custom_flags(O_DIRECT).open(path);
    let Some(file) = running.outcome.timed("open", open) else { return };
    let content = running.task.content;
    for _ in 0..DIRECT_READS {
        // Local files are read by the rules of their disk: in whole pages, into aligned buffers.
        let offset = running.offset() / PAGE_BYTES * PAGE_BYTES;
        let len = running.len(DIRECT_BYTES_MAX / PAGE_BYTES) * PAGE;
        let mut memory = vec![0; len + PAGE];
        let start = memory.as_ptr().align_offset(PAGE);
        let block = &mut memory[start..start + len];
        running.outcome.read(content, offset, block, |buf| file.read_at(buf, offset));
        if !running.goes_on() {
            break;
        }
    }
}

/// Each thread reads at its own offsets, by the same descriptor.
pub(super) fn shared(running: &mut RunningTask) {
    let Some(file) = running.open() else { return };
    let content = running.task.content;
    let randoms: Vec<Random> = (0..THREADS).map(|_| running.random.fork()).collect();
    let outcomes: Vec<TaskOutcome> = thread::scope(|scope| {
        let start = |mut random: Random| {
            let file = &file;
            scope.spawn(move || {
                let mut outcome = TaskOutcome::default();
                for _ in 0..RANDOM_READS / 2 {
                    let offset = random.range(0, content.len());
                    let len = usize::try_from(random.range(1, BLOCK_BYTES)).unwrap();
                    let mut block = vec![0; len];
                    outcome.read(content, offset, &mut block, |buf| file.read_at(buf, offset));
                    if outcome.error_count() > 0 {
                        break;
                    }
                }
                outcome
            })
        };
        let threads: Vec<_> = randoms.into_iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    outcomes.into_iter().for_each(|outcome| running.outcome.add(outcome));
}
