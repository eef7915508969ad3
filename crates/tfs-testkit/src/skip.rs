//! Tests that cannot run on this machine: they pass, and are counted.
//!
//! A test harness hides the output of passing tests. So each skip is also a line in a file, and
//! `cargo xtask test` counts and prints the lines at the end. Children of
//! [`isolate`](crate::isolate) inherit the file's name.

#![expect(clippy::print_stdout, reason = "a skip shows with --nocapture")]

use std::env;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Write as _};

/// Names the file of the skips. `xtask/src/skips.rs` sets it.
const VARIABLE: &str = "_TFS_SKIPPED_TESTS";

/// Skips a test without `/dev/fuse`, root or fuse3. CI has them, and fails if a test is skipped.
///
/// `test` is the full name of the test, `reason` a fragment such as `only root can mount`. The
/// caller returns after the call.
///
/// # Panics
/// If the line cannot be written.
pub fn test(test: &str, reason: &str) {
    skip("test", test, reason);
}

/// Skips a test, or a part of it, without a program that CI need not have, such as ffmpeg.
///
/// # Panics
/// If the line cannot be written.
pub fn for_lack_of(program: &str, test: &str) {
    skip("program", test, &format!("no {program}"));
}

fn skip(kind: &str, test: &str, reason: &str) {
    println!("{test}: skipped, {reason}");
    if let Some(path) = env::var_os(VARIABLE) {
        append(&path, &line(kind, test, reason)).expect("a skip has to be counted");
    }
}

/// Returns a line in the format of `xtask/src/skips.rs`.
fn line(kind: &str, test: &str, reason: &str) -> String {
    format!("{kind}\t{test}\t{reason}\n")
}

/// Appends a line in one write, so that lines of several processes do not mix.
fn append(path: &OsStr, line: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{append, line};

    #[test]
    fn each_skip_is_a_line_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("skipped");
        for (kind, test) in [("test", "ending::a"), ("program", "heads::b")] {
            append(path.as_os_str(), &line(kind, test, "no /dev/fuse")).unwrap();
        }
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            "test\tending::a\tno /dev/fuse\nprogram\theads::b\tno /dev/fuse\n"
        );
    }
}
