//! The demonstration of tfs, built like a release.

use std::ffi::OsString;

use crate::{Result, workspace};

/// Runs `tfs demo`. Returns whether it succeeded.
///
/// # Errors
/// If cargo cannot be started.
pub(crate) fn run(extra: &[OsString]) -> Result<bool> {
    let status = workspace::cargo()
        .args(["run", "--release", "--locked", "--", "demo"])
        .args(extra)
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    Ok(status.success())
}
