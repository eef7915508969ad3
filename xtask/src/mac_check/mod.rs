//! Checks that the command compiles for macOS, on Linux.
//!
//! `cargo check` finds what does not compile; nothing is linked or run. Both sets of features are
//! checked for both processors.

mod toolchain;

use std::time::Instant;

use toolchain::Toolchain;

use crate::Result;

/// The features that are checked, the quicker ones first.
const FEATURES: [&[&str]; 2] = [&["--no-default-features"], &[]];

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MacOutcome {
    Passed,
    Failed,
    /// There is no compiler; why is printed.
    Skipped,
}

/// Runs the check, and downloads the compilers first if they are missing.
///
/// # Errors
/// If cargo cannot be started.
pub(crate) fn run() -> Result<bool> {
    let toolchain = Toolchain::find()?;
    if let Some(reason) = toolchain.obtain() {
        println!("mac-check: skipped: no compiler for macOS: {reason}");
        return Ok(true);
    }
    Ok(check(&toolchain)? == MacOutcome::Passed)
}

/// Runs the check as a part of CI: only where it has run before. From nothing it compiles two
/// standard libraries and all dependencies, which takes longer than the other checks together.
///
/// # Errors
/// If cargo cannot be started.
pub(crate) fn run_if_warm() -> Result<MacOutcome> {
    let toolchain = Toolchain::find()?;
    if !toolchain.is_warm() {
        println!("mac-check: skipped: it has not run on this machine; run: cargo xtask mac-check");
        return Ok(MacOutcome::Skipped);
    }
    if let Some(reason) = toolchain.obtain() {
        println!("mac-check: skipped: no compiler for macOS: {reason}");
        return Ok(MacOutcome::Skipped);
    }
    check(&toolchain)
}

fn check(toolchain: &Toolchain) -> Result<MacOutcome> {
    for features in FEATURES {
        let started = Instant::now();
        let status = toolchain
            .check(features)
            .status()
            .map_err(|error| format!("cannot start cargo: {error}"))?;
        let features = if features.is_empty() { "default features" } else { "no features" };
        if !status.success() {
            println!("mac-check: tfs-cli with {features} does not compile for macOS");
            return Ok(MacOutcome::Failed);
        }
        let secs = started.elapsed().as_secs();
        println!("mac-check: tfs-cli with {features} compiles for both targets ({secs} s)");
    }
    Ok(MacOutcome::Passed)
}
