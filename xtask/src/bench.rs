//! `cargo xtask bench`: comparisons of tfs with other filesystems, built for release.

use std::ffi::OsString;

use crate::{Result, program};

/// Builds and runs comparisons with these arguments. Returns whether all of them finished. A missed
/// goal is not a failure, since it may be due to the machine.
///
/// # Errors
/// If they cannot be built or started.
pub(crate) fn run(arguments: &[OsString]) -> Result<bool> {
    program::run(false, &program_args(arguments))
}

/// Returns the arguments for the program. It runs in the root, to which the page's path is
/// relative.
fn program_args(arguments: &[OsString]) -> Vec<OsString> {
    [&["--compare".into()], arguments].concat()
}

#[cfg(test)]
mod tests {
    use super::program_args;

    #[test]
    fn arguments_follow_the_mark() {
        let args = program_args(&["walk", "--markdown", "docs/a.md"].map(Into::into));
        assert_eq!(args.join(" ".as_ref()), "--compare walk --markdown docs/a.md");
    }
}
