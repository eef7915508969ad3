//! One reader of a whole file: WebDAV and NFS against the mount over HTTP, and WebDAV of a local
//! file against nginx. All sides of a ratio are measured in turns.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use tfs_testkit::content::Content;

use super::nginx::Nginx;
use crate::caches::{forget_pages, warm};
use crate::clients::{HttpClient, NfsFileClient, encoded_path};
use crate::compare::Seeder;
use crate::figures::{FigureReport, Want, megabytes};
use crate::mount::TfsMount;
use crate::rqbits::MIB;
use crate::timing::{pause, percentile};

const FILE_BYTES: u64 = 512 * MIB;

const NAME: &str = "film.mkv";

/// How often each side is measured.
const TURNS: usize = 5;

/// The size of one read: that of programs that copy, and the largest of NFS.
const BLOCK_BYTES: usize = 1 << 20;

/// How long a read may take.
const READ_MAX: Duration = Duration::from_secs(60);

/// How long the verification of the local file may take.
const VERIFIED_MAX: Duration = Duration::from_secs(100);

/// WebDAV against the mount over HTTP: lanes, which would give it 0.9, are not in (ADR 44).
const WEBDAV_MIN: f64 = 0.6;

/// WebDAV of a local file against nginx without `sendfile`.
const LOCAL_MIN: f64 = 0.8;

pub(super) fn run(report: &mut FigureReport, dir: &Path) {
    report.step("one reader of a file of 512 MiB, in turns");
    let seeder =
        Seeder::start(dir, NAME, |path| Content::new(1, FILE_BYTES).write_to(path).unwrap());
    let fronts = ["--webdav", "127.0.0.1:0", "--nfs", "127.0.0.1:0"];
    let mount = |name: &str, local_paths: &str| {
        let home = dir.join(name);
        fs::create_dir(&home).unwrap();
        let options = [&["--local-paths", local_paths], &fronts[..]].concat();
        TfsMount::unhurried(&home, &seeder.api_url, &options)
    };
    let (wire, local) = (mount("wire", "off"), mount("local", "auto"));
    let plain = seeder.folder.join(NAME);
    let address = |mount: &TfsMount, kind: &str| -> SocketAddr {
        mount.front_url(kind).rsplit_once('/').unwrap().1.parse().unwrap()
    };
    let (webdav, nfs) = (address(&wire, "webdav"), address(&wire, "nfs"));
    let local_webdav = address(&local, "webdav");
    until_local(&local, local_webdav);
    let nginx = Nginx::start(&dir.join("nginx"), &seeder.folder);

    let mut speeds: [Vec<f64>; 5] = Default::default();
    for _ in 0..TURNS {
        let path = wire.path.join(NAME);
        let mut measure = |side: usize, read: &dyn Fn() -> u64| {
            forget_pages(&path);
            clear(&wire);
            warm(&plain);
            let start = Instant::now();
            assert_eq!(read(), FILE_BYTES, "a whole file");
            speeds[side].push(megabytes(FILE_BYTES) / start.elapsed().as_secs_f64());
        };
        measure(0, &|| read_file(&path));
        measure(1, &|| get(webdav));
        measure(2, &|| read_nfs(nfs));
        measure(3, &|| get(local_webdav));
        if let Some(nginx) = &nginx {
            measure(4, &|| get(nginx.address));
        }
    }
    let names =
        ["mount over HTTP", "WebDAV", "NFS", "WebDAV of a local file", "nginx without sendfile"];
    let medians = speeds.map(|speeds| (!speeds.is_empty()).then(|| median(&speeds)));
    for (name, speed) in names.iter().zip(medians) {
        match speed {
            Some(speed) => report.figure(name, speed, "MB/s", Want::Nothing),
            None => println!("fronts: {name}: skipped, it is not installed"),
        }
    }
    let [mounted, webdav, nfs, local, nginx] = medians;
    let mut ratio = |name: &str, one: Option<f64>, other: Option<f64>, want: Want| {
        if let Some((one, other)) = one.zip(other) {
            report.figure(name, one / other, "", want);
        }
    };
    ratio("WebDAV / mount over HTTP", webdav, mounted, Want::AtLeast(WEBDAV_MIN));
    ratio("NFS / mount over HTTP", nfs, mounted, Want::Nothing);
    ratio("WebDAV of a local file / nginx", local, nginx, Want::AtLeast(LOCAL_MIN));
}

/// Reads over WebDAV until tfs reads the local copy.
fn until_local(mount: &TfsMount, address: SocketAddr) {
    let start = Instant::now();
    loop {
        clear(mount);
        get(address);
        let status = mount.command().args(["status", "--json"]).arg(&mount.path).output().unwrap();
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        // The file stays open for some seconds after its last request.
        let readers = status[0]["readers"].as_array().unwrap();
        if readers.iter().any(|reader| reader["way"] != "http") {
            return;
        }
        assert!(start.elapsed() < VERIFIED_MAX, "it is not read from the disk: {readers:?}");
        pause(Duration::from_millis(500));
    }
}

fn clear(mount: &TfsMount) {
    let clear = mount.command().args(["cache", "clear"]).arg(&mount.path).output().unwrap();
    assert!(clear.status.success(), "{clear:?}");
}

fn read_file(path: &Path) -> u64 {
    use std::io::Read as _;
    let (mut file, mut block, mut total) = (File::open(path).unwrap(), vec![0; BLOCK_BYTES], 0);
    loop {
        match file.read(&mut block).unwrap() {
            0 => return total,
            len => total += len as u64,
        }
    }
}

fn get(address: SocketAddr) -> u64 {
    let mut client = HttpClient::open(address, READ_MAX).unwrap();
    let mut body = client.get(&encoded_path(&format!("/{NAME}")), None).unwrap();
    assert_eq!(body.status, 200, "{}", body.head);
    client.drain(&mut body).unwrap()
}

fn read_nfs(address: SocketAddr) -> u64 {
    let mut client = NfsFileClient::open(address, READ_MAX).unwrap();
    let file = client.find(NAME).unwrap();
    let (mut block, mut total) = (vec![0; BLOCK_BYTES], 0);
    loop {
        match client.read(&file, total, &mut block).unwrap() {
            0 => return total,
            len => total += len as u64,
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    percentile(&sorted, 50)
}
