//! Clients that go away, pause, or read like a player.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tfs_testkit::rqbit::{Backend, FakeRqbit};
use tfs_testkit::swarm::Swarm;
use tfs_testkit::until::until;

use crate::caches::forget_pages;
use crate::clients::HttpClient;
use crate::figures::{FigureReport, Want, count, megabytes};
use crate::mount::TfsMount;
use crate::rqbits::{DOWNLOAD_BPS, MIB, Rqbits, film};
use crate::timing::pause;

/// So long that its end is not downloaded while the scenario runs.
const FILM_BYTES: u64 = 768 * MIB;

const WHOLE_BYTES: u64 = 64 * MIB;

const TIMEOUT: Duration = Duration::from_secs(60);

/// How soon a reader is gone after its client, with the time of one `tfs status`.
const FREED_MAX: f64 = 0.3;

/// What a client that pauses may leave in the queues of both sockets.
const QUEUE_MAX_BYTES: u64 = MIB;

/// How long a paused client is watched: until its queue no longer grows.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) fn run(report: &mut FigureReport, dir: &Path) {
    report.step("clients of a film that is downloaded");
    fs::create_dir(dir).unwrap();
    let swarm = Swarm::builder()
        .torrent(film("film.mkv", 1, FILM_BYTES))
        .torrent(film("whole.mkv", 2, WHOLE_BYTES))
        .download_bps(DOWNLOAD_BPS);
    let rqbits = Rqbits::start(swarm);
    let [long, whole] = rqbits.swarm.torrents() else { unreachable!("two were added") };
    rqbits.wait_begun(long);
    rqbits.wait_finished(whole);
    let server = rqbits.swarm.api_url().trim_start_matches("http://").parse().unwrap();
    let proxy = FakeRqbit::start(Backend::Server(server)).unwrap();
    let mount = TfsMount::new(dir, &proxy.url(), &["--webdav", "127.0.0.1:0"]);
    until("it is shown", || mount.path.join("whole.mkv").exists().then_some(()));
    let address: SocketAddr =
        mount.front_url("webdav").rsplit_once('/').unwrap().1.parse().unwrap();

    report.step("a client that waits goes away");
    let mut client = HttpClient::open(address, TIMEOUT).unwrap();
    let (start, end) = (FILM_BYTES - 5 * MIB, FILM_BYTES - 4 * MIB);
    // Its first bytes are missing: no answer comes.
    client.send("GET", "/film.mkv", &format!("Range: bytes={start}-{end}\r\n"), "").unwrap();
    until("it waits", || (waiting(&mount) == 1).then_some(()));
    let closed = Instant::now();
    drop(client);
    until("it is gone", || (waiting(&mount) == 0).then_some(()));
    report.time("a reader is gone after its client", closed.elapsed(), Want::AtMost(FREED_MAX));

    report.step("a client reads 64 KiB and pauses");
    let mut client = HttpClient::open(address, TIMEOUT).unwrap();
    let mut body = client.get("/whole.mkv", None).unwrap();
    let mut block = vec![0; 64 << 10];
    client.read(&mut body, &mut block).unwrap();
    pause(PAUSE);
    let queued = queued_bytes(address.port());
    report.figure(
        "queue of a client that pauses",
        megabytes(queued),
        "MB",
        Want::AtMost(megabytes(QUEUE_MAX_BYTES)),
    );
    drop((client, body));

    report.step("a player: head, tail, and a jump");
    let ranges = [0..MIB, WHOLE_BYTES - MIB..WHOLE_BYTES, 30 * MIB..34 * MIB];
    let opened = |read: &dyn Fn(Range<u64>)| {
        clear(&mount);
        let before = proxy.census().opened_count;
        ranges.iter().cloned().for_each(read);
        count(proxy.census().opened_count - before)
    };
    let path = mount.path.join("whole.mkv");
    forget_pages(&path);
    let mounted = opened(&|range| {
        let mut block = vec![0; usize::try_from(range.end - range.start).unwrap()];
        File::open(&path).unwrap().read_exact_at(&mut block, range.start).unwrap();
    });
    let served = opened(&|range| {
        let mut client = HttpClient::open(address, TIMEOUT).unwrap();
        let mut body = client.get("/whole.mkv", Some(range)).unwrap();
        client.drain(&mut body).unwrap();
    });
    report.figure("streams for a player, mount", mounted, "", Want::Nothing);
    report.figure("streams for a player, WebDAV", served, "", Want::AtMost(mounted));
}

fn clear(mount: &TfsMount) {
    let clear = mount.command().args(["cache", "clear"]).arg(&mount.path).output().unwrap();
    assert!(clear.status.success(), "{clear:?}");
}

/// Returns how many reads wait.
fn waiting(mount: &TfsMount) -> u64 {
    let output = mount.command().args(["status", "--json"]).arg(&mount.path).output().unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    status[0]["reads"]["waiting"].as_u64().unwrap()
}

/// Returns the bytes in the send queues of the connections at a port of loopback.
fn queued_bytes(port: u16) -> u64 {
    let local = format!("0100007F:{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let queues = table.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        (fields.next()? == local).then_some(())?;
        let (sent, _received) = fields.nth(2)?.split_once(':')?;
        u64::from_str_radix(sent, 16).ok()
    });
    queues.sum()
}
