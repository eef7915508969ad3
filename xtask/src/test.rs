//! All tests of the workspace, the skipped ones, and the totals as the last line.

use std::{
    env,
    ffi::OsString,
    fs::OpenOptions,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use crate::{
    Result,
    skips::{self, SkipFile},
    workspace,
};

/// The kernel's device for FUSE.
pub(crate) const FUSE_DEVICE: &str = "/dev/fuse";

/// The program by which users other than root mount.
const FUSE_HELPER: &str = "fusermount3";

/// The test counts of one run, summed over all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct TestTotals {
    passed: u64,
    failed: u64,
}

impl TestTotals {
    /// Adds the result line of a test program; ignores other lines.
    fn on_line(&mut self, line: &str) {
        if let Some((passed, failed)) = parse_result(line) {
            self.passed += passed;
            self.failed += failed;
        }
    }

    /// Returns what is wrong with the run, if anything.
    ///
    /// `completed` is whether cargo succeeded. It does not if a test failed, and neither if the
    /// code did not compile or a test program died without a result.
    fn complaint(&self, completed: bool) -> Option<&'static str> {
        match self {
            Self { failed: 1.., .. } => Some("a test failed"),
            _ if !completed => Some("cargo ended before all tests had a result, see above"),
            Self { passed: 0, .. } => Some("no test ran"),
            _ => None,
        }
    }
}

/// Runs the tests. Returns whether all passed, at least one ran, and in CI none was skipped.
///
/// # Errors
/// If cargo cannot be started, or its output cannot be read or written.
pub(crate) fn run(extra: &[OsString]) -> Result<bool> {
    println!("{}", fuse_line(can_open(FUSE_DEVICE), find_in_path(FUSE_HELPER).as_deref()));
    let skip_file = SkipFile::create()?;
    let started = Instant::now();
    let mut child = workspace::cargo()
        .args(cargo_args(extra))
        .env(skips::VARIABLE, skip_file.path())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    let output = child.stdout.take().ok_or("cargo has no output")?;
    let tally = tally_of(BufReader::new(output), io::stdout().lock())?;
    let status = child.wait()?;

    let skips = skip_file.read()?;
    let complaint = tally.complaint(status.success()).or_else(|| skips.complaint(skips::is_ci()));
    if let Some(complaint) = complaint {
        eprintln!("error: {complaint}");
    }
    println!("tests: {:.1} s, compiling included", started.elapsed().as_secs_f64());
    println!("{skips}");
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(complaint.is_none())
}

/// Returns the arguments for cargo: the whole workspace, unless a package is named.
fn cargo_args(extra: &[OsString]) -> Vec<OsString> {
    let names_package = extra.iter().take_while(|arg| *arg != "--").any(|arg| {
        arg.to_str().is_some_and(|arg| arg.starts_with("-p") || arg.starts_with("--package"))
    });
    let mut args: Vec<OsString> = vec!["test".into()];
    if !names_package {
        args.push("--workspace".into());
    }
    // Without --no-fail-fast the totals would end at the first test program that fails.
    args.extend(["--locked", "--all-features", "--no-fail-fast"].map(Into::into));
    args.extend(extra.iter().cloned());
    args
}

/// Forwards every line immediately and sums the results. Output of tests may not be valid UTF-8.
fn tally_of(mut from: impl BufRead, mut to: impl Write) -> io::Result<TestTotals> {
    let mut tally = TestTotals::default();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        tally.on_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(tally)
}

/// Parses `test result: ok. 3 passed; 0 failed; 0 ignored; ...`.
fn parse_result(line: &str) -> Option<(u64, u64)> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    let passed = counts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = counts.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

/// Returns the line about the FUSE support for tests; `helper` is the path of [`FUSE_HELPER`].
fn fuse_line(can_open: bool, helper: Option<&Path>) -> String {
    let device = if can_open {
        format!("{FUSE_DEVICE} can be opened: the tests that mount run")
    } else {
        format!("{FUSE_DEVICE} cannot be opened: the tests that mount are skipped")
    };
    match helper {
        Some(helper) => format!("{device} ({FUSE_HELPER} is {})", helper.display()),
        None => format!("{device} (no {FUSE_HELPER} in the PATH)"),
    }
}

/// Returns whether the device can be opened for reading and writing.
pub(crate) fn can_open(device: &str) -> bool {
    OpenOptions::new().read(true).write(true).open(device).is_ok()
}

fn find_in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{cargo_args, fuse_line, tally_of};

    #[track_caller]
    fn check(output: &[u8], completed: bool, expect: &Expect) {
        let mut copy = Vec::new();
        let tally = tally_of(output, &mut copy).unwrap();
        assert_eq!(copy, output, "the output is passed on as it is");
        let complaint = tally.complaint(completed).unwrap_or("fine");
        expect.assert_eq(&format!("{} passed, {} failed: {complaint}", tally.passed, tally.failed));
    }

    #[test]
    fn results_of_all_programs_are_added() {
        let output = b"running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
            \xff is no UTF-8\n\
            test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        check(output, true, &expect!["43 passed, 0 failed: fine"]);
    }

    #[test]
    fn a_failure_counts_even_if_cargo_ends_well() {
        check(
            b"test result: FAILED. 1 passed; 2 failed; 0 ignored\n",
            true,
            &expect!["1 passed, 2 failed: a test failed"],
        );
        check(
            b"test result: FAILED. 1 passed; 2 failed; 0 ignored\n",
            false,
            &expect!["1 passed, 2 failed: a test failed"],
        );
    }

    #[test]
    fn a_run_without_tests_is_no_success() {
        check(b"", true, &expect!["0 passed, 0 failed: no test ran"]);
        check(
            b"test result: ok. 0 passed; 0 failed; 0 ignored\n",
            true,
            &expect!["0 passed, 0 failed: no test ran"],
        );
    }

    #[test]
    fn a_program_that_dies_is_no_success() {
        check(
            b"test result: ok. 7 passed; 0 failed; 0 ignored\n",
            false,
            &expect!["7 passed, 0 failed: cargo ended before all tests had a result, see above"],
        );
    }

    #[test]
    fn only_the_closing_line_of_a_program_counts() {
        check(
            b"  test result: ok. 1 passed; 0 failed\ntest result: maybe\n\
            test result: ok. x passed; 0 failed\ntest a ... ok\n",
            true,
            &expect!["0 passed, 0 failed: no test ran"],
        );
    }

    #[test]
    fn arguments_for_cargo() {
        let rendered: Vec<String> = [&[][..], &["-p", "vfs-core"], &["--", "-p"]]
            .map(|extra| {
                let extra: Vec<_> = extra.iter().map(Into::into).collect();
                cargo_args(&extra).join(" ".as_ref()).into_string().unwrap()
            })
            .to_vec();
        expect![[r#"
            test --workspace --locked --all-features --no-fail-fast
            test --locked --all-features --no-fail-fast -p vfs-core
            test --workspace --locked --all-features --no-fail-fast -- -p"#]]
        .assert_eq(&rendered.join("\n"));
    }

    #[test]
    fn what_is_said_of_the_device() {
        let helper = "/bin/fusermount3".as_ref();
        let said = [fuse_line(true, None), fuse_line(false, Some(helper))].join("\n");
        expect![[r#"
            /dev/fuse can be opened: the tests that mount run (no fusermount3 in the PATH)
            /dev/fuse cannot be opened: the tests that mount are skipped (fusermount3 is /bin/fusermount3)"#]].assert_eq(&said);
    }
}
