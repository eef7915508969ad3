//! What an idle mount of a large library asks of its server: on this machine, and on another one.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use tfs_testkit::rqbit::{FakeRqbit, LargeLibrary, RqbitSetup};

use super::samples::SampleRecorder;
use crate::cable::Cable;
use crate::line::{DelayLine, LineShape};
use crate::mount::TfsMount;
use crate::timing::pause;

/// The name of this comparison.
pub(crate) const GROUP: &str = "poll";

const SHAPE: LargeLibrary = LargeLibrary { torrent_count: 10_000 };

pub(crate) const WHAT: &str = "bytes of 5 s while nothing happens, 10,000 torrents";
pub(crate) const HERE: &str = "server on this machine";
pub(crate) const ELSEWHERE: &str = "server on another machine";
const UNIT: &str = "MB";

/// How long a mount may take to have the details of all torrents.
const COMPLETE_MAX: Duration = Duration::from_secs(150);

/// How often it is looked for them.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// The default poll interval.
const INTERVAL: Duration = Duration::from_secs(5);

/// How long nothing happens before counting: until a poll interval that grows has grown.
const CALM_MAX: Duration = Duration::from_secs(120);

/// How long is counted: some of the longest intervals.
const COUNTED_MAX: Duration = Duration::from_secs(240);

/// What a round adds to both, up to their maximum: counts need no rounds, but a trial of this
/// program need not take minutes.
const PER_ROUND: Duration = Duration::from_secs(30);

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    let setup = RqbitSetup { address: (Ipv4Addr::UNSPECIFIED, 0).into(), ..SHAPE.into() };
    let library = FakeRqbit::start(setup).unwrap();
    let port = library.url().rsplit(':').next().unwrap().parse().unwrap();
    let here = DelayLine::start(
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
        LineShape { round_trip: Duration::ZERO, bps: 0 },
    );
    let mut idle = vec![IdleMount::new(dir, HERE, here)];
    // Removed after the mount and the line.
    let cable = Cable::lay(0);
    match &cable {
        Ok(cable) => {
            let server = SocketAddr::new(cable.address_here(), port);
            let listen: (IpAddr, u16) = (cable.address(), 0);
            let line = DelayLine::start_in(&cable.namespace(), listen.into(), server);
            idle.push(IdleMount::new(dir, ELSEWHERE, line));
        }
        Err(reason) => recorder.note(WHAT, ELSEWHERE, &format!("no cable: {reason}")),
    }
    let wait = PER_ROUND * u32::try_from(rounds).unwrap();
    println!("  idle for {} s ...", (wait.min(CALM_MAX) + wait.min(COUNTED_MAX)).as_secs());
    pause(wait.min(CALM_MAX));
    let before: Vec<_> = idle.iter_mut().map(|idle| idle.line.bytes()).collect();
    let time = wait.min(COUNTED_MAX);
    pause(time);
    for (idle, before) in idle.iter_mut().zip(before) {
        let bytes = idle.line.bytes() - before;
        let mean = bytes as f64 / time.div_duration_f64(INTERVAL);
        recorder.add(WHAT, idle.name, UNIT, mean / 1e6);
    }
    // Before the cable.
    drop(idle);
}

/// An idle mount, and the line to its server.
struct IdleMount {
    name: &'static str,
    _mount: TfsMount,
    line: DelayLine,
}

impl IdleMount {
    /// Mounts, and waits until all torrents are there.
    fn new(dir: &Path, name: &'static str, line: DelayLine) -> Self {
        let mount = TfsMount::unhurried(&dir.join(name.replace(' ', "-")), &line.url(), &[]);
        let begin = Instant::now();
        let is_complete = || {
            let entries = fs::read_dir(&mount.path).ok();
            entries.is_some_and(|it| it.count() == SHAPE.torrent_count as usize)
        };
        while !is_complete() {
            assert!(begin.elapsed() < COMPLETE_MAX, "the torrents are not there");
            pause(LOOK_INTERVAL);
        }
        Self { name, _mount: mount, line }
    }
}
