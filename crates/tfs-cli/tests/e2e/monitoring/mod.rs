//! Metrics over HTTP, as a monitoring system requests them.

mod dashboard;
mod prometheus;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::{FakeRqbit, LargeLibrary};
use tfs_testkit::until::until;

use crate::support::{Mounted, tfs};

const LIMIT: Duration = Duration::from_secs(60);

const SHAPE: LargeLibrary = LargeLibrary { torrent_count: 4 };

/// Mounts with a configuration that serves metrics at an address. Returns the mount and the log.
fn mount(dir: &Path, listen: &str, library: &FakeRqbit) -> (Mounted, PathBuf) {
    let config = dir.join("config/tfs");
    fs::create_dir_all(&config).unwrap();
    let text = format!("[monitoring]\nlisten = \"{listen}\"\n");
    fs::write(config.join("config.toml"), text).unwrap();
    let log = dir.join("log");
    let flags = ["-vv", "--log-file", log.to_str().unwrap()];
    (Mounted::with(dir, &library.url(), &flags), log)
}

/// Waits for a line of the log that contains a text.
fn line(log: &Path, text: &str) -> String {
    until("the log says it", || {
        let log = fs::read_to_string(log).ok()?;
        log.lines().find(|line| line.contains(text)).map(str::to_owned)
    })
}

fn address(log: &Path) -> SocketAddr {
    let line = line(log, "serving metrics");
    let (_, rest) = line.split_once("address=").unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

/// Sends a request as curl does, and returns the status and the body.
fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // Version 1.0, so that no answer is sent in chunks.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    (status.to_owned(), body.to_owned())
}

#[test]
fn figures_are_served_where_the_configuration_says() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let library = FakeRqbit::start(SHAPE).unwrap();
        let (mounted, log) = mount(dir, "127.0.0.1:0", &library);
        let address = address(&log);
        assert!(address.ip().is_loopback(), "{address}");

        let (status, metrics) = get(address, "/metrics");
        let files = format!(
            "tfs_files{{mountpoint=\"{}\"}} {}",
            mounted.path.to_str().unwrap(),
            SHAPE.file_count()
        );
        assert_eq!(status, "200");
        assert!(metrics.lines().any(|line| line == files), "{metrics}");
        for check in ["/healthy", "/healthz", "/readyz"] {
            assert_eq!(get(address, check), ("200".to_owned(), "ok\n".to_owned()), "{check}");
        }
        let (status, said) = get(address, "/status");
        assert_eq!(status, "200");
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said[0]["tree"]["torrents"], SHAPE.torrent_count);
        // The endpoint accepts no commands, and shows no file names.
        for path in ["/", "/v1/mounts", "/v1/status", "/metrics/", "/metrics%00"] {
            assert_eq!(get(address, path).0, "404", "{path}");
        }
        let secret = SHAPE.torrents().next().unwrap().name;
        assert!(![metrics, said.to_string()].iter().any(|text| text.contains(&secret)));
        assert!(!fs::read_to_string(&log).unwrap().contains("other machines"));

        mounted.unmount();
        assert!(TcpStream::connect(address).is_err(), "it goes with the mount");
    });
}

#[test]
fn an_address_that_others_reach_is_warned_of_and_one_that_is_taken_too() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let library = FakeRqbit::start(SHAPE).unwrap();
        let (mounted, log) = mount(dir, "0.0.0.0:0", &library);
        let port = address(&log).port();
        let warning = line(&log, "readable by other machines");
        assert!(warning.contains("WARN"), "{warning}");
        assert_eq!(get(([127, 0, 0, 1], port).into(), "/healthy").0, "200");
        mounted.unmount();

        fs::remove_file(&log).unwrap();
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (mounted, log) = mount(dir, &taken.local_addr().unwrap().to_string(), &library);
        let warning = line(&log, "serve metrics at");
        assert!(
            warning.contains("WARN") && warning.contains("Address already in use"),
            "{warning}"
        );
        assert_eq!(fs::read_dir(&mounted.path).unwrap().count(), SHAPE.torrent_count as usize);
        mounted.unmount();
    });
}

/// Runs `tfs healthy` with these arguments, and returns the exit code and both outputs.
fn healthy(dir: &Path, arguments: &[&Path]) -> (i32, String) {
    let output = tfs(dir).arg("healthy").args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn healthy_is_an_exit_code() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let library = FakeRqbit::start(SHAPE).unwrap();
        let mounted = Mounted::with(dir, &library.url(), &["--poll-interval", "100ms"]);
        let path = mounted.path.clone();
        let ok = format!("{}: ok\n", path.display());
        assert_eq!(healthy(dir, &[&path]), (0, ok.clone()));
        assert_eq!(healthy(dir, &[dir]).0, 40);
        // Other tests have mounts at the same time.
        let (_, all) = healthy(dir, &[]);
        assert!(all.contains(&ok), "{all}");

        drop(library);
        let (code, text) = until("the server is known to be down", || {
            let answer = healthy(dir, &[&path]);
            (answer.0 != 0).then_some(answer)
        });
        assert_eq!(code, 62, "{text}");
        let problem = format!("{}: the server ", path.display());
        assert!(text.starts_with(&problem), "{text}");
        let (code, all) = healthy(dir, &[]);
        assert!(code == 62 && all.contains(&problem), "{code} {all}");

        mounted.crash();
        assert_eq!(healthy(dir, &[&path]).0, 43);
        let (code, all) = healthy(dir, &[]);
        let dead = format!("{}: its process has ended or does not answer\n", path.display());
        assert!(code == 62 && all.contains(&dead), "{code} {all}");
    });
}

#[test]
fn a_security_label_needs_root_and_selinux() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let library = FakeRqbit::start(SHAPE).unwrap();
        let flags = ["-o", "context=\"system_u:object_r:fusefs_t:s0:c1,c2\""];
        if geteuid().is_root() && !Path::new("/sys/fs/selinux").exists() {
            // Left out, as by mount(8): the kernel would refuse it.
            Mounted::with(dir, &library.url(), &flags).unmount();
        }
        if !geteuid().is_root() {
            let path = dir.join("t");
            fs::create_dir(&path).unwrap();
            let mut mount = tfs(dir);
            let mount = mount.args(["mount", "--server", &library.url()]).args(flags).arg(path);
            let output = mount.output().unwrap();
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(34), "{text}");
            assert!(text.contains("only root can set it"), "{text}");
        }
    });
}
