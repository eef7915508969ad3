//! `cargo xtask acceptance`: checks with programs that tests do not need.
//!
//! The checks are data ([`checks::CHECKS`]). This module selects them, installs missing programs,
//! runs the scripts, and prints the results.

mod checks;
mod install;

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::PathBuf,
    process::{self, Command, Stdio},
    time::{Duration, Instant},
};

use checks::{CHECKS, ForeignCheck, PRELUDE};

use crate::{
    Result,
    program::{self, Binaries},
    test::{FUSE_DEVICE, can_open},
    workspace,
};

/// How long a check may take, in seconds. A test of the workspace may have to be compiled first.
const SECONDS_MAX: u32 = 1200;

/// The arguments of `cargo xtask acceptance`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Numbers of issues or names of checks; all checks if there are none.
    pub(crate) names: Vec<String>,
    /// Whether to skip checks whose programs are missing instead of installing them.
    pub(crate) no_install: bool,
    /// Whether to print the checks only.
    pub(crate) list: bool,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CheckOutcome {
    Passed,
    Failed,
    /// Not run, for this reason.
    Skipped(String),
}

/// Runs the selected checks. Returns whether none failed.
///
/// # Errors
/// If a name is unknown, or `tfs` cannot be built.
pub(crate) fn run(selection: &Selection) -> Result<bool> {
    let checks = select(&CHECKS, &selection.names)?;
    if selection.list {
        for check in checks {
            println!("{}", describe(check));
        }
        return Ok(true);
    }
    let dirs = Dirs::create()?;
    if !selection.no_install {
        install::missing(&checks, &dirs.path(), &dirs.python);
    }
    let binaries = program::build(true)?;
    let mut results = Vec::new();
    for check in checks {
        println!("==> {}: {}", check.name, check.about);
        let started = Instant::now();
        let outcome = match reason_to_skip(check, &dirs.path()) {
            Some(reason) => CheckOutcome::Skipped(reason),
            None if run_script(check, &dirs, &binaries)? => CheckOutcome::Passed,
            None => CheckOutcome::Failed,
        };
        results.push((check.name, outcome, started.elapsed()));
    }
    println!("\n{}", summary(&results));
    Ok(!results.iter().any(|(_, outcome, _)| *outcome == CheckOutcome::Failed))
}

/// Returns the checks with these names or of these issues.
fn select<'a>(checks: &'a [ForeignCheck], names: &[String]) -> Result<Vec<&'a ForeignCheck>> {
    let is_named =
        |check: &ForeignCheck, name: &str| check.name == name || check.issue.to_string() == name;
    if let Some(unknown) = names.iter().find(|name| !checks.iter().any(|it| is_named(it, name))) {
        return Err(format!("no check is named or has the issue `{unknown}`; see --list").into());
    }
    let is_selected =
        |it: &&ForeignCheck| names.is_empty() || names.iter().any(|name| is_named(it, name));
    Ok(checks.iter().filter(is_selected).collect())
}

fn describe(check: &ForeignCheck) -> String {
    let programs: Vec<&str> = check.programs.iter().map(|program| program.name).collect();
    let ForeignCheck { name, issue, about, .. } = check;
    format!("{name:<14} issue {issue}: {about} ({})", programs.join(", "))
}

/// The directories of one run. Dropping it removes those of the scripts.
#[derive(Debug)]
struct Dirs {
    /// Contains the directory of each script.
    scripts: PathBuf,
    /// The Python environment with programs from PyPI, which later runs use again.
    python: PathBuf,
}

impl Dirs {
    /// Creates an empty directory for scripts.
    fn create() -> Result<Self> {
        let scripts = env::temp_dir().join(format!("tfs-acceptance-{}", process::id()));
        fs::create_dir(&scripts)?;
        Ok(Self { scripts, python: workspace::target_dir()?.join("acceptance-python") })
    }

    /// Returns `PATH` with the programs from PyPI first.
    fn path(&self) -> OsString {
        let mut path = self.python.join("bin").into_os_string();
        if let Some(rest) = env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        path
    }
}

impl Drop for Dirs {
    fn drop(&mut self) {
        // A leftover directory does no harm.
        drop(fs::remove_dir_all(&self.scripts));
    }
}

/// Returns why the check cannot run, if so.
fn reason_to_skip(check: &ForeignCheck, path: &OsStr) -> Option<String> {
    let missing: Vec<String> = check
        .programs
        .iter()
        .filter(|program| !install::is_there(program, path))
        .map(|program| format!("no {} (package {})", program.name, program.package))
        .collect();
    if !missing.is_empty() {
        return Some(missing.join(", "));
    }
    (check.mounts && !can_open(FUSE_DEVICE)).then(|| format!("{FUSE_DEVICE} cannot be opened"))
}

/// Runs the script of a check in a directory of its own. Returns whether it succeeded.
fn run_script(check: &ForeignCheck, dirs: &Dirs, binaries: &Binaries) -> Result<bool> {
    let dir = dirs.scripts.join(check.name);
    fs::create_dir(&dir)?;
    let status = Command::new("timeout")
        .args(["--kill-after=30", &SECONDS_MAX.to_string(), "bash", "-euo", "pipefail", "-c"])
        .arg(format!("{PRELUDE}\n{}", check.script))
        .current_dir(&dir)
        .env("PATH", dirs.path())
        .env("ROOT", workspace::root())
        .env("TFS", &binaries.tfs)
        .env("BENCH", &binaries.bench)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start timeout: {error}"))?;
    Ok(status.success())
}

fn summary(results: &[(&str, CheckOutcome, Duration)]) -> String {
    let mut lines = Vec::new();
    let mut counts = [0; 3];
    for (name, outcome, took) in results {
        let (index, text) = match outcome {
            CheckOutcome::Passed => (0, "passed".to_owned()),
            CheckOutcome::Failed => (1, "FAILED".to_owned()),
            CheckOutcome::Skipped(reason) => (2, format!("skipped: {reason}")),
        };
        if let Some(count) = counts.get_mut(index) {
            *count += 1;
        }
        lines.push(format!("{name:<14}{:>7.1} s  {text}", took.as_secs_f64()));
    }
    let [passed, failed, skipped] = counts;
    lines.push(format!("acceptance: {passed} passed, {failed} failed, {skipped} skipped"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::{CHECKS, CheckOutcome, select, summary};

    #[test]
    fn names_of_checks_are_unique() {
        for (index, check) in CHECKS.iter().enumerate() {
            assert!(CHECKS.iter().skip(index + 1).all(|other| other.name != check.name));
        }
    }

    #[test]
    fn checks_are_selected_by_name_or_issue() {
        let names = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            select(&CHECKS, &names)
                .map(|checks| checks.iter().map(|it| it.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), CHECKS.len());
        assert_eq!(names(&["21", "manual"]).unwrap(), ["manual", "metrics", "prometheus"]);
        let error = names(&["4711"]).unwrap_err().to_string();
        assert_eq!(error, "no check is named or has the issue `4711`; see --list");
    }

    #[test]
    fn results_are_counted() {
        let skipped = CheckOutcome::Skipped("no mpv (package mpv)".to_owned());
        let results = [
            ("manual", CheckOutcome::Passed, Duration::from_millis(1250)),
            ("film", skipped, Duration::ZERO),
            ("metrics", CheckOutcome::Failed, Duration::from_secs(70)),
        ];
        expect![[r#"
            manual            1.2 s  passed
            film              0.0 s  skipped: no mpv (package mpv)
            metrics          70.0 s  FAILED
            acceptance: 1 passed, 1 failed, 1 skipped"#]]
        .assert_eq(&summary(&results));
    }
}
