//! A hostile server: tfs's reaction to each of its attacks, and the cost.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tfs_testkit::rqbit::{ATTACKS, Attack, Effect, HostileServer, Route};
use tfs_testkit::until::until;

use crate::figures::{FigureReport, Want, megabytes};
use crate::mount::TfsMount;
use crate::process;
use crate::timing::pause;

/// How many attacks run at a time: some wait a minute without work.
const AT_ONCE: usize = 4;

/// The most memory in MB that any attack may cost.
const PEAK_MAX: f64 = 300.0;

/// How long a listing may take meanwhile: it never waits for the server, only for a busy machine.
const LISTING_MAX: Duration = Duration::from_secs(2);

/// How long a refresh may take: the longest time for one response, and a second request.
const REFRESH_MAX: Duration = Duration::from_secs(150);

/// The result of an attack.
struct AttackOutcome {
    effect: Effect,
    /// The message about it, in brackets.
    said: String,
    took: Duration,
    peak_bytes: u64,
    listing_max: Duration,
    exfiltrated: Vec<String>,
}

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    let mut slowest = Duration::ZERO;
    let (mut exfiltrated, mut surprises) = (Vec::new(), Vec::new());
    for attacks in ATTACKS.chunks(AT_ONCE) {
        let outcomes = thread::scope(|scope| {
            let started: Vec<_> =
                attacks.iter().map(|attack| scope.spawn(|| suffer(attack, dir))).collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        for (attack, outcome) in attacks.iter().zip(outcomes) {
            let AttackOutcome {
                effect,
                said,
                took,
                peak_bytes,
                listing_max,
                exfiltrated: mut heads,
            } = outcome;
            let took = took.as_secs_f64();
            if effect != attack.effect {
                surprises.push(format!("{}: {effect}{said}, not {}", attack.name, attack.effect));
            }
            let figure = format!("{}: {effect}{said}, after {took:.1} s", attack.name);
            report.figure(&figure, megabytes(peak_bytes), "MB", Want::AtMost(PEAK_MAX));
            slowest = slowest.max(listing_max);
            exfiltrated.append(&mut heads);
        }
    }
    report.time("the slowest listing meanwhile", slowest, Want::AtMost(LISTING_MAX.as_secs_f64()));
    surprises.iter().for_each(|surprise| println!("hostile: {surprise}"));
    report.figure("answers with another effect", count(&surprises), "", Want::AtMost(0.0));
    report.figure("who followed a redirect", count(&exfiltrated), "", Want::AtMost(0.0));
}

fn count(heads: &[String]) -> f64 {
    crate::figures::count(heads.len())
}

/// Mounts a hostile server, starts the attack, and records tfs's reaction during and after it.
fn suffer(attack: &'static Attack, dir: &Path) -> AttackOutcome {
    let home = dir.join(attack.name.replace([' ', '/'], "-"));
    fs::create_dir(&home).unwrap();
    let password = home.join("password");
    fs::write(&password, "secret").unwrap();
    let server = HostileServer::start(attack).unwrap();
    let options = ["--username", "me", "--password-file", password.to_str().unwrap()];
    let mut options = options.to_vec();
    options.extend(["--read-timeout", "5s"]);
    let mount = TfsMount::unhurried(&home, &server.url(), &options);
    until("it shows what is there", || mount.path.join("good").exists().then_some(()));
    process::restart_peak(mount.pid());

    let start = Instant::now();
    server.begin();
    let is_over = AtomicBool::new(false);
    let ((effect, said), listing_max) = thread::scope(|scope| {
        let listing = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            while !is_over.load(Ordering::Acquire) {
                let start = Instant::now();
                assert!(fs::read_dir(&mount.path).unwrap().count() >= 1, "{}", attack.name);
                slowest = slowest.max(start.elapsed());
                pause(Duration::from_millis(50));
            }
            slowest
        });
        let found = match attack.route {
            Route::Haves | Route::Stream => read(&mount),
            Route::List | Route::Details | Route::Metadata | Route::Stats | Route::Other => {
                refresh(&mount)
            }
        };
        is_over.store(true, Ordering::Release);
        (found, listing.join().unwrap())
    });
    let took = start.elapsed();
    assert!(server.attack_count() > 0, "{}: there was no attack", attack.name);
    assert!(mount.path.join("good/film.mkv").exists(), "{}", attack.name);
    let peak_bytes = process::peak(mount.pid());
    let exfiltrated = server.exfiltrated_requests();
    AttackOutcome { effect, said, took, peak_bytes, listing_max, exfiltrated }
}

/// Makes the mount poll the server, and returns the effect and the message.
fn refresh(mount: &TfsMount) -> (Effect, String) {
    let start = Instant::now();
    let output = mount.command().arg("refresh").arg(&mount.path).output().unwrap();
    assert!(start.elapsed() < REFRESH_MAX, "{output:?}");
    if !output.status.success() {
        let said = String::from_utf8(output.stderr).unwrap();
        let line = said.lines().next().unwrap_or_default();
        assert!(!line.chars().any(char::is_control), "{line:?}");
        let why = line.rsplit_once(": ").map_or(line, |(_, why)| why);
        return (Effect::TreeStays, format!(" ({why})"));
    }
    let is_shown = fs::read_dir(&mount.path).unwrap().count() == 2;
    (if is_shown { Effect::TorrentShown } else { Effect::RestShown }, String::new())
}

/// Reads missing data.
fn read(mount: &TfsMount) -> (Effect, String) {
    let read = fs::read(mount.path.join("good/film.mkv"));
    let error = read.expect_err("nothing that was sent can be taken for the file").to_string();
    (Effect::ReadFails, format!(" ({})", error.split(" (").next().unwrap()))
}
