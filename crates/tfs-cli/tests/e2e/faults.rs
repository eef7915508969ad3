//! Each fault of the proxy between tfs and a real rqbit: that it takes effect, and what a reader
//! gets.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use expect_test::expect;
use nix::errno::Errno;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::{Backend, Cut, FakeRqbit, Fault, Lie, Target};
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_file, run, tfs};

const LIMIT: Duration = Duration::from_secs(180);

/// Long enough for one response in small parts, and for one that is requested again after four
/// seconds of silence, on a busy machine.
const READ_TIMEOUT: Duration = Duration::from_secs(12);

/// The latest time for a failing read: the deadline, and the delays of a busy machine.
const READ_MAX: Duration = Duration::from_secs(READ_TIMEOUT.as_secs() + 6);

const FILE_BYTES: u64 = 1 << 20;

/// A file for each part of a case, since the kernel and tfs cache data that was read; the seeds of
/// their contents.
const ONCE: (&str, u64) = ("once.bin", 1);
const ALWAYS: (&str, u64) = ("always.bin", 2);

/// How many cases run at a time: they mostly wait.
const AT_ONCE: usize = 6;

/// Where a body is cut: every list of torrents is longer.
const CUT: u64 = 10;

fn cases() -> Vec<(&'static str, Fault)> {
    let (delay, pause) = (Duration::from_millis(300), Duration::from_millis(10));
    vec![
        ("delayed", Fault::Delay(delay)),
        ("dripped", Fault::Drip { bytes: 16 * 1024, pause }),
        ("stalled before the head", Fault::Stall(Cut::Head)),
        ("stalled in the body", Fault::Stall(Cut::Body(CUT))),
        ("reset before the head", Fault::Reset(Cut::Head)),
        ("reset in the body", Fault::Reset(Cut::Body(CUT))),
        ("truncated", Fault::Truncate(Cut::Body(CUT))),
        ("half-closed", Fault::HalfClose(CUT)),
        ("400", Fault::Status(400, "")),
        ("403", Fault::Status(403, "")),
        ("404 of what is listed", Fault::Status(404, "")),
        ("405", Fault::Status(405, "")),
        ("416", Fault::Status(416, "")),
        ("429", Fault::Status(429, "")),
        ("503", Fault::Status(503, "")),
        ("200 for 206, whole", Fault::IgnoreRange),
        ("200 for 206, a part", Fault::Lie(Lie::Whole)),
        ("status line", Fault::Lie(Lie::StatusLine)),
        ("other range", Fault::Lie(Lie::OtherRange)),
        ("other total", Fault::Lie(Lie::OtherTotal)),
        ("no range", Fault::Lie(Lie::NoRange)),
        ("bad range", Fault::Lie(Lie::BadRange)),
        ("long length", Fault::Lie(Lie::LongLength)),
        ("short length", Fault::Lie(Lie::ShortLength)),
        ("bad length", Fault::Lie(Lie::BadLength)),
        ("no length", Fault::Lie(Lie::NoLength)),
    ]
}

/// Reads the last bytes of a file, to cause a range request, and then all of it. Returns the
/// reader's result. Fails the test for any byte that is not the file's.
fn read(folder: &Path, (name, seed): (&str, u64)) -> String {
    let file = File::open(folder.join(name)).unwrap();
    let content = Content::new(seed, FILE_BYTES);
    let mut block = vec![0; 64 * 1024];
    let tail = content.len() - block.len() as u64;
    let starts = [tail].into_iter().chain((0..content.len()).step_by(block.len()));
    for start in starts {
        let called = Instant::now();
        let read = file.read_exact_at(&mut block, start);
        assert!(called.elapsed() < READ_MAX, "a read took {:?}", called.elapsed());
        if let Err(error) = read {
            let errno = Errno::from_raw(error.raw_os_error().unwrap());
            let when = if called.elapsed() < READ_TIMEOUT / 2 { " at once" } else { "" };
            return format!("{errno}{when}");
        }
        content.check(start, &block).unwrap();
    }
    "right".to_owned()
}

/// Mounts through a proxy with this fault, and returns the results of reads and of a refresh.
fn suffer(dir: &Path, rqbits: &Rqbits, fault: &Fault) -> String {
    let address = rqbits.swarm.api_url().trim_start_matches("http://").parse().unwrap();
    let proxy = FakeRqbit::start(Backend::Server(address)).unwrap();
    let timeout = format!("{}s", READ_TIMEOUT.as_secs());
    let mounted = Mounted::with(dir, &proxy.url(), &["--read-timeout", &timeout]);
    let folder = mounted.path.join("faults");
    let done = || proxy.done().get(&fault.kind()).copied().unwrap_or_default();

    proxy.once(Target::Streams, fault.clone());
    let mut of_one = read(&folder, ONCE);
    // The reader sees it, unless an inline read got it: the read then takes the usual path.
    let is_final = matches!(fault, Fault::Status(400 | 403 | 405 | 416, _));
    if is_final && (of_one == "right" || of_one.ends_with("at once")) {
        "right, or an error at once".clone_into(&mut of_one);
    }
    until("it is done", || (done() == 1).then_some(()));

    proxy.always(Target::Streams, fault.clone());
    let of_all = read(&folder, ALWAYS);
    until("it is done again", || (done() > 1).then_some(()));
    proxy.clear();
    // A failure is cached for a second, and the failed server is not asked again immediately.
    for (name, seed) in [ALWAYS, ONCE] {
        let path = folder.join(name);
        until("everything reads again", || fs::read(&path).ok());
        check_file(&path, Content::new(seed, FILE_BYTES), 100_000);
    }

    // Another test waits a minute for a missing list; lists have no ranges.
    let mut of_list = "-";
    if !matches!(fault, Fault::Stall(_) | Fault::IgnoreRange) {
        let before = done();
        proxy.always(Target::Calls, fault.clone());
        let refreshed = tfs(dir).arg("refresh").arg(&mounted.path).output().unwrap();
        of_list = if refreshed.status.success() { "a list" } else { "an error" };
        until("it is done to the list", || (done() > before).then_some(()));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        proxy.clear();
        until("the server is found", || {
            let again = tfs(dir).arg("refresh").arg(&mounted.path).output().unwrap();
            again.status.success().then_some(())
        });
    }
    run(tfs(dir).arg("status").arg(&mounted.path));
    mounted.unmount();
    format!("{of_one} | {of_all} | {of_list}")
}

#[test]
fn each_fault_is_done_and_costs_an_error_at_most() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let files = [ONCE, ALWAYS].map(|(name, seed)| (name, Content::new(seed, FILE_BYTES)));
        let torrent = TorrentSpec::directory("faults", files);
        let rqbits = Rqbits::start(Swarm::builder().torrent(torrent));
        rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
        let cases = cases();
        let mut table = String::from("fault: one answer | all of them | the list\n");
        for group in cases.chunks(AT_ONCE) {
            let suffered = thread::scope(|scope| {
                let start = |(name, fault): &(&'static str, Fault)| {
                    let home = dir.join(name.replace([' ', ','], "-"));
                    fs::create_dir(&home).unwrap();
                    let (rqbits, fault) = (&rqbits, fault.clone());
                    (*name, scope.spawn(move || suffer(&home, rqbits, &fault)))
                };
                let started: Vec<_> = group.iter().map(start).collect();
                let ended = started.into_iter().map(|(name, case)| (name, case.join().unwrap()));
                ended.collect::<Vec<_>>()
            });
            for (name, suffered) in suffered {
                writeln!(table, "{name}: {suffered}").unwrap();
            }
        }
        expect![[r#"
            fault: one answer | all of them | the list
            delayed: right | right | a list
            dripped: right | right | a list
            stalled before the head: right | ETIMEDOUT: Connection timed out | -
            stalled in the body: right | ETIMEDOUT: Connection timed out | -
            reset before the head: right | EIO: I/O error | an error
            reset in the body: right | EIO: I/O error | an error
            truncated: right | EIO: I/O error | an error
            half-closed: right | EIO: I/O error | an error
            400: right, or an error at once | EIO: I/O error at once | an error
            403: right, or an error at once | EACCES: Permission denied at once | an error
            404 of what is listed: right | EIO: I/O error | an error
            405: right, or an error at once | EIO: I/O error at once | an error
            416: right, or an error at once | EIO: I/O error at once | an error
            429: right | EIO: I/O error | an error
            503: right | EIO: I/O error | an error
            200 for 206, whole: right | right | -
            200 for 206, a part: right | EIO: I/O error at once | a list
            status line: right | EIO: I/O error at once | an error
            other range: right | EIO: I/O error at once | a list
            other total: right | EIO: I/O error at once | a list
            no range: right | EIO: I/O error at once | a list
            bad range: right | EIO: I/O error at once | a list
            long length: right | EIO: I/O error at once | an error
            short length: right | EIO: I/O error at once | an error
            bad length: right | EIO: I/O error at once | an error
            no length: right | right | a list
        "#]]
        .assert_eq(&table);
    });
}
