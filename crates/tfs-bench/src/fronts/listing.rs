//! PROPFIND of a folder with ten thousand files.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use tfs_testkit::until::until;

use crate::clients::HttpClient;
use crate::compare::Seeder;
use crate::figures::{FigureReport, Want};
use crate::mount::TfsMount;
use crate::timing::median;

const FILES: usize = 10_000;

const TURNS: usize = 9;

const TIMEOUT: Duration = Duration::from_secs(60);

const WHOLE_MAX_MILLIS: f64 = 100.0;
const FIRST_MAX_MILLIS: f64 = 20.0;

const PROPFIND: &str = "<?xml version=\"1.0\"?><propfind xmlns=\"DAV:\"><allprop/></propfind>";

pub(super) fn run(report: &mut FigureReport, dir: &Path) {
    report.step("PROPFIND of 10,000 files");
    let seeder = Seeder::start(dir, "many", |path| {
        fs::create_dir(path).unwrap();
        for number in 0..FILES {
            fs::write(path.join(format!("file {number:05}.txt")), number.to_string()).unwrap();
        }
    });
    let mount = TfsMount::new(dir, &seeder.api_url, &["--webdav", "127.0.0.1:0"]);
    until("it is shown", || mount.path.join("many").exists().then_some(()));
    let address: SocketAddr =
        mount.front_url("webdav").rsplit_once('/').unwrap().1.parse().unwrap();
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let mut client = HttpClient::open(address, TIMEOUT).unwrap();
        let start = Instant::now();
        let headers = "Depth: 1\r\nConnection: close\r\n";
        client.send("PROPFIND", "/many/", headers, PROPFIND).unwrap();
        let mut body = client.receive().unwrap();
        assert_eq!(body.status, 207, "{}", body.head);
        first.push(start.elapsed());
        let mut text = Vec::new();
        let mut block = vec![0; 256 << 10];
        loop {
            match client.read(&mut body, &mut block).unwrap() {
                0 => break,
                len => text.extend_from_slice(&block[..len]),
            }
        }
        whole.push(start.elapsed());
        let shown = String::from_utf8_lossy(&text).matches(".txt</").count();
        assert!(shown >= FILES, "{shown} of {FILES} are listed");
    }
    report.millis("PROPFIND: first bytes", median(&first), Want::AtMost(FIRST_MAX_MILLIS));
    report.millis("PROPFIND: whole", median(&whole), Want::AtMost(WHOLE_MAX_MILLIS));
}
