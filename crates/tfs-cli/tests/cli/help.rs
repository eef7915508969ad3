//! The help texts of `tests/cmd/help.trycmd`: their width, and that all are there.

use crate::support::tfs;

const TEXTS: &str = include_str!("../cmd/help.trycmd");

#[test]
fn help_reads_well_at_80_columns() {
    let dir = tempfile::tempdir().unwrap();
    let output = tfs(dir.path()).args(["help", "mount"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let text = String::from_utf8(output.stdout).unwrap();
    for line in TEXTS.lines().chain(text.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn every_command_has_a_help_here() {
    let dir = tempfile::tempdir().unwrap();
    let output = tfs(dir.path()).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let commands = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    for line in commands.take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        let command = format!("\n$ tfs {name} --help\n");
        assert!(name == "help" || TEXTS.contains(&command), "{name}");
    }
}
