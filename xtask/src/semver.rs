//! Compares the public interfaces of the libraries with those of a release.
//!
//! Before 1.0, a minor version may change an interface, and a patch version must not. While the
//! workspace has a later minor version than the baseline, the findings are printed for the
//! changelog.

use std::process::Stdio;

use crate::{Result, workspace};

/// The commit of 0.2.0, the first version with packages for crates.io. It has no tag.
const BASELINE: &str = "2c4918da6ea5a854c619210c2f83c79446517e07";

/// The libraries for programs of others that existed then. The interfaces of the other crates
/// follow the needs of the command.
const CRATES: [&str; 5] = ["fuse-adapter", "rqbit-client", "rqbit-source", "tfs-types", "vfs-core"];

/// Compares the libraries. Returns whether no change needs a higher version than the workspace has.
///
/// # Errors
/// If cargo cannot be started.
pub(crate) fn run() -> Result<bool> {
    let mut help = workspace::cargo();
    help.args(["semver-checks", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !help.status().map_err(|error| format!("cannot start cargo: {error}"))?.success() {
        println!("cargo-semver-checks is not installed: left out");
        return Ok(true);
    }
    let mut cargo = workspace::cargo();
    cargo.args(["semver-checks", "check-release", "--baseline-rev", BASELINE]);
    cargo.args(CRATES.iter().flat_map(|name| ["--package", name]));
    Ok(cargo.status().map_err(|error| format!("cannot start cargo: {error}"))?.success())
}
