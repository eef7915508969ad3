//! Readers that open random files of a library, read a little, and close them.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rqbit_client::InfoHash;
use tfs_testkit::content::Content;
use tfs_testkit::random::Random;

use super::waits::{ReadSlots, WaitingRead};
use crate::timing::pause;

/// The bytes that are read of each opened file.
const READ_BYTES: u64 = 64 * 1024;

/// A file is opened up to this often in a row.
const IN_A_ROW: u64 = 3;

/// The longest pause between two opens of a file in a row, in milliseconds.
const SHORT_GAP_MS: u64 = 20;

/// The longest pause before the next file, for one reader, in milliseconds.
const GAP_MS: u64 = 2000;

/// One file, which is a torrent.
#[derive(Debug, Clone)]
pub(crate) struct VisitedFile {
    pub(crate) path: PathBuf,
    pub(crate) torrent: InfoHash,
    pub(crate) content: Content,
}

/// One open with its read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    pub(crate) took: Duration,
    pub(crate) is_failed: bool,
}

/// Runs readers for a time, and returns their visits.
pub(crate) fn run(
    files: &[VisitedFile],
    slots: &ReadSlots,
    seed: u64,
    time: Duration,
) -> Vec<Visit> {
    let files: Arc<[VisitedFile]> = files.into();
    let readers = slots.len();
    let threads = (0..readers).map(|reader| {
        let (files, slots) = (Arc::clone(&files), Arc::clone(slots));
        let mut random = Random::new(seed * 100 + u64::try_from(reader).unwrap());
        thread::spawn(move || {
            let start = Instant::now();
            let mut visits = Vec::new();
            while start.elapsed() < time {
                // Together, the readers open as many files as one alone.
                gap(&mut random, GAP_MS * u64::try_from(readers).unwrap());
                let Some(file) = random.pick(&files) else { break };
                for _ in 0..=random.below(IN_A_ROW) {
                    visits.push(visit(&mut random, file, &slots[reader]));
                    gap(&mut random, SHORT_GAP_MS);
                }
            }
            visits
        })
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
}

fn gap(random: &mut Random, max_ms: u64) {
    pause(Duration::from_millis(random.below(max_ms)));
}

/// Opens the file, reads at a random place, and closes it.
pub(crate) fn visit(
    random: &mut Random,
    file: &VisitedFile,
    slot: &Mutex<Option<WaitingRead>>,
) -> Visit {
    let offset = random.below(file.content.len() / READ_BYTES) * READ_BYTES;
    let mut bytes = vec![0; usize::try_from(READ_BYTES).unwrap()];
    let start = Instant::now();
    *slot.lock().unwrap() = Some(WaitingRead { torrent: file.torrent, offset, start });
    let read = read_at(&file.path, offset, &mut bytes);
    let took = start.elapsed();
    *slot.lock().unwrap() = None;
    match &read {
        Ok(()) => file.content.check(offset, &bytes).unwrap(),
        Err(error) => println!("{} at {offset} after {took:?}: {error}", file.path.display()),
    }
    Visit { took, is_failed: read.is_err() }
}

fn read_at(path: &Path, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    File::open(path)?.read_exact_at(bytes, offset)
}
