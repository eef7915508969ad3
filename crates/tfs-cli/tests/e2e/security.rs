//! Data that must never be printed: the password anywhere, and control characters of torrent names
//! on a terminal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tfs_testkit::hermetic::hermetic;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::{ATTACKS, FakeRqbit, FakeTorrent, HostileServer, LargeLibrary};
use tfs_testkit::until::until;

use crate::support::{Mounted, describe, run, tfs};

const LIMIT: Duration = Duration::from_secs(90);

/// No other output contains it.
const PASSWORD: &str = "hunter2-x9q";

/// `me:hunter2-x9q` in base64, as sent over the network.
const ENCODED: &str = "bWU6aHVudGVyMi14OXE=";

/// Returns the output of a command, whether it succeeds or not.
fn said(command: &mut Command) -> String {
    describe(&command.output().unwrap())
}

#[track_caller]
fn check_silent(what: &str, text: &str) {
    for secret in [PASSWORD, ENCODED] {
        assert!(!text.contains(secret), "{what} has the password: {text}");
    }
}

#[test]
fn the_password_is_in_no_log_and_in_nothing_that_is_printed() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let library = FakeRqbit::start(LargeLibrary { torrent_count: 3 }).unwrap();
        let file = dir.join("password");
        fs::write(&file, format!("{PASSWORD}\n")).unwrap();
        let log = dir.join("log");
        let flags = ["-vvv", "--log-file", log.to_str().unwrap(), "--username", "me"];
        let flags = [&flags[..], &["--password-file", file.to_str().unwrap()]].concat();
        let mounted = Mounted::with(dir, &library.url(), &flags);
        let film = fs::read_dir(&mounted.path).unwrap().next().unwrap().unwrap().path();
        drop(fs::read(film));
        for command in
            [&["status", "--json"][..], &["status"], &["cache", "stats"], &["refresh", "--json"]]
        {
            check_silent(&command.join(" "), &said(tfs(dir).args(command)));
        }
        let pid = mounted.pid().unwrap();
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        check_silent("the command line", &String::from_utf8_lossy(&command_line));
        check_silent("the table of mounts", &fs::read_to_string("/proc/self/mounts").unwrap());
        for name in ["status.json", "metrics", "healthy"] {
            check_silent(name, &fs::read_to_string(mounted.path.join(".tfs").join(name)).unwrap());
        }
        mounted.unmount();
        let log = fs::read_to_string(&log).unwrap();
        assert!(log.contains("TRACE"), "the log says too little to be looked at");
        check_silent("the log", &log);

        // Commands that get it from the environment, and invalid command lines that contain it.
        let server = format!("--server={}", library.url());
        let with_password = |args: &[&str]| {
            let mut command = tfs(dir);
            command.env("TFS_PASSWORD", PASSWORD).env("RUST_LOG", "trace").args(args);
            said(&mut command)
        };
        let in_url = format!("http://me:{PASSWORD}@127.0.0.1:1/");
        for args in [
            &["list", "--username", "me", &server][..],
            &["list", "--json", "--username", "me", &server],
            &["config", "show"],
            &["config", "show", "--json"],
            &["doctor", "--json"],
            &["list", "--server", &in_url],
            &["mount", "--server", &in_url, "/nowhere"],
            &["list", "--username", PASSWORD, "--server", "http://127.0.0.1:1"],
        ] {
            let said = with_password(args);
            let is_name = args.contains(&"--username") && args.contains(&PASSWORD);
            if !is_name {
                check_silent(&args.join(" ").replace(PASSWORD, "..."), &said);
            }
        }
        let config = dir.join("wrong.toml");
        let text =
            format!("[[server]]\nname = \"a\"\nurl = \"{in_url}\"\npasword = \"{PASSWORD}\"\n");
        fs::write(&config, text).unwrap();
        let wrong = with_password(&["list", "--config", config.to_str().unwrap()]);
        assert!(wrong.starts_with("exit 3\n"), "{wrong}");
        check_silent("a wrong configuration", &wrong);
    });
}

#[test]
fn the_password_does_not_follow_a_redirect() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let password = dir.join("password");
        fs::write(&password, PASSWORD).unwrap();
        let redirects: Vec<_> =
            ATTACKS.iter().filter(|attack| attack.name.starts_with("a redirect")).collect();
        assert_eq!(redirects.len(), 5, "one for each kind of answer");
        for attack in redirects {
            let home = dir.join(attack.name.replace(' ', "-"));
            fs::create_dir(&home).unwrap();
            let server = HostileServer::start(attack).unwrap();
            let log = home.join("log");
            let flags = ["-vvv", "--read-timeout", "2s", "--log-file", log.to_str().unwrap()];
            let login = ["--username", "me", "--password-file", password.to_str().unwrap()];
            let mounted = Mounted::with(&home, &server.url(), &[&flags[..], &login].concat());
            server.begin();
            let film = mounted.path.join("good/film.mkv");
            until("it redirects", || {
                // The read triggers requests that nothing else makes.
                drop(fs::read(&film));
                (server.attack_count() > 0).then_some(())
            });
            // A client that follows redirects would have done so by the next response.
            run(tfs(&home).args(["status", "--json"]).arg(&mounted.path));
            mounted.unmount();
            assert_eq!(server.exfiltrated_requests(), [""; 0], "{}", attack.name);
            let log = fs::read_to_string(&log).unwrap();
            assert!(log.contains("status=302"), "{}: {log}", attack.name);
            check_silent(attack.name, &log);
        }
    });
}

#[test]
fn each_of_several_servers_gets_its_own_password_and_no_other() {
    let test = tfs_testkit::test_name!();
    isolate::run(test, LIMIT, |dir| {
        // `you:other-pw` in base64.
        let logins = [("me", PASSWORD, ENCODED), ("you", "other-pw", "eW91Om90aGVyLXB3")];
        let servers = [(); 2].map(|()| FakeRqbit::start(Vec::<FakeTorrent>::new()).unwrap());
        let mut config = String::new();
        for (server, (user, password, _)) in servers.iter().zip(logins) {
            let file = dir.join(user);
            fs::write(&file, password).unwrap();
            let (file, url) = (file.display(), server.url());
            config.extend([
                format!("[[server]]\nname = \"{user}\"\nurl = \"{url}\"\n"),
                format!("username = \"{user}\"\npassword_file = \"{file}\"\n"),
            ]);
        }
        let path = dir.join("config.toml");
        fs::write(&path, config).unwrap();
        let listed = said(tfs(dir).args(["list", "--config"]).arg(&path));
        assert!(listed.starts_with("exit 0\n"), "{listed}");
        for (own, (server, (_, _, encoded))) in servers.iter().zip(logins).enumerate() {
            let heads = server.heads();
            assert!(!heads.is_empty());
            for head in heads.iter() {
                assert!(head.contains(encoded), "{head}");
                assert!(!head.contains(logins[1 - own].2), "{head}");
            }
        }
    });
}

/// Checks that a text contains no terminal controls or bidirectional marks.
#[track_caller]
fn check_harmless(what: &str, text: &str) {
    let acts = |c: &char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2066}'..='\u{2069}')
    };
    assert_eq!(text.chars().find(acts), None, "{what}: {text:?}");
}

/// tfs's own cursor controls, for redrawing.
const OWN_SEQUENCES: [&str; 8] = [
    "\u{1b}[2J\u{1b}[H",
    "\u{1b}[H",
    "\u{1b}[K",
    "\u{1b}[J",
    "\u{1b}[2K",
    "\u{1b}[1A",
    "\u{1b}[1B",
    "\r",
];

/// Runs a command in a terminal for at most six seconds, and returns the terminal output. A status
/// waits for stopped mounts of other tests.
fn on_terminal(dir: &Path, args: &[&str]) -> String {
    let line = [&["timeout", "6", env!("CARGO_BIN_EXE_tfs")], args].concat();
    let line: Vec<_> = line.iter().map(|word| format!("'{word}'")).collect();
    let mut script = hermetic("script", dir);
    script.args(["-qec", &line.join(" "), "/dev/null"]).env("SHELL", "/bin/sh");
    script.env("TERM", "xterm");
    let shown = script.env("NO_COLOR", "1").output().unwrap().stdout;
    let shown = String::from_utf8(shown).unwrap();
    OWN_SEQUENCES.iter().fold(shown, |shown, own| shown.replace(own, ""))
}

/// Returns a file below the entry with this prefix.
fn first_file(dir: &Path, name: &str) -> PathBuf {
    let mut entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let is_it = |entry: &fs::DirEntry| entry.file_name().to_str().unwrap().starts_with(name);
    let found = entries.find(is_it).unwrap();
    let path = found.path();
    if found.file_type().unwrap().is_dir() { first_file(&path, "") } else { path }
}

#[test]
fn what_a_torrent_calls_itself_never_reaches_a_terminal_as_it_is() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let attack =
            ATTACKS.iter().find(|attack| attack.name.starts_with("names with NUL")).unwrap();
        let server = HostileServer::start(attack).unwrap();
        server.begin();
        let log = dir.join("log");
        let flags = ["-vv", "--read-timeout", "60s", "--log-file", log.to_str().unwrap()];
        let mounted = Mounted::with(dir, &server.url(), &flags);
        until("both are shown", || {
            (fs::read_dir(&mounted.path).unwrap().count() == 2).then_some(())
        });
        let url = server.url();
        let mut reader = Command::new("cat");
        reader.arg(first_file(&mounted.path, "new ")).stdout(Stdio::null());
        let mut reader = reader.spawn().unwrap();
        until("a program reads", || {
            said(tfs(dir).args(["status"])).contains("PROCESS").then_some(())
        });
        let odd = "\u{1b}[2J\u{202e}";
        for args in [
            &["list", "--server", &url][..],
            &["list", "--json", "--server", &url],
            &["search", "new"],
            &["search", "--json", "new"],
            &["status"],
            &["status", "--json"],
            &["refresh", "--json"],
            &["pause", "--server", &url, "new"],
            &["pause", "--server", &url, odd],
            &["preload", mounted.path.join(odd).to_str().unwrap()],
            &["search", odd],
            &["list", "--server", odd],
        ] {
            let said = said(tfs(dir).args(args));
            check_harmless(&args.join(" "), &said);
        }
        let odd_file = first_file(&mounted.path, "new ");
        let second = dir.join("second");
        fs::create_dir(&second).unwrap();
        for args in [
            &["list", "--server", &url][..],
            &["list", "--json", "--server", &url],
            &["list", "--watch", "--server", &url],
            &["search", "new"],
            &["status"],
            &["status", "--watch"],
            &["preload", odd_file.to_str().unwrap()],
            &["mount", "-f", "-vvv", "--server", &url, second.to_str().unwrap()],
        ] {
            let shown = on_terminal(dir, args);
            // The log of a mount does not name torrents that its state already has.
            assert!(args[0] == "mount" || shown.contains("new "), "{args:?}: {shown:?}");
            check_harmless(&args.join(" "), &shown);
        }
        reader.kill().unwrap();
        reader.wait().unwrap();
        mounted.unmount();
        let log = fs::read_to_string(&log).unwrap();
        assert!(log.contains("new "), "{log}");
        check_harmless("the log", &log);
    });
}
