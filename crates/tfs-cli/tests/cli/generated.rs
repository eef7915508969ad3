//! Output generated from the arguments: completions and manual pages.

use std::fs;
use std::process::{Command, Stdio};

use tfs_testkit::{skip, test_name};

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

/// The sections of each page of a command, in their order. Examples are those of the help, if it
/// has some.
const SECTIONS: [&str; 8] = [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "OPTIONS",
    "EXIT STATUS",
    "ENVIRONMENT",
    "FILES",
    "SEE ALSO",
];

#[test]
fn every_command_has_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let output = tfs(dir.path()).arg("man").output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains(".TH TFS 1"));
    let pages = dir.path().join("share/man1");
    assert!(tfs(dir.path()).args(["man", "--dir"]).arg(&pages).status().unwrap().success());
    for page in ["tfs.1", "tfs-mount.1", "tfs-delete.1", "tfs-config-init.1"] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        let headings = text.lines().filter_map(|line| line.strip_prefix(".SH "));
        let headings: Vec<_> = headings.map(|heading| heading.trim_matches('"')).collect();
        let found: Vec<_> =
            headings.iter().copied().filter(|heading| SECTIONS.contains(heading)).collect();
        assert_eq!(found, SECTIONS, "{page}");
        assert!(text.lines().all(|line| line.len() <= 80), "{page}");
    }
    // man(1) looks for it there.
    let file = fs::read_to_string(dir.path().join("share/man5/tfs.toml.5")).unwrap();
    assert!(file.contains(".TH TFS.TOML 5") && file.contains("fBpoll_interval"));
}

#[test]
fn other_programs_format_the_pages_without_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("pages");
    assert!(tfs(dir.path()).args(["man", "--dir"]).arg(&pages).status().unwrap().success());
    for page in fs::read_dir(&pages).unwrap() {
        let page = page.unwrap().path();
        for program in
            [["mandoc", "-T", "lint"].as_slice(), &["groff", "-man", "-Tutf8", "-ww", "-z"]]
        {
            let output = Command::new(program[0]).args(&program[1..]).arg(&page).output();
            let Ok(output) = output else {
                return skip::for_lack_of(program[0], test_name!());
            };
            let messages = [output.stdout.as_slice(), &output.stderr].concat();
            assert_eq!(String::from_utf8_lossy(&messages), "", "{}", page.display());
        }
    }
}
