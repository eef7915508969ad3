//! The destination and the format of the log.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::tfs;

/// A command that warns, about a variable whose name is close to one of tfs's.
fn warning(dir: &Path) -> Command {
    let mut command = tfs(dir);
    command.args(["config", "path"]).env("TFS_SEVER", "x");
    command
}

const TEXT: &str = "TFS_SEVER is not a setting of tfs; did you mean TFS_SERVER?";

#[test]
fn a_closed_standard_error_changes_no_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = tfs(dir.path());
    let status = command.args(["list", "--server", "http://127.0.0.1:1"]).stderr(writer).status();
    assert_eq!(status.unwrap().code(), Some(20));
}

#[test]
fn text_goes_to_stderr_and_json_to_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let output = warning(dir).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text, format!("warning: {TEXT}\n"));
    // A service has the time and the call site. This one ends at once: it has no mount.
    let mut service = tfs(dir);
    let output = service.arg("daemon").env("TFS_SEVER", "x").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!(" WARN tfs: {TEXT}\n")), "{text}");

    let log = dir.join("log");
    let json = ["--log-format", "json", "--log-file", "log"];
    assert!(warning(dir).args(json).output().unwrap().stderr.is_empty());
    // A second process appends.
    assert!(warning(dir).args(json).status().unwrap().success());
    let text = fs::read_to_string(log).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            (line["level"].as_str(), line["fields"]["message"].as_str()),
            (Some("WARN"), Some(TEXT))
        );
    }
}

#[test]
fn the_journal_gets_priorities_and_no_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let journal = File::create(&path).unwrap();
    let metadata = journal.metadata().unwrap();
    let stream = format!("{}:{}", metadata.dev(), metadata.ino());
    let mut command = warning(dir.path());
    assert!(command.env("JOURNAL_STREAM", stream).stderr(journal).status().unwrap().success());
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("<4> WARN tfs: {TEXT}\n"));
}

#[test]
fn levels_come_from_settings_flags_and_rust_log() {
    let dir = tempfile::tempdir().unwrap();
    let is_logged = |command: &mut Command| !command.output().unwrap().stderr.is_empty();
    assert!(is_logged(&mut warning(dir.path())));
    assert!(!is_logged(warning(dir.path()).env("TFS_LOGGING__LEVEL", "error")));
    let mut invalid = tfs(dir.path());
    let output = invalid.args(["config", "path"]).env("RUST_LOG", "a=b=c").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("warning: RUST_LOG is invalid"), "{text}");
    assert!(is_logged(warning(dir.path()).arg("-v").env("TFS_LOGGING__LEVEL", "error")));
    assert!(!is_logged(warning(dir.path()).arg("-v").env("RUST_LOG", "error")));
}
