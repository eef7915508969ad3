//! The cases in `tests/cmd`: commands with their exit codes and what they print.
//!
//! `UPDATE_EXPECT=1` writes the files.

use std::env;
use std::fs;
use std::path::Path;

use tfs_testkit::hermetic::hermetic;
use tfs_testkit::test_name;
use trycmd::TestCases;

/// Set for the child, to the path of tfs. `tests/cmd/tfs` runs that.
const BINARY: &str = "CASES_BINARY";

/// Runs the commands of a file one after the other, in a directory that is their home as well.
///
/// trycmd passes on all variables of its process. So this test runs again in a child that has none
/// of the caller's settings.
#[track_caller]
fn check(test: &str, file: &str) {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd");
    let file = cases.join(file);
    if env::var_os(BINARY).is_some() {
        let runner = TestCases::new();
        for name in ["tfs", "write"] {
            runner.register_bin(name, cases.join(name));
        }
        runner.case(file).run();
        return;
    }
    // trycmd skips a program that it does not know.
    for command in fs::read_to_string(&file).unwrap().lines().filter_map(|it| it.strip_prefix("$ "))
    {
        let editor = command.strip_prefix("EDITOR='").and_then(|rest| rest.split_once("' "));
        let command = editor.map_or(command, |(_, rest)| rest);
        let program = command.split(' ').find(|word| !word.contains('='));
        assert!(matches!(program, Some("tfs" | "write")), "{command}");
    }
    let dir = tempfile::tempdir().unwrap();
    // Paths that the commands name.
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::create_dir(dir.path().join("full")).unwrap();
    fs::write(dir.path().join("full/file"), "no torrent").unwrap();
    fs::write(dir.path().join("empty.torrent"), "").unwrap();
    let mut child = hermetic(env::current_exe().unwrap(), dir.path());
    child.args([test, "--exact", "--nocapture"]).current_dir(dir.path());
    child.env(BINARY, env!("CARGO_BIN_EXE_tfs")).env("COLUMNS", "80");
    if env::var_os("UPDATE_EXPECT").is_some() {
        child.env("TRYCMD", "overwrite");
    }
    let output = child.output().unwrap();
    let has_run = String::from_utf8_lossy(&output.stdout).contains(" 1 passed");
    assert!(has_run, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn help() {
    check(test_name!(), "help.trycmd");
}

#[test]
fn wrong_arguments() {
    check(test_name!(), "wrong-arguments.trycmd");
}

#[test]
fn wrong_commands() {
    check(test_name!(), "wrong-commands.trycmd");
}

#[test]
fn wrong_servers() {
    check(test_name!(), "wrong-servers.trycmd");
}

#[test]
fn wrong_mount_points() {
    check(test_name!(), "wrong-mount-points.trycmd");
}

#[test]
fn wrong_flags() {
    check(test_name!(), "wrong-flags.trycmd");
}

#[test]
fn wrong_values() {
    check(test_name!(), "wrong-values.trycmd");
}

#[test]
fn wrong_configuration() {
    check(test_name!(), "wrong-configuration.trycmd");
}

#[test]
fn config_init() {
    check(test_name!(), "config-init.trycmd");
}

#[test]
fn config_show() {
    check(test_name!(), "config-show.trycmd");
}

#[test]
fn config_change() {
    check(test_name!(), "config-change.trycmd");
}

#[test]
fn on_demand() {
    check(test_name!(), "on-demand.trycmd");
}

#[test]
fn views() {
    check(test_name!(), "views.trycmd");
}
