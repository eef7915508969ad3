//! tfs beside other ways to the same bytes: comparisons, built for release.

use std::ffi::OsString;

use crate::{Result, program};

/// Builds and runs comparisons, with these arguments for them; returns whether all of them came to
/// their end. A figure that is not as wanted is no failure: the machine may be another one.
///
/// # Errors
/// If they cannot be built or started.
pub(crate) fn run(arguments: &[OsString]) -> Result<bool> {
    program::run(false, &program_args(arguments))
}

/// Returns the arguments for the program. It runs in the root, where a page is looked for.
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
