//! tfs beside other ways to the same bytes: the comparisons of `tfs-cli`, built for release.

use std::ffi::OsString;

use crate::{Result, workspace};

/// Builds and runs comparisons, with these arguments for them; returns whether all of them came to
/// their end. A figure that is not as wanted is no failure: the machine may be another one.
///
/// # Errors
/// If cargo cannot be started.
pub(crate) fn run(arguments: &[OsString]) -> Result<bool> {
    let status = workspace::cargo()
        .args(cargo_args(arguments))
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    Ok(status.success())
}

/// Returns the arguments for cargo, for the same program as the scenarios, and for it.
fn cargo_args(arguments: &[OsString]) -> Vec<OsString> {
    let mut args: Vec<OsString> =
        ["test", "--workspace", "--locked", "--all-features", "--release"].map(Into::into).into();
    args.extend(["--test", "scenarios", "--", "--compare"].map(Into::into));
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        args.push(argument.clone());
        // The program runs in the directory of its crate, and people stand in the root.
        if argument == "--markdown"
            && let Some(path) = arguments.next()
        {
            args.push(workspace::root().join(path).into());
        }
    }
    args
}

#[cfg(test)]
mod tests {
    use super::cargo_args;
    use crate::workspace;

    #[test]
    fn a_page_is_found_from_the_root() {
        let args = cargo_args(&["walk", "--markdown", "docs/a.md"].map(Into::into));
        let args: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
        let root = workspace::root();
        let want = format!(
            "test --workspace --locked --all-features --release --test scenarios \
             -- --compare walk --markdown {}/docs/a.md",
            root.display(),
        );
        assert_eq!(args.join(" "), want);
    }
}
