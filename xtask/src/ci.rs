//! All checks that must pass before a merge, except the tests.
//!
//! The tests are a separate command because they compile everything again: checks need only
//! metadata, tests need machine code.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::mac_check::{self, MacOutcome};
use crate::{Result, docs, embed, tidy, workspace};

/// One check.
#[derive(Debug, Clone, Copy)]
struct CiStep {
    name: &'static str,
    what: What,
}

/// The kind of a step.
#[derive(Debug, Clone, Copy)]
enum What {
    /// Runs cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// Runs tidy in this process.
    Tidy,
    /// Builds the site of the documentation in this process, if mdbook is installed.
    Site,
    /// Checks the package outside the workspace in this process.
    Embed,
    /// Checks that the command compiles for macOS in this process, where that has been done before.
    Mac,
    /// Runs git with these arguments, if this is a checkout of git.
    Git(&'static [&'static str]),
    /// Runs cargo with a subcommand that may not be installed; the name of the subcommand comes
    /// first.
    Optional(&'static [&'static str]),
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepOutcome {
    Passed,
    Failed,
    NotInstalled,
}

/// The steps, the cheapest first, so that a formatting error is reported within seconds.
const STEPS: [CiStep; 9] = [
    CiStep { name: "fmt", what: What::Cargo(&["fmt", "--all", "--check"]) },
    CiStep {
        name: "spaces",
        // Compares with the empty tree, so it checks every line of every tracked file, except for
        // recordings.
        what: What::Git(&[
            "diff",
            "--check",
            "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            "--",
            ".",
            ":!fuzz/corpus/*",
            ":!*.txt",
            ":!*/tests/data/*",
            ":!crates/tfs-testkit/data/*",
        ]),
    },
    CiStep { name: "tidy", what: What::Tidy },
    CiStep { name: "site", what: What::Site },
    CiStep {
        name: "deny",
        what: What::Optional(&["deny", "--offline", "check", "licenses", "bans", "sources"]),
    },
    CiStep {
        name: "clippy",
        what: What::Cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]),
    },
    CiStep {
        name: "doc",
        // The three filters select the same targets as no filter. With examples among them, cargo
        // includes the dependencies of tests, as clippy does, and checks none of them a second
        // time.
        what: What::Cargo(&[
            "doc",
            "--workspace",
            "--lib",
            "--bins",
            "--examples",
            "--all-features",
            "--no-deps",
            "--document-private-items",
            "--locked",
        ]),
    },
    CiStep { name: "embed", what: What::Embed },
    CiStep { name: "mac", what: What::Mac },
];

/// Runs the steps up to the first failure. Returns whether all passed.
///
/// # Errors
/// If cargo cannot be started.
pub(crate) fn run() -> Result<bool> {
    let mut done = Vec::new();
    for step in STEPS {
        println!("==> {}", step.name);
        let started = Instant::now();
        let verdict = step.run()?;
        done.push((step.name, verdict, started.elapsed()));
        if verdict == StepOutcome::Failed {
            break;
        }
    }
    println!("\n{}", summary(&done));
    Ok(done.iter().all(|(_, verdict, _)| *verdict != StepOutcome::Failed))
}

impl CiStep {
    fn run(self) -> Result<StepOutcome> {
        let passed = match self.what {
            What::Tidy => tidy::run()?,
            What::Site => {
                if !docs::has_mdbook() {
                    println!("mdbook is not installed: left out");
                    return Ok(StepOutcome::NotInstalled);
                }
                docs::run()?
            }
            What::Embed => embed::run()?,
            What::Mac => match mac_check::run_if_warm()? {
                MacOutcome::Skipped => return Ok(StepOutcome::NotInstalled),
                MacOutcome::Passed => true,
                MacOutcome::Failed => false,
            },
            What::Git(args) => {
                if !workspace::root().join(".git").exists() {
                    println!("not a checkout of git: left out");
                    return Ok(StepOutcome::NotInstalled);
                }
                git(args)?
            }
            What::Cargo(args) => cargo(args)?,
            What::Optional(args) => {
                if !is_installed(args)? {
                    println!("cargo-{} is not installed: left out", self.name);
                    return Ok(StepOutcome::NotInstalled);
                }
                // It reads the manifests of all platforms; a build downloads only those of one.
                cargo(&["fetch", "--locked", "--quiet"])? && cargo(args)?
            }
        };
        Ok(if passed { StepOutcome::Passed } else { StepOutcome::Failed })
    }
}

fn cargo(args: &[&str]) -> Result<bool> {
    let status = workspace::cargo()
        .args(args)
        // Only `doc` reads it. It is set for all steps, so that none can miss it.
        .env("RUSTDOCFLAGS", "-D warnings")
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    Ok(status.success())
}

fn git(args: &[&str]) -> Result<bool> {
    let status = Command::new("git")
        .args(args)
        .current_dir(workspace::root())
        .status()
        .map_err(|error| format!("cannot start git: {error}"))?;
    Ok(status.success())
}

fn is_installed(args: &[&str]) -> Result<bool> {
    let status = workspace::cargo()
        .args(args.iter().take(1))
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    Ok(status.success())
}

fn summary(done: &[(&str, StepOutcome, Duration)]) -> String {
    let mut lines = Vec::new();
    for (name, verdict, took) in done {
        let verdict = match verdict {
            StepOutcome::Passed => "passed",
            StepOutcome::Failed => "FAILED",
            StepOutcome::NotInstalled => "left out, not installed",
        };
        lines.push(format!("{name:<8}{:>7.1} s  {verdict}", took.as_secs_f64()));
    }
    match done.last() {
        Some((name, StepOutcome::Failed, _)) => lines.push(format!("ci: stopped, {name} failed")),
        _ => lines.push("ci: all checks passed".to_owned()),
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};

    use super::{StepOutcome, summary};

    #[track_caller]
    fn check(done: &[(&str, StepOutcome)], expect: &Expect) {
        let took = Duration::from_millis(61_250);
        let done: Vec<_> = done.iter().map(|(name, verdict)| (*name, *verdict, took)).collect();
        expect.assert_eq(&summary(&done));
    }

    #[test]
    fn the_summary_names_the_step_that_failed() {
        check(
            &[("fmt", StepOutcome::Passed), ("tidy", StepOutcome::Failed)],
            &expect![[r#"
            fmt        61.2 s  passed
            tidy       61.2 s  FAILED
            ci: stopped, tidy failed"#]],
        );
    }

    #[test]
    fn a_missing_tool_is_said_and_no_failure() {
        check(
            &[("deny", StepOutcome::NotInstalled), ("doc", StepOutcome::Passed)],
            &expect![[r#"
            deny       61.2 s  left out, not installed
            doc        61.2 s  passed
            ci: all checks passed"#]],
        );
    }
}
