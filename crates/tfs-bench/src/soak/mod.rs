//! Random readers, walkers and faults for minutes or hours, with real rqbits and a real mount: no
//! wrong bytes, no hangs, no leaks.
//!
//! `cargo xtask soak --minutes N --seed S` runs it. The seed determines the faults, and the actions
//! of each reader; the scheduler of the machine determines their interleaving.

mod commander;
mod findings;
mod held;
mod library;
mod reader;
mod task;
mod trouble;
mod worker;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use tfs_testkit::isolate;
use tfs_testkit::random::Random;
use tfs_testkit::rqbit::{Backend, FakeRqbit, FaultKind, Schedule, Spell, Trouble};
use tfs_testkit::until::until;

use self::findings::{Findings, SharedFindings};
use self::held::HeldResources;
use self::library::SoakLibrary;
pub(crate) use self::reader::{MARK as READER_MARK, run as read};
use self::task::ReadMethod;
use self::trouble::{EventCounts, TroubledServer};
use crate::figures::{FILE, FigureReport, FigureRow, Want, count, megabytes, table};
use crate::mount::TfsMount;
use crate::process;
use crate::rqbits::{Rqbits, limit_downloads};

/// The argument before the minutes and the seed.
pub(crate) const MARK: &str = "--soak";

/// The mounts: one that reads everything over HTTP, and one that also reads from the server's disk.
const MOUNTS: [(&str, &str); 2] = [("wire", "off"), ("disk", "auto")];

/// The log of a mount, in its directory.
const LOG: &str = "log";

/// How long a read may take in the mount of the soak.
const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// `--read-timeout-max`: how long a read waits while its torrent downloads. With the default of ten
/// minutes, a slow download and a hang would look alike.
const READ_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// How long a read call may take. A call of 64 KiB may cover two requests of the kernel, and a page
/// whose read-ahead has failed is requested once more; each may wait until its own deadline. The
/// rest is for a loaded machine.
const READ_MAX: Duration = Duration::from_secs(3 * READ_TIMEOUT_MAX.as_secs() + 4);

/// How long any other call may take on a loaded machine. None of them waits for the server.
const CALL_MAX: Duration = Duration::from_secs(5);

/// The fraction of the time after which the caches are warm, as a divisor.
const WARM_UP: u32 = 5;

/// The maximum growth of memory between two idle moments: the allocator's pools of some threads
/// have free ends of up to 4 MiB (`tfs-service/src/memory.rs`). A leak of a hundred bytes for each
/// of some 100,000 reads is larger.
const GROWTH_MAX_BYTES: u64 = 12_000_000;

/// From this run time on, each kind of fault must have occurred: there is one every five seconds.
const WHOLE_RUN: Duration = Duration::from_secs(300);

/// The mounts, the library and the faulty server.
struct SoakRun<'a> {
    library: &'a SoakLibrary,
    proxy: &'a FakeRqbit,
    server: TroubledServer<'a>,
    mounts: &'a [TfsMount],
    findings: &'a SharedFindings,
    random: Random,
    spoiling: Schedule<Spell>,
    trouble: Schedule<Trouble>,
    counts: EventCounts,
}

/// Runs the soak in a child process, or is that child.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let [minutes, seed] = arguments else {
        println!("soak: minutes and seed are wanted");
        return ExitCode::FAILURE;
    };
    let (minutes, seed) = (minutes.parse::<u32>().unwrap(), seed.parse::<u64>().unwrap());
    let time = Duration::from_secs(60) * minutes;
    if let Some(dir) = isolate::child_dir() {
        soak(&mut FigureReport::new("soak", &dir), &dir, time, seed);
        return ExitCode::SUCCESS;
    }
    println!("soak: {minutes} min, seed {seed}, {}", crate::runner::build());
    // The start and the end take a minute or two, and waiting for resources some more.
    let limit = time + Duration::from_secs(600);
    let ended = isolate::run_program(&[MARK, &arguments[0], &arguments[1]], limit);
    let found = ended.read(FILE).unwrap_or_default();
    let mut rows: Vec<FigureRow> =
        found.lines().filter_map(|line| FigureRow::parse("soak", line)).collect();
    if let Err(reason) = ended.verdict {
        println!("soak: the child {reason}");
        rows.push(FigureRow::failed("soak", &reason));
    }
    println!("\n{}", table(&rows));
    let missed = rows.iter().filter(|row| row.is_missed()).count();
    println!("seed {seed}: {} figures, {missed} not as wanted", rows.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn soak(report: &mut FigureReport, dir: &Path, time: Duration, seed: u64) {
    report.step("torrents are made and downloaded");
    let mut rqbits = Rqbits::start(library::torrents().apart(&["rqbit"]));
    let stay: Vec<_> = rqbits.swarm.torrents().to_vec();
    stay.iter().for_each(|torrent| rqbits.wait_finished(torrent));
    limit_downloads(&mut rqbits);
    let address = rqbits.swarm.api_url().trim_start_matches("http://").parse().unwrap();
    let proxy = FakeRqbit::start(Backend::Server(address)).unwrap();
    let mounts = MOUNTS.map(|(name, local_paths)| {
        let home = dir.join(name);
        fs::create_dir(&home).unwrap();
        let log = home.join(LOG);
        let [timeout, timeout_max] =
            [READ_TIMEOUT, READ_TIMEOUT_MAX].map(|time| format!("{}s", time.as_secs()));
        let waits = ["--read-timeout", &timeout, "--read-timeout-max", &timeout_max];
        let rest = ["--local-paths", local_paths, "--log-file", log.to_str().unwrap()];
        let fronts = ["--webdav", "127.0.0.1:0", "--nfs", "127.0.0.1:0"];
        TfsMount::new(&home, &proxy.url(), &[&waits[..], &rest, &fronts].concat())
    });
    let library = SoakLibrary::new(&mounts, rqbits.swarm.torrents());
    until("all torrents are there", || {
        let files = library.files();
        files.iter().all(|file| file.path.exists()).then_some(())
    });

    let findings = SharedFindings::default();
    let mut random = Random::new(seed);
    let mut stage = SoakRun {
        library: &library,
        proxy: &proxy,
        server: TroubledServer::new(rqbits, &library),
        mounts: &mounts,
        findings: &findings,
        spoiling: Schedule::of_answers(random.number()),
        trouble: Schedule::of_server(random.number()),
        random,
        counts: EventCounts::new(),
    };
    stage.play(report, time);
    tell_logs(report, dir);
}

impl SoakRun<'_> {
    fn play(&mut self, report: &mut FigureReport, time: Duration) {
        self.prove_that_held_is_found();
        let at_start = self.memory();
        report.step("warm-up");
        self.phase(time / WARM_UP);
        self.check_all();
        let warm = self.settle(None);
        let rest = time - time / WARM_UP;
        report.step("the first half");
        self.phase(rest / 2);
        let in_the_middle = self.memory();
        report.step("the second half");
        self.phase(rest - rest / 2);
        report.step("everything is well again");
        self.check_all();
        let end = self.settle(Some(&warm));

        tell_work(report, &self.findings.snapshot());
        let troubles = if time < WHOLE_RUN { Want::Nothing } else { Want::AtLeast(1.0) };
        tell_faults(report, &self.counts, troubles, &self.proxy.done());
        for (idx, (name, _)) in MOUNTS.iter().enumerate() {
            let memory = [at_start[idx], in_the_middle[idx]];
            tell_held(report, name, memory, &warm[idx], &end[idx]);
        }
    }

    /// Checks that held resources are detected: otherwise the check at the end could not fail.
    fn prove_that_held_is_found(&self) {
        let files = self.library.files();
        for mount in self.mounts {
            let before = HeldResources::settled(mount, None);
            let known = files.iter().find(|file| file.path.starts_with(&mount.path)).unwrap();
            let held = File::open(&known.path).unwrap();
            let left = HeldResources::of(mount).leftovers(&before);
            // A file of the state may be open for a moment.
            assert!(left.iter().any(|it| it == "open files: 1, not 0 at most"), "{left:?}");
            drop(held);
        }
    }

    /// Reads, walks and injects faults for a while.
    fn phase(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        let (library, findings, proxy, mounts) =
            (self.library, self.findings, self.proxy, self.mounts);
        // Two readers of the most common methods.
        let ways = [&ReadMethod::ALL[..], &[ReadMethod::Sequential, ReadMethod::Random]].concat();
        let randoms: Vec<_> = ways.iter().map(|_| self.random.fork()).collect();
        let command_random = self.random.fork();
        let spoiling = &mut self.spoiling;
        let spoiled = thread::scope(|scope| {
            for (way, random) in ways.into_iter().zip(randoms) {
                scope.spawn(move || worker::run(way, random, library, findings, deadline));
            }
            let commander =
                scope.spawn(move || commander::run(mounts, command_random, findings, deadline));
            let spoiler = scope.spawn(move || trouble::spoil(spoiling, proxy, deadline));
            let mut counts = self.server.trouble(&mut self.trouble, deadline);
            counts.extend(spoiler.join().unwrap());
            counts.insert(trouble::COMMANDS, commander.join().unwrap());
            counts
        });
        for (name, count) in spoiled {
            *self.counts.entry(name).or_default() += count;
        }
    }

    /// Reads every file of the permanent torrents: there are no faults any more, and no byte may be
    /// wrong.
    fn check_all(&self) {
        self.accept_removals();
        self.mounts.iter().for_each(|mount| drop(HeldResources::settled(mount, None)));
        for file in self.library.files().iter().filter(|file| !file.is_guest) {
            // A failure is cached for a second.
            let mut first = None;
            let read = until("the file reads", || {
                let read = file.content.check_file(&file.path);
                let is_first = first.is_none();
                first.get_or_insert_with(|| format!("{read:?}"));
                (read.is_ok() || !is_first).then_some(read)
            });
            if let Err(error) = read {
                let path = file.path.display();
                self.findings.on_unexpected(format!("when all is well again, {path}: {error}"));
            }
        }
    }

    /// Accepts the removal of torrents that a restarted server no longer lists. The server was
    /// killed before a mount saw their removal, so the mount keeps them for days.
    fn accept_removals(&self) {
        for mount in self.mounts {
            let mut refresh = mount.command();
            refresh.args(["refresh", "--accept-removals"]).arg(&mount.path);
            until("removals are accepted", || {
                refresh.output().unwrap().status.success().then_some(())
            });
        }
    }

    /// Drops all caches, and waits until no more resources are held than before.
    fn settle(&self, before: Option<&[HeldResources]>) -> Vec<HeldResources> {
        self.accept_removals();
        let settled = self.mounts.iter().enumerate().map(|(idx, mount)| {
            // Memory of streams that are still open would be freed only to the allocator.
            drop(HeldResources::settled(mount, None));
            let mut clear = mount.command();
            let clear = clear.args(["cache", "clear"]).arg(&mount.path).output().unwrap();
            assert!(clear.status.success(), "{clear:?}");
            HeldResources::settled(mount, before.map(|before| &before[idx]))
        });
        settled.collect()
    }

    /// Returns the memory of each mount.
    fn memory(&self) -> Vec<u64> {
        self.mounts.iter().map(|mount| process::resident(mount.pid())).collect()
    }
}

fn tell_work(report: &mut FigureReport, findings: &Findings) {
    let none = Want::AtMost(0.0);
    let all = findings.all();
    let whole = |number: u64| count(usize::try_from(number).unwrap());
    report.figure("reads", whole(all.reads), "", Want::AtLeast(1.0));
    report.figure("bytes read and compared", megabytes(all.bytes), "MB", Want::AtLeast(1.0));
    for way in ReadMethod::ALL {
        let name = way.name();
        let outcome = findings.by_way.get(&way).cloned().unwrap_or_default();
        let errors = outcome.error_count();
        let did = whole(outcome.calls - errors);
        let unit = format!("and {errors} errors");
        report.figure(&format!("{name}: calls"), did, &unit, Want::AtLeast(1.0));
        report.time(&format!("{name}: the longest call"), outcome.worst, Want::Nothing);
    }
    for (error, number) in &all.errors {
        report.figure(&format!("error {error}"), whole(*number), "", Want::Nothing);
    }
    report.figure("readers killed", whole(findings.killed), "", Want::Nothing);
    report.time("a killed reader is gone after at most", findings.freed_worst, Want::Nothing);
    report.figure("wrong bytes", count(findings.wrong.len()), "", none);
    report.figure("hangs", count(findings.hangs.len()), "", none);
    report.figure("errors without a reason", count(findings.unexpected.len()), "", none);
}

/// Reports the faults, and checks that each kind occurred.
fn tell_faults(
    report: &mut FigureReport,
    counts: &EventCounts,
    troubles: Want,
    done: &BTreeMap<FaultKind, u64>,
) {
    let whole = |number: Option<&u64>| count(usize::try_from(*number.unwrap_or(&0)).unwrap());
    for name in [trouble::COMMANDS].into_iter().chain(Spell::NAMES).chain(Trouble::NAMES) {
        report.figure(name, whole(counts.get(name)), "", troubles);
    }
    for kind in FaultKind::RANDOM {
        let name = format!("answers {kind}");
        report.figure(&name, whole(done.get(&kind)), "", Want::AtLeast(1.0));
    }
}

/// Reports the resources of a mount, and its memory at the start and in the middle.
fn tell_held(
    report: &mut FigureReport,
    name: &str,
    memory: [u64; 2],
    warm: &HeldResources,
    end: &HeldResources,
) {
    let leftovers = end.leftovers(warm);
    leftovers.iter().for_each(|left| println!("soak: LEFT OVER {name}: {left}"));
    println!("soak: {name}, after the warm-up {warm:?}\nsoak: {name}, at the end {end:?}");
    let left = count(leftovers.len());
    report.figure(&format!("{name}: leftovers"), left, "", Want::AtMost(0.0));
    let [at_start, in_the_middle] = memory;
    for (when, bytes) in [
        ("at the start", at_start),
        ("after the warm-up, caches cleared", warm.resident_bytes),
        ("in the middle, under load", in_the_middle),
        ("at the end, caches cleared", end.resident_bytes),
    ] {
        report.figure(&format!("{name}: RSS {when}"), megabytes(bytes), "MB", Want::Nothing);
    }
    let growth = end.resident_bytes.saturating_sub(warm.resident_bytes);
    let max = Want::AtMost(megabytes(GROWTH_MAX_BYTES));
    report.figure(&format!("{name}: RSS grew by"), megabytes(growth), "MB", max);
}

/// Reports the logs of the mounts: an error in a log is a bug.
fn tell_logs(report: &mut FigureReport, dir: &Path) {
    for (name, _) in MOUNTS {
        let log = fs::read_to_string(dir.join(name).join(LOG)).unwrap_or_default();
        let bugs: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
        bugs.iter().for_each(|line| println!("soak: LOG {name}: {line}"));
        report.figure(
            &format!("{name}: bugs in the log"),
            count(bugs.len()),
            "",
            Want::AtMost(0.0),
        );
    }
}
