//! The commands on the pages for users, as a reader types them: with the real binary, real rqbits
//! and a real mount.
//!
//! Only blocks with the mark `test` run ([`tfs_testkit::pages`]). A line of output stands for a
//! real one if they differ only in numbers and spaces; `...` stands for anything.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::hermetic::hermetic;
use tfs_testkit::isolate;
use tfs_testkit::pages::user_pages;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Rqbits, describe};

/// The server of the pages, which is the default of tfs, and their second one.
const URLS: [&str; 2] = ["http://127.0.0.1:3030", "http://127.0.0.1:3031"];

/// The directory of the pages for mount points.
const MOUNTS: &str = "/mnt/";

/// Stands for a player: it reads a file to its end, and fails if a read fails.
const PLAYER: &str = "#!/bin/sh\nexec cat \"$1\" >\"$HOME/played\"\n";

/// The socket of a mount on the pages.
const SOCKET: &str = "/run/tfs/4711.sock";

/// What a page needs beside the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// A mount at `/mnt/t`, which the reader has made before.
    Mount,
    /// A mount and curl.
    MountAndCurl,
}

/// The world that the pages describe: two servers, a home, and a directory for mount points.
struct PageWorld<'a> {
    dir: &'a Path,
    rqbits: Rqbits,
}

impl<'a> PageWorld<'a> {
    fn new(dir: &'a Path) -> Self {
        let film = [
            ("Demo Film.mkv", Content::new(1, 2_000_000)),
            ("Subs/Demo Film.en.srt", Content::new(2, 20_000)),
        ];
        let film = TorrentSpec::directory("Demo Film", film);
        let rqbits = Rqbits::start(Swarm::builder().torrent(film));
        for made in ["bin", "mnt/t", "Downloads"] {
            fs::create_dir_all(dir.join(made)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_tfs"), dir.join("bin/tfs")).unwrap();
        let player = dir.join("bin/mpv");
        fs::write(&player, PLAYER).unwrap();
        fs::set_permissions(&player, Permissions::from_mode(0o755)).unwrap();
        let pieces = format!("6:pieces20:{}", "h".repeat(20));
        let torrent =
            format!("d4:infod6:lengthi9000e4:name9:other.iso12:piece lengthi16384e{pieces}ee");
        fs::write(dir.join("Downloads/other.torrent"), torrent).unwrap();
        Self { dir, rqbits }
    }

    /// Returns a command of a page with the addresses and directories of this test.
    fn here(&self, command: &str) -> String {
        let [first, second] = [self.rqbits.swarm.api_url(), self.rqbits.swarm.seeder_url()];
        let mounts = format!("{}/", self.dir.join("mnt").display());
        let command = command.replace(URLS[0], &first).replace(URLS[1], &second);
        command.replace(MOUNTS, &mounts).replace(SOCKET, "$XDG_RUNTIME_DIR/tfs/*.sock")
    }

    /// Runs a command of a page, and returns what it printed.
    #[track_caller]
    fn run(&self, place: &str, command: &str) -> String {
        let mut shell: Command = hermetic("bash", self.dir);
        let path = std::env::var("PATH").unwrap();
        shell.env("PATH", format!("{}:{path}", self.dir.join("bin").display()));
        shell.env("TFS_SERVER", self.rqbits.swarm.api_url()).current_dir(self.dir);
        let output = shell.args(["-c", &self.here(command)]).output().unwrap();
        assert!(output.status.success(), "{place}: {command}: {}", describe(&output));
        let text = describe(&output);
        let mounts = format!("{}/", self.dir.join("mnt").display());
        text.split_once('\n').unwrap().1.replace(&mounts, MOUNTS)
    }
}

/// Returns a line without its numbers and the width of its columns.
fn plain(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut plain = String::new();
    for c in words.join(" ").chars() {
        let is_repeated = c.is_ascii_digit() && plain.ends_with('0');
        if !is_repeated {
            plain.push(if c.is_ascii_digit() { '0' } else { c });
        }
    }
    plain
}

/// Returns whether a line of a page stands for a line of output.
fn is_line(wanted: &str, found: &str) -> bool {
    let (wanted, found) = (plain(wanted), plain(found));
    match wanted.split_once("...") {
        Some((start, end)) => {
            found.len() >= start.len() + end.len()
                && found.starts_with(start)
                && found.ends_with(end)
        }
        None => wanted == found,
    }
}

/// Returns whether the lines of a page stand for the lines of output.
fn is_output(wanted: &[&str], found: &[&str]) -> bool {
    match (wanted, found) {
        (["...", rest @ ..], _) => {
            (0..=found.len()).any(|skipped| is_output(rest, &found[skipped..]))
        }
        ([], []) => true,
        ([line, wanted @ ..], [output, found @ ..]) => {
            is_line(line, output) && is_output(wanted, found)
        }
        _ => false,
    }
}

/// Runs all marked blocks of a page, one after the other.
#[track_caller]
fn check(test: &str, path: &str, needs: Needs) {
    let has_curl = || Command::new("curl").arg("--version").output().is_ok();
    if needs == Needs::MountAndCurl && !has_curl() {
        tfs_testkit::skip::test(test, "curl is not installed");
        return;
    }
    isolate::run_with_fuse(test, Duration::from_secs(90), |dir| {
        let page = user_pages().into_iter().find(|page| page.path == path).unwrap();
        let world = PageWorld::new(dir);
        if needs != Needs::Nothing {
            world.run(path, "tfs mount /mnt/t");
        }
        for block in page.blocks().into_iter().filter(|block| block.is_run) {
            let place = format!("{path}:{}", block.line);
            for part in format!("\n{}", block.text).split("\n$ ").skip(1) {
                let (command, wanted) = part.split_once('\n').unwrap_or((part, ""));
                let output = world.run(&place, command);
                let wanted: Vec<&str> = wanted.lines().collect();
                let found: Vec<&str> = output.lines().collect();
                assert!(
                    wanted.is_empty() || is_output(&wanted, &found),
                    "{place}: {command} printed:\n{output}"
                );
            }
        }
        if needs != Needs::Nothing {
            world.run(path, "tfs unmount /mnt/t");
        }
    });
}

#[test]
fn readme() {
    check(tfs_testkit::test_name!(), "README.md", Needs::Nothing);
}

#[test]
fn quick_start() {
    check(tfs_testkit::test_name!(), "docs/guide/quick-start.md", Needs::Nothing);
}

#[test]
fn several_servers() {
    check(tfs_testkit::test_name!(), "docs/guide/several-servers.md", Needs::Nothing);
}

#[test]
fn media_servers() {
    check(tfs_testkit::test_name!(), "docs/guide/media-servers.md", Needs::Mount);
}

#[test]
fn configuration() {
    check(tfs_testkit::test_name!(), "docs/reference/configuration.md", Needs::Nothing);
}

#[test]
fn tree() {
    check(tfs_testkit::test_name!(), "docs/reference/tree.md", Needs::Mount);
}

#[test]
fn json() {
    check(tfs_testkit::test_name!(), "docs/reference/json.md", Needs::Mount);
}

#[test]
fn control_api() {
    check(tfs_testkit::test_name!(), "docs/reference/control-api.md", Needs::MountAndCurl);
}

/// Prints names of settings beside the fields.
const CONFIG_SHOW: &str = "tfs config show --json";

/// Adds the names of all fields of a value.
fn collect_fields(value: &serde_json::Value, fields: &mut BTreeSet<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        fields.insert(name.clone());
        collect_fields(value, fields);
    }
    value.as_array().into_iter().flatten().for_each(|value| collect_fields(value, fields));
}

#[test]
fn every_field_of_json_is_documented() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, Duration::from_secs(90), |dir| {
        let world = PageWorld::new(dir);
        let page = user_pages().into_iter().find(|page| page.path.ends_with("json.md")).unwrap();
        let words: BTreeSet<String> = page
            .spans()
            .iter()
            .flat_map(|(_, span)| span.split(['.', ',', ' ']))
            .map(|word| word.trim_end_matches("[]").to_owned())
            .collect();
        world.run("json", "tfs mount /mnt/t");
        // A reader waits in the status while this file is open.
        let film = fs::File::open(dir.join("mnt/t/Demo Film/Demo Film.mkv")).unwrap();
        let mut fields = BTreeSet::new();
        for command in [
            "tfs list --json",
            "tfs status --json /mnt/t",
            "tfs refresh --json /mnt/t",
            "tfs cache stats --json /mnt/t",
            "tfs cache clear --json /mnt/t",
            "tfs search --json --mount /mnt/t demo",
            "tfs add --json Downloads/other.torrent",
            "tfs pause --json other.iso",
            "tfs delete --yes --json other.iso",
            CONFIG_SHOW,
            "tfs config path --json",
            "cat /mnt/t/.tfs/status.json",
        ] {
            let output = world.run("json", command);
            let mut value: serde_json::Value = serde_json::from_str(&output).unwrap();
            // The environment has variables as its fields, and values are those of settings.
            if command == CONFIG_SHOW {
                value["environment"].take();
                for entry in value["values"].as_array_mut().unwrap() {
                    entry["value"].take();
                }
            }
            collect_fields(&value, &mut fields);
        }
        drop(film);
        world.run("json", "tfs unmount /mnt/t");
        assert!(fields.len() > 60, "{fields:?}");
        let missing: Vec<_> = fields.difference(&words).collect();
        assert!(missing.is_empty(), "{missing:?}");
    });
}

#[test]
fn every_page_with_commands_to_run_has_a_test() {
    let source = include_str!("pages.rs");
    for page in user_pages() {
        if page.blocks().iter().any(|block| block.is_run) {
            assert!(source.contains(&format!("\"{}\"", page.path)), "{}", page.path);
        }
    }
}

#[test]
fn outputs_are_compared() {
    let table = "ID  DONE   NAME\n 0   18%  a.iso\n";
    for (wanted, found, is_same) in [
        (table, "ID  DONE  NAME\n12  100%  a.iso\n", true),
        (table, "ID  DONE  NAME\n12  100%  b.iso\n", false),
        ("ID\n...\n", table, false),
        ("ID  DONE  NAME\n...\n", table, true),
        ("...a.iso\n", table, false),
        ("...\n...a.iso\n", table, true),
        ("a\nb\n", "a\n", false),
        ("a\n", "a\nb\n", false),
    ] {
        let lines = |text: &'static str| text.lines().collect::<Vec<_>>();
        assert_eq!(is_output(&lines(wanted), &lines(found)), is_same, "{wanted} {found}");
    }
}
