//! All help texts, as printed on a terminal of 80 columns.

use expect_test::expect_file;

use crate::support::tfs;

const COMMANDS: [&str; 27] = [
    "",
    "mount",
    "daemon",
    "unmount",
    "list",
    "status",
    "search",
    "cache",
    "cache stats",
    "cache clear",
    "refresh",
    "preload",
    "add",
    "pause",
    "start",
    "forget",
    "delete",
    "config",
    "config show",
    "config path",
    "config reload",
    "config init",
    "doctor",
    "demo",
    "completions",
    "man",
    "help mount",
];

#[test]
fn help_reads_well_at_80_columns() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = String::new();
    for command in COMMANDS {
        let mut tfs = tfs(dir.path());
        tfs.args(command.split_whitespace());
        if !command.starts_with("help") {
            tfs.arg("--help");
        }
        let output = tfs.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{command}");
        let text = String::from_utf8(output.stdout).unwrap();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "tfs {command}: {line}");
        }
        if command != "help mount" {
            all.extend(["$ tfs ", command, " --help\n", text.as_str(), "\n"]);
        }
    }
    expect_file!["help.txt"].assert_eq(&all);
}

#[test]
fn every_command_has_a_help_here() {
    let dir = tempfile::tempdir().unwrap();
    let output = tfs(dir.path()).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let commands = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    for line in commands.take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        assert!(name == "help" || COMMANDS.contains(&name), "{name}");
    }
}
