//! Output generated from the arguments: completions and manual pages.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::tfs;

#[test]
fn every_shell_has_completions_and_takes_them() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = tfs(dir.path()).args(["completions", shell]).output().unwrap();
        assert!(output.status.success(), "{shell}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("_TFS_COMPLETE"), "{shell}");
        let path = dir.path().join(shell);
        fs::write(&path, text).unwrap();
        // The installed shells parse it without messages.
        let check = Command::new(shell).arg("-n").arg(&path).stdin(Stdio::null()).output();
        if let (Ok(output), "bash" | "zsh" | "fish") = (check, shell) {
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        }
    }
}

#[test]
fn every_command_has_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let output = tfs(dir.path()).arg("man").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains(".TH tfs 1"));
    let pages = dir.path().join("share/man1");
    assert!(tfs(dir.path()).args(["man", "--dir"]).arg(&pages).status().unwrap().success());
    for page in ["tfs.1", "tfs-mount.1", "tfs-delete.1", "tfs-config-init.1"] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}
