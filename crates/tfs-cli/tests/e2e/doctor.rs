//! `tfs doctor` on this machine: its findings, and that it never hangs.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Mounted, Rqbits, describe, run, tfs};

const LIMIT: Duration = Duration::from_secs(90);

/// Longer than all checks together may take: they run concurrently.
const DOCTOR_TIME_MAX: Duration = Duration::from_secs(15);

fn doctor(dir: &Path, server: &str) -> Command {
    let mut command = tfs(dir);
    let runtime_dir = dir.join("runtime");
    fs::create_dir_all(&runtime_dir).unwrap();
    fs::set_permissions(&runtime_dir, fs::Permissions::from_mode(0o700)).unwrap();
    command.env("XDG_RUNTIME_DIR", runtime_dir).args(["doctor", "--server", server]);
    command
}

/// Returns the exit code, and the findings of each check with their verdicts.
#[track_caller]
fn findings(command: &mut Command) -> (i32, BTreeMap<String, Vec<(String, String)>>) {
    let start = Instant::now();
    let output = command.arg("--json").output().unwrap();
    assert!(start.elapsed() < DOCTOR_TIME_MAX, "{:?}", start.elapsed());
    let json: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", describe(&output)));
    assert_eq!(json["version"], 1);
    let mut findings = BTreeMap::<_, Vec<_>>::new();
    for finding in json["findings"].as_array().unwrap() {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        assert!(finding["fixes"].is_array());
        findings.entry(text("check")).or_default().push((text("verdict"), text("found")));
    }
    (output.status.code().unwrap(), findings)
}

#[test]
fn a_machine_that_is_well() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let torrent = TorrentSpec::file("a.bin", Content::new(1, 50_000));
        let rqbits = Rqbits::start(Swarm::builder().torrent(torrent));
        // A finished file can be verified on the disk.
        rqbits.wait_finished(&rqbits.swarm.torrents()[0]);
        let url = rqbits.swarm.api_url();
        let mounted = Mounted::new(dir, &url);
        let (code, found) = findings(doctor(dir, &url).arg(&mounted.path));
        let ok = |check: &str, text: &str| {
            let found = &found[check];
            let is_there =
                found.iter().any(|(verdict, found)| verdict == "ok" && found.contains(text));
            assert!(is_there, "{check}: {found:?}");
        };
        ok("fuse-device", "can be opened");
        ok("may-mount", "");
        ok("mount-point", "mounted on");
        ok("mounts", &format!("{} answers", mounted.path.display()));
        ok("runtime-dir", "tfs creates it");
        ok("server", "rqbit 9.");
        ok("local-paths", "are on this machine");
        ok("clock", "agrees with the server's");
        // Warnings, such as of a private mount tree, do not make the command fail. Other tests have
        // dead mounts at the same time, in the same table.
        let is_fault = |(check, found): (&String, &Vec<(String, String)>)| {
            let is_ours = |text: &str| check != "mounts" || text.starts_with(dir.to_str().unwrap());
            found.iter().any(|(verdict, text)| verdict == "fault" && is_ours(text))
        };
        assert!(!found.iter().any(is_fault), "{found:?}");
        let has_fault = found.values().flatten().any(|(verdict, _)| verdict == "fault");
        assert_eq!(code, if has_fault { 61 } else { 0 }, "{found:?}");
        // Only the mount has the address of the server.
        for path in [Some(&mounted.path), None] {
            let (_, found) = findings(tfs(dir).arg("doctor").args(path));
            let (verdict, text) = &found["server"][0];
            assert!(verdict == "ok" && text.contains(url.as_str()), "{verdict} {text}");
        }
        mounted.unmount();
    });
}

#[test]
fn dead_and_stopped_mounts_are_found_without_a_hang() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder());
        let url = rqbits.swarm.api_url();
        let mounted = Mounted::new(dir, &url);
        let path = mounted.path.display().to_string();
        let pid = mounted.pid().unwrap();
        kill(pid, Signal::SIGSTOP).unwrap();
        let (code, found) = findings(&mut doctor(dir, &url));
        kill(pid, Signal::SIGCONT).unwrap();
        assert_eq!(code, 61);
        let silent = format!("{path} does not answer: its process is stopped or hangs");
        assert!(found["mounts"].contains(&("fault".to_owned(), silent)), "{found:?}");

        mounted.crash();
        let text = describe(&doctor(dir, &url).output().unwrap());
        assert!(text.starts_with("exit 61\n"), "{text}");
        assert!(text.contains(&format!("$ tfs unmount {path}\n")), "{text}");
        // The check changes nothing.
        assert!(crate::support::is_mounted(&mounted.path));
        run(tfs(dir).arg("unmount").arg(&mounted.path));
    });
}

#[test]
fn a_broken_configuration_is_a_finding_among_others() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("tfs.toml"), "[read]\ntimout = \"5s\"\n").unwrap();
    let (code, found) = findings(doctor(dir, "http://127.0.0.1:1").current_dir(dir));
    assert_eq!(code, 61);
    let (verdict, text) = &found["config"][0];
    let place = format!("{}:2:1: unknown key `read.timout`", dir.join("tfs.toml").display());
    assert!(verdict == "fault" && text.starts_with(&place), "{text}");
    assert!(text.contains("did you mean `read.timeout`?"), "{text}");
    assert!(found.contains_key("fuse-device") && found.contains_key("server"), "{found:?}");
    // A unit with a broken configuration would not start.
    let mut unit = doctor(dir, "http://h:3030");
    let unit = unit.current_dir(dir).arg("--systemd").output().unwrap();
    assert!(describe(&unit).starts_with("exit 3\nerror: "));
}

#[test]
fn servers_that_are_no_good() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (code, found) = findings(&mut doctor(dir, "http://127.0.0.1:1"));
    let refused = "cannot reach rqbit at http://127.0.0.1:1/: connection refused";
    assert_eq!((code, &found["server"][0]), (61, &("fault".to_owned(), refused.to_owned())));

    // It accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let (code, found) = findings(&mut doctor(dir, &url));
    let late = format!("rqbit at {url}/ does not answer in 6 s");
    assert_eq!((code, &found["server"][0]), (61, &("fault".to_owned(), late)));
}

#[test]
fn a_unit_is_printed_for_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let url = "http://h:3030/%20x";
    let flags = ["--proxy", "http://proxy:3128", "--systemd", "/mnt/my films"];
    let unit = run(doctor(dir.path(), url).args(flags));
    let binary = fs::canonicalize(env!("CARGO_BIN_EXE_tfs")).unwrap();
    let start = unit.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    assert!(start.starts_with(&format!("ExecStart={} mount -f", binary.display())), "{start}");
    let words = "--proxy=http://proxy:3128 --server=http://h:3030/%%20x/ \"/mnt/my films\"";
    assert!(start.ends_with(words), "{start}");
    assert!(!unit.contains("TFS_SERVER=http://h"), "{unit}");
    let password = dir.path().join("password");
    fs::write(&password, "x").unwrap();
    for command in [&["doctor", "--systemd"][..], &["service", "install", "--print"]] {
        let mut tfs = tfs(dir.path());
        tfs.env("TFS_USERNAME", "me").env("TFS_PASSWORD_FILE", &password);
        let unit = run(tfs.args(command).args(["--server", url, "/mnt/t"]));
        let file = format!("\nEnvironment=\"TFS_PASSWORD_FILE={}\"\n", password.display());
        assert!(unit.contains("\nEnvironment=\"TFS_USERNAME=me\"\n"), "{command:?}: {unit}");
        assert!(unit.contains(&file), "{command:?}: {unit}");
    }
    assert!(unit.contains("\nType=notify\n"), "{unit}");
    let unit = run(tfs(dir.path()).env("TFS_SERVER", url).args(["doctor", "--systemd", "/mnt/t"]));
    assert!(unit.contains("\nEnvironment=\"TFS_SERVER=http://h:3030/%%20x/\"\n"), "{unit}");
}

#[test]
fn a_unit_runs_the_daemon_where_the_configuration_has_mounts() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    let servers = "[[server]]\nname = \"x\"\nurl = \"http://x\"\n\
        [[server]]\nname = \"y\"\nurl = \"http://y\"\n";
    fs::write(&file, format!("{servers}[[mount]]\npath = \"/mnt/a\"\n")).unwrap();
    let unit = |args: &[&str]| {
        let mut command = tfs(dir.path());
        run(command.args(["doctor", "--systemd", "--config"]).arg(&file).args(args))
    };
    let binary = fs::canonicalize(env!("CARGO_BIN_EXE_tfs")).unwrap();
    let (binary, file) = (binary.display(), file.display());
    let text = unit(&[]);
    assert!(text.contains(&format!("\nExecStart={binary} daemon --config {file}\n")), "{text}");
    assert!(text.contains(&format!("\nExecReload={binary} config reload\n")), "{text}");
    let text = unit(&["/mnt/b"]);
    let start = format!("\nExecStart={binary} mount -f --config {file} ");
    assert!(text.contains(&start), "{text}");
}
