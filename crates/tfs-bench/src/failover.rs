//! Two servers have a film; the one in use is killed, stopped, or cut off.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::signal::Signal;
use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::until::until;

use crate::cable::Cable;
use crate::figures::{FigureReport, Want};
use crate::mount::TfsMount;
use crate::server::{FILM, FilmServer, free_address};
use crate::timing::{median, pause};

/// How often each fault happens.
const TIMES: usize = 20;

const BLOCK_BYTES: usize = 128 << 10;

/// The reader plays a film of 100 Mbit/s: it does not reach the end before a fault.
const PACE: Duration = Duration::from_millis(10);

/// The goal: a player has this much in its buffer.
const GAP_MAX: f64 = 3.0;

/// How long a reader runs undisturbed before and after a fault.
const CALM: Duration = Duration::from_millis(700);

/// A server that has sent this many bytes is the one in use: more than the previous one may still
/// have in flight.
const GIVEN_MIN: u64 = 4 << 20;

/// A reader that got this many blocks has recovered.
const BLOCKS_MIN: u64 = 100;

/// The port of a server at the far end of a cable: rqbit's.
const CABLE_PORT: u16 = 3030;

/// The progress of a reader.
#[derive(Debug, Default)]
struct ReaderProgress {
    blocks: u64,
    /// The longest time for one block since the last reset.
    longest: Duration,
    faults: Vec<String>,
    is_over: bool,
}

/// The kind of server outage.
#[derive(Debug, Clone, Copy)]
enum ServerOutage {
    Killed,
    Stopped,
    Cut,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    let mut pair =
        [FilmServer::start(free_address(), None), FilmServer::start(free_address(), None)];
    for (what, fault) in [("killed", ServerOutage::Killed), ("stopped", ServerOutage::Stopped)] {
        let dir = dir.join(what);
        std::fs::create_dir(&dir).unwrap();
        fail_over(report, &dir, &mut pair, (what, fault));
    }
    drop(pair);
    match Cable::lay(0).and_then(|first| Ok([first, Cable::lay(1)?])) {
        Ok(cables) => {
            let mut pair = [0, 1].map(|nth: usize| {
                let cable = &cables[nth];
                let address = SocketAddr::new(cable.address(), CABLE_PORT);
                FilmServer::start(address, Some(&cable.namespace()))
            });
            let dir = dir.join("cut");
            std::fs::create_dir(&dir).unwrap();
            fail_over(report, &dir, &mut pair, ("cut off", ServerOutage::Cut));
        }
        Err(why) => println!("failover: cables are not cut here: {why}"),
    }
}

/// Lets the server in use fail, repeatedly.
fn fail_over(
    report: &mut FigureReport,
    dir: &Path,
    pair: &mut [FilmServer; 2],
    (what, fault): (&str, ServerOutage),
) {
    report.step(&format!("the server that is read from is {what}, {TIMES} times"));
    let [one, two] = [0, 1].map(|n| format!("s{n}=http://{}", pair[n].address));
    let mount = TfsMount::new(dir, &one, &["--server", &two, "--memory", "16MiB"]);
    let reading = Arc::<Mutex<ReaderProgress>>::default();
    let reader = {
        let (path, reading) = (mount.path.join(FILM.0), Arc::clone(&reading));
        thread::spawn(move || read(&path, &reading))
    };
    let mut gaps = Vec::new();
    for _ in 0..TIMES {
        let serving = serving(&mount);
        reading.lock().unwrap().longest = Duration::ZERO;
        let blocks = reading.lock().unwrap().blocks;
        let other = 1 - serving;
        let before = given(&mount)[other];
        inflict(&mut pair[serving], serving, fault);
        // Read-ahead data lasts for a while, and is no evidence of a failover.
        until("the reader goes on, with what the other server gives", || {
            let goes_on = reading.lock().unwrap().blocks > blocks + BLOCKS_MIN;
            (goes_on && given(&mount)[other] > before + GIVEN_MIN).then_some(())
        });
        gaps.push(reading.lock().unwrap().longest);
        heal(&mut pair[serving], serving, fault);
        until("both servers answer", || {
            let servers = servers(&mount);
            servers.iter().all(|server| server["reachable"] == true).then_some(())
        });
        pause(CALM);
    }
    reading.lock().unwrap().is_over = true;
    reader.join().unwrap();
    let worst = gaps.iter().max().copied().unwrap_or_default();
    report.time(&format!("{what}: the longest wait, median"), median(&gaps), Want::Nothing);
    report.time(&format!("{what}: the longest wait, worst"), worst, Want::AtMost(GAP_MAX));
    let faults = reading.lock().unwrap().faults.clone();
    faults.iter().for_each(|fault| println!("failover: {fault}"));
    let count = f64::from(u32::try_from(faults.len()).unwrap());
    report.figure(&format!("{what}: errors and wrong bytes"), count, "", Want::AtMost(0.0));
}

/// Returns the server that sent the most bytes recently.
fn serving(mount: &TfsMount) -> usize {
    let before = given(mount);
    until("a server gives bytes", || {
        let now = given(mount);
        let gave = |server: &usize| now[*server] - before[*server];
        (0..2).max_by_key(gave).filter(|server| gave(server) > GIVEN_MIN)
    })
}

/// Returns how many bytes each server has sent so far.
fn given(mount: &TfsMount) -> Vec<u64> {
    servers(mount).iter().map(|it| it["bytes_fetched"].as_u64().unwrap()).collect()
}

fn servers(mount: &TfsMount) -> Vec<Value> {
    let output = mount.command().args(["status", "--json"]).output().unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    status[0]["servers"].as_array().unwrap().clone()
}

fn inflict(server: &mut FilmServer, which: usize, fault: ServerOutage) {
    match fault {
        ServerOutage::Killed => server.kill(),
        ServerOutage::Stopped => server.signal(Signal::SIGSTOP),
        ServerOutage::Cut => Cable::set(which, "down"),
    }
}

fn heal(server: &mut FilmServer, which: usize, fault: ServerOutage) {
    match fault {
        ServerOutage::Killed => server.restart(),
        ServerOutage::Stopped => server.signal(Signal::SIGCONT),
        ServerOutage::Cut => Cable::set(which, "up"),
    }
}

/// Reads the film repeatedly, at its pace.
fn read(path: &PathBuf, reading: &Mutex<ReaderProgress>) {
    let (_, seed, len) = FILM;
    let content = Content::new(seed, len);
    let file = File::open(path).unwrap();
    let mut block = vec![0; BLOCK_BYTES];
    let mut offset = 0;
    while !reading.lock().unwrap().is_over {
        let start = Instant::now();
        let got = file.read_at(&mut block, offset);
        let took = start.elapsed();
        let fault = match &got {
            Ok(read) => content.check(offset, &block[..*read]).err().map(|it| it.to_string()),
            Err(error) => Some(format!("at {offset}: {error}")),
        };
        let mut reading = reading.lock().unwrap();
        reading.blocks += 1;
        reading.longest = reading.longest.max(took);
        reading.faults.extend(fault);
        drop(reading);
        offset += got.unwrap_or(0) as u64;
        if offset >= len {
            // Cached pages would not come from a server.
            posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
            offset = 0;
        }
        pause(PACE);
    }
}
