//! rqbit is killed and restarted in the middle of a long read.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tfs_testkit::content::Content;
use tfs_testkit::swarm::Swarm;

use crate::figures::{FigureReport, Want, megabytes};
use crate::mount::TfsMount;
use crate::rqbits::{Rqbits, film};
use crate::timing::pause;

const FILM_BYTES: u64 = 500_000_000;

/// The offset of the reader when the server is killed.
const KILLED_AT: u64 = 200_000_000;

const BLOCK_BYTES: usize = 256 * 1024;

/// How long the server is down: as for an update of a service, which stops and starts.
const AWAY: Duration = Duration::from_secs(3);

/// How long the reader may take after the restart.
const READ_MAX: Duration = Duration::from_secs(60);

/// The result of a reader.
struct RestartOutcome {
    right_bytes: u64,
    error: Option<String>,
    longest_wait: Duration,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    report.step("a read of 500 MB, and rqbit dies at 200 MB");
    let swarm = Swarm::builder().torrent(film("film.mkv", 1, FILM_BYTES)).remembering();
    let mut rqbits = Rqbits::start(swarm);
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_finished(&torrent);
    let mount = TfsMount::new(dir, &rqbits.swarm.api_url(), &[]);
    let path = mount.path.join("film.mkv");
    let content = torrent.files[0].content;
    let (reached, has_reached) = mpsc::sync_channel(0);
    let (sender, ended) = mpsc::sync_channel(1);
    thread::spawn(move || sender.send(read(&path, content, &reached)));

    has_reached.recv().unwrap();
    let killed = Instant::now();
    rqbits.kill_downloader();
    // The reader continues only now: while the server is down.
    has_reached.recv().unwrap();
    pause(AWAY);
    rqbits.start_downloader();
    report.time("rqbit was away for", killed.elapsed(), Want::Nothing);
    let outcome = ended.recv_timeout(READ_MAX).unwrap_or(RestartOutcome {
        right_bytes: 0,
        error: Some("the reader did not end".to_owned()),
        longest_wait: READ_MAX,
    });
    let RestartOutcome { right_bytes, error, longest_wait } = outcome;
    if let Some(error) = &error {
        println!("restart: the reader failed: {error}");
    }
    let right = megabytes(right_bytes);
    report.figure("right bytes", right, "MB", Want::AtLeast(megabytes(FILM_BYTES)));
    let errors = if error.is_some() { 1.0 } else { 0.0 };
    report.figure("errors that the reader got", errors, "", Want::AtMost(0.0));
    report.time("the longest wait of one read", longest_wait, Want::Nothing);
}

/// Reads the file to its end or to the first error. Stops at [`KILLED_AT`] until both messages are
/// received: the server is killed in between.
fn read(path: &Path, content: Content, reached: &mpsc::SyncSender<()>) -> RestartOutcome {
    let mut outcome = RestartOutcome { right_bytes: 0, error: None, longest_wait: Duration::ZERO };
    let mut file = File::open(path).unwrap();
    let mut block = vec![0; BLOCK_BYTES];
    let mut has_waited = false;
    loop {
        if !has_waited && outcome.right_bytes >= KILLED_AT {
            has_waited = true;
            reached.send(()).unwrap();
            reached.send(()).unwrap();
        }
        let start = Instant::now();
        let read = file.read(&mut block);
        outcome.longest_wait = outcome.longest_wait.max(start.elapsed());
        let len = match read {
            Ok(0) => return outcome,
            Ok(len) => len,
            Err(error) => {
                outcome.error = Some(error.to_string());
                return outcome;
            }
        };
        if let Err(mismatch) = content.check(outcome.right_bytes, &block[..len]) {
            outcome.error = Some(mismatch.to_string());
            return outcome;
        }
        outcome.right_bytes += u64::try_from(len).unwrap();
    }
}
