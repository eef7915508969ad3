//! Completions: what tfs prints for the scripts of the shells, and what real shells insert.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use expect_test::{Expect, expect};
use tfs_testkit::content::Content;
use tfs_testkit::hermetic::hermetic;
use tfs_testkit::rqbit::{Cut, FakeRqbit, FakeTorrent, Fault, Target};
use tfs_testkit::until::until;
use tfs_testkit::{skip, test_name};

use crate::support::tfs;

/// Names that a shell would change if they were not quoted, or that a command would not take.
const NAMES: [&str; 8] = [
    "Big Buck Bunny",
    "Big Brother's [1080p] (2024)",
    "price $5 \"cheap\" `x`!",
    "Größe 🎬.mkv",
    "-dash",
    "two\nlines",
    "same",
    "same",
];

fn server() -> FakeRqbit {
    let torrents = (1..).zip(NAMES).map(|(nth, name)| {
        let state = if nth == 1 { "paused" } else { "live" };
        let file = [("film.mkv", Content::new(u64::from(nth), 3 << 20))];
        FakeTorrent { state, ..FakeTorrent::folder(nth, name, 1 << 20, &file) }
    });
    FakeRqbit::start(torrents.collect::<Vec<_>>()).unwrap()
}

/// Returns tfs with a command line that a shell passes.
fn completing(home: &Path, url: &str, shell: &str, words: &[&str]) -> Command {
    let mut command = tfs(home);
    command.env("_TFS_COMPLETE", shell).env("TFS_SERVER", url).arg("--").args(words);
    command
}

/// The time that a busy machine may take for candidates, in milliseconds.
const PATIENCE: (&str, &str) = ("_TFS_COMPLETE_MILLIS", "5000");

/// Compares the candidates.
#[track_caller]
fn check(url: &str, shell: &str, words: &[&str], want: &Expect) {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("films")).unwrap();
    let mut command = completing(home.path(), url, shell, words);
    let output = command.env(PATIENCE.0, PATIENCE.1).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    want.assert_eq(&printed);
}

#[track_caller]
fn check_words(url: &str, line: &str, want: &Expect) {
    check(url, "fish", &line.split(' ').collect::<Vec<_>>(), want);
}

/// Checks that there is nothing: no candidate, no message and no file.
#[track_caller]
fn check_silent(url: &str, shell: &str, words: &[&str]) {
    let home = tempfile::tempdir().unwrap();
    let output = completing(home.path(), url, shell, words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b""[..], &b""[..]));
    let entries = fs::read_dir(home.path()).unwrap();
    let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["run"], "the directory of the sockets, which the test made");
    assert_eq!(fs::read_dir(home.path().join("run")).unwrap().count(), 0);
}

#[test]
fn torrents_are_those_of_the_server() {
    let server = server();
    let url = server.url();
    check_words(
        &url,
        "tfs forget ",
        &expect![[r#"
        Big Buck Bunny	paused, 3.0 MiB
        Big Brother's [1080p] (2024)	downloading, 3.0 MiB
        price $5 "cheap" `x`!	downloading, 3.0 MiB
        Größe 🎬.mkv	downloading, 3.0 MiB
        0505050505050505050505050505050505050505	-dash, downloading, 3.0 MiB
        0606060606060606060606060606060606060606	two\nlines, downloading, 3.0 MiB
        0707070707070707070707070707070707070707	same, downloading, 3.0 MiB
        0808080808080808080808080808080808080808	same, downloading, 3.0 MiB
    "#]],
    );
    check(
        &url,
        "bash",
        &["tfs forget ", ""],
        &expect![[r#"
        Big\ Buck\ Bunny
        Big\ Brother\'s\ \[1080p\]\ \(2024\)
        price\ \$5\ \"cheap\"\ \`x\`\!
        Größe\ 🎬.mkv
        0505050505050505050505050505050505050505
        0606060606060606060606060606060606060606
        0707070707070707070707070707070707070707
        0808080808080808080808080808080808080808
    "#]],
    );
    check(
        &url,
        "zsh",
        &["tfs", "forget", "big br"],
        &expect![[r#"
        Big Brother's [1080p] (2024)	downloading, 3.0 MiB
    "#]],
    );
    // Only what can be paused or started, and what is not on the line yet.
    check_words(
        &url,
        "tfs start ",
        &expect![[r#"
        Big Buck Bunny	paused, 3.0 MiB
    "#]],
    );
    check_words(
        &url,
        "tfs pause same Gr",
        &expect![[r#"
        Größe 🎬.mkv	downloading, 3.0 MiB
    "#]],
    );
}

#[test]
fn torrents_and_their_words_are_found_by_other_texts() {
    let server = server();
    let url = server.url();
    check_words(
        &url,
        "tfs delete 0101",
        &expect![[r#"
        0101010101010101010101010101010101010101	Big Buck Bunny, paused, 3.0 MiB
    "#]],
    );
    check_words(
        &url,
        "tfs delete 3",
        &expect![[r#"
        3	Größe 🎬.mkv, downloading, 3.0 MiB
    "#]],
    );
    check_words(
        &url,
        "tfs list pri",
        &expect![[r#"
        price $5 "cheap" `x`!	downloading, 3.0 MiB
    "#]],
    );
    check_words(
        &url,
        "tfs search bu",
        &expect![[r#"
        buck
        bunny
    "#]],
    );
    check_words(
        &url,
        "tfs search big br",
        &expect![[r#"
        brother
    "#]],
    );
    check_words(
        &url,
        "tfs list --filter name=Gr",
        &expect![[r#"
        name=Größe 🎬.mkv	downloading, 3.0 MiB
    "#]],
    );
    check_words(
        "http://127.0.0.1:1",
        &format!("tfs pause --server {url} Gr"),
        &expect![[r#"
        Größe 🎬.mkv	downloading, 3.0 MiB
    "#]],
    );
}

#[test]
fn values_of_a_fixed_set_need_no_server() {
    let url = "http://127.0.0.1:1";
    check_words(
        url,
        "tfs list --sort ",
        &expect![[r#"
        added
        name
        state
        size
        done
        down
        up
        eta
        ratio
        peers
    "#]],
    );
    check_words(
        url,
        "tfs list --columns name,s",
        &expect![[r#"
        name,state
        name,size
        name,selected
        name,server
    "#]],
    );
    check_words(
        url,
        "tfs list --filter ",
        &expect![[r#"
            state=
            state!=
            server=
            name=
            tag=
            on-demand=
        "#]],
    );
    check_words(
        url,
        "tfs list --filter state!=paused,s",
        &expect![[r#"
        state!=paused,seeding
    "#]],
    );
}

#[test]
fn flags_and_their_values_need_no_server() {
    let url = "http://127.0.0.1:1";
    check_words(
        url,
        "tfs mount -o allow_other,max",
        &expect![[r#"
        allow_other,max_streams=
    "#]],
    );
    check_words(
        url,
        "tfs mount f",
        &expect![[r#"
        films/
    "#]],
    );
    check_words(
        url,
        "tfs unmount -",
        &expect![[r#"
        --all	Unmount all mounts of this user
        --force	Unmount even if in use: programs that use the mount get errors at once
        --lazy	Detach the mount now, and end it when no program uses it any more
        --help	Print help
        --config	Also read this configuration file; it overrides the others
        --verbose	Log more: -v events, -vv each open file, -vvv each read
        --quiet	Print results and errors, but no warnings
        --color	When to print colors; NO_COLOR turns them off too
        --log-level	The minimum severity of log entries
        --log-file	Write the log to a file
        --log-format	The format of log entries
    "#]],
    );
    check_words(
        url,
        "tfs u",
        &expect![[r#"
        unmount	Unmount, or clean up after a crash
    "#]],
    );
    check_words(
        url,
        "tfs um",
        &expect![[r#"
        umount	Unmount, or clean up after a crash
    "#]],
    );
    check_words(
        url,
        "tfs completions ",
        &expect![[r#"
        bash
        elvish
        fish
        powershell
        zsh
    "#]],
    );
    check(
        url,
        "bash",
        &["tfs list --color=a", "a"],
        &expect![[r#"
        auto
        always
    "#]],
    );
}

#[test]
fn servers_are_those_of_the_configuration() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("tfs.toml");
    let text = "[[server]]\nname = \"nas\"\nurl = \"http://nas:3030\"\n\
        [[server]]\nname = \"seedbox\"\nurl = \"https://box/rqbit\"\n[[mount]]\npath = \"/mnt/films\"\n";
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    check_words(
        "",
        &format!("tfs --config {file} list --server "),
        &expect![[r#"
        nas	http://nas:3030/
        seedbox	https://box/rqbit/
    "#]],
    );
    check_words(
        "",
        &format!("tfs mount --config={file} /mnt/fi"),
        &expect![[r#"
        /mnt/films
    "#]],
    );
    check_words(
        "",
        &format!("tfs mount --config={file} se"),
        &expect![[r#"
        seedbox	https://box/rqbit/
    "#]],
    );
}

#[test]
fn a_silent_server_does_not_lose_the_torrents_of_others() {
    let servers = [server(), server(), server()];
    servers[0].always(Target::All, Fault::Stall(Cut::Head));
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("tfs.toml");
    let sections = servers.iter().zip(["silent", "a", "b"]);
    let sections = sections.map(|(server, name)| {
        format!("[[server]]\nname = \"{name}\"\nurl = \"{}\"\n", server.url())
    });
    fs::write(&file, sections.collect::<String>()).unwrap();
    // Two of them list the same torrents.
    check_words(
        "",
        &format!("tfs --config {} list Big", file.display()),
        &expect![[r#"
        Big Buck Bunny	paused, 3.0 MiB
        Big Brother's [1080p] (2024)	downloading, 3.0 MiB
    "#]],
    );
}

#[test]
fn nothing_is_inserted_and_nothing_said_without_candidates() {
    let server = server();
    server.always(Target::All, Fault::Stall(Cut::Head));
    let down = "http://127.0.0.1:1";
    for url in [server.url().as_str(), down, "nonsense"] {
        for words in [["tfs", "pause", ""], ["tfs", "list", "B"], ["tfs", "search", "bu"]] {
            check_silent(url, "fish", &words);
        }
    }
    // Flags alone would have the shell insert a hyphen.
    check_silent(down, "bash", &["tfs config show ", ""]);
    check_silent(down, "zsh", &["tfs", "mount", "--read-timeout", ""]);
    // The default server is none of the configuration.
    check_silent("", "zsh", &["tfs", "list", "--server", ""]);
    check_silent(down, "tcsh", &["tfs", "pause", ""]);
    check_silent(down, "bash", &[]);
    check_silent(down, "zsh", &[]);
}

/// A real shell in a terminal of tmux, with the completions of tfs.
struct Terminal {
    home: tempfile::TempDir,
}

impl Terminal {
    fn start(shell: &str, url: &str) -> Self {
        let this = Self { home: tempfile::tempdir().unwrap() };
        let home = this.home.path();
        let script = tfs(home).args(["completions", shell]).output().unwrap().stdout;
        let (file, text, command) = match shell {
            "bash" => (
                ".bashrc",
                "PS1='ready> '; source ./script",
                "bash --noprofile --rcfile .bashrc -i",
            ),
            "zsh" => (
                ".zshrc",
                "PS1='ready> '; autoload -U compinit; compinit -u -D; source ./script; bindkey -e",
                "zsh -i",
            ),
            _ => (
                "rc.fish",
                "function fish_prompt; echo 'ready> '; end; source ./script",
                "fish --no-config -i -C 'source rc.fish'",
            ),
        };
        fs::write(home.join("script"), script).unwrap();
        fs::write(home.join(file), format!("{text}\n")).unwrap();
        let binaries = Path::new(env!("CARGO_BIN_EXE_tfs")).parent().unwrap();
        let path = format!("{}:{}", binaries.display(), env::var("PATH").unwrap());
        let mut tmux = this.tmux();
        tmux.env("PATH", path).env("TFS_SERVER", url).env("LC_ALL", "C.UTF-8").current_dir(home);
        tmux.env(PATIENCE.0, PATIENCE.1);
        tmux.args(["-f", "/dev/null", "new-session", "-d", "-x", "150", "-y", "30", command]);
        assert!(tmux.status().unwrap().success());
        until("the prompt", || this.screen().contains("ready>").then_some(()));
        this
    }

    fn tmux(&self) -> Command {
        let mut tmux = hermetic("tmux", self.home.path());
        tmux.arg("-u").arg("-S").arg(self.home.path().join("tmux"));
        tmux
    }

    fn send(&self, keys: &[&str]) {
        assert!(self.tmux().args(["send-keys"]).args(keys).status().unwrap().success());
    }

    fn screen(&self) -> String {
        let output = self.tmux().args(["capture-pane", "-p"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Types a line and the Tab key, and compares the line that the shell makes of it.
    #[track_caller]
    fn check(&self, typed: &str, want: &str) {
        self.send(&["C-u"]);
        self.send(&["-l", "--", typed]);
        self.send(&["Tab"]);
        // The shell reads this when it has completed.
        self.send(&["-l", "--", "%%"]);
        let screen = until(typed, || Some(self.screen()).filter(|screen| screen.contains("%%")));
        let line = screen.lines().find(|line| line.contains("%%")).unwrap();
        assert!(line.ends_with(&format!("{want}%%")), "{want}\n{screen}");
        self.send(&["C-u"]);
        until("an empty line", || (!self.screen().contains("%%")).then_some(()));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.tmux().arg("kill-server").status());
    }
}

#[track_caller]
fn check_shell(test: &str, shell: &str, cases: &[(&str, &str)]) {
    for program in ["tmux", shell] {
        if Command::new(program).arg("-c").arg("true").output().is_err() {
            return skip::for_lack_of(program, test);
        }
    }
    let server = server();
    let terminal = Terminal::start(shell, &server.url());
    for (typed, want) in cases {
        terminal.check(typed, want);
    }
}

/// The same in all shells.
const COMMON: [(&str, &str); 7] = [
    (r"tfs pause Big\ Br", r"tfs pause Big\ Brother\'s\ \[1080p\]\ \(2024\) "),
    ("tfs pause \"Big Br", "tfs pause \"Big Brother's [1080p] (2024)\" "),
    ("tfs list Gr", r"tfs list Größe\ 🎬.mkv "),
    ("tfs start ", r"tfs start Big\ Buck\ Bunny "),
    (r"tfs start big\ b", r"tfs start Big\ Buck\ Bunny "),
    ("tfs list --sort=n", "tfs list --sort=name "),
    ("tfs config show ", "tfs config show "),
];

#[test]
fn bash_inserts_what_it_reads_again() {
    let own = [
        ("tfs pause pri", r#"tfs pause price\ \$5\ \"cheap\"\ \`x\`\! "#),
        ("tfs pause \"pri", r#"tfs pause "price \$5 \"cheap\" \`x\`"\!"" "#),
        ("tfs pause 'Big Br", r"tfs pause 'Big Brother'\''s [1080p] (2024)' "),
    ];
    check_shell(test_name!(), "bash", &[&COMMON[..], &own].concat());
}

#[test]
fn zsh_inserts_what_it_reads_again() {
    let own = [
        ("tfs pause pri", r#"tfs pause price\ \$5\ \"cheap\"\ \`x\`\! "#),
        ("tfs pause 'Big Br", r"tfs pause 'Big Brother'\''s [1080p] (2024)' "),
    ];
    check_shell(test_name!(), "zsh", &[&COMMON[..], &own].concat());
}

#[test]
fn fish_inserts_what_it_reads_again() {
    let own = [
        ("tfs pause pri", r#"tfs pause price\ \$5\ \"cheap\"\ `x`! "#),
        ("tfs pause 'Big Br", r"tfs pause 'Big Brother\'s [1080p] (2024)' "),
    ];
    check_shell(test_name!(), "fish", &[&COMMON[..], &own].concat());
}
