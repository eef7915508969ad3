//! The binary under test.

use std::env;
use std::path::PathBuf;

/// Names the binary `tfs`. `cargo xtask` sets it to the binary that it has built with this program.
const VARIABLE: &str = "TFS_BENCH_BINARY";

/// Returns the path of the binary `tfs`.
///
/// # Errors
/// If the variable is not set, or names no file.
pub(crate) fn find() -> Result<PathBuf, String> {
    let path = env::var_os(VARIABLE).map(PathBuf::from).ok_or_else(|| {
        format!("{VARIABLE} is not set: it names the binary tfs, and `cargo xtask` sets it")
    })?;
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("{VARIABLE} names {}, which is no file", path.display()))
    }
}

/// Returns the path of the binary `tfs`. `main` has checked it.
pub(crate) fn path() -> PathBuf {
    find().unwrap()
}
