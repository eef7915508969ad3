//! What tfs is measured by: the scenarios of `tfs-cli`, each against real rqbits.

use std::ffi::OsString;

use crate::{Result, workspace};

/// Which scenarios run, and how they are built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scenarios {
    /// Their names; the program itself knows them, and `all`.
    pub(crate) names: Vec<OsString>,
    /// Whether they are built as tests are: faster to build, with figures that say less.
    pub(crate) is_dev: bool,
}

/// Builds and runs scenarios; returns whether each figure was as wanted.
///
/// # Errors
/// If cargo cannot be started.
pub(crate) fn run(scenarios: &Scenarios) -> Result<bool> {
    run_program(scenarios.is_dev, &program_args(scenarios))
}

/// Builds the program of the scenarios, runs it, and returns whether it ended well.
///
/// # Errors
/// If cargo cannot be started.
pub(crate) fn run_program(is_dev: bool, arguments: &[OsString]) -> Result<bool> {
    let status = workspace::cargo()
        .args(cargo_args(is_dev))
        .args(arguments)
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    Ok(status.success())
}

fn program_args(scenarios: &Scenarios) -> Vec<OsString> {
    [&["--scenario".into()], scenarios.names.as_slice()].concat()
}

/// Returns the arguments for cargo. The whole workspace, as `cargo xtask test` builds it, because
/// the features of one package alone would build most dependencies again.
fn cargo_args(is_dev: bool) -> Vec<OsString> {
    let mut args: Vec<OsString> =
        ["test", "--workspace", "--locked", "--all-features"].map(Into::into).into();
    if !is_dev {
        args.push("--release".into());
    }
    args.extend(["--test", "scenarios", "--"].map(Into::into));
    args
}

#[cfg(test)]
mod tests {
    use super::{Scenarios, cargo_args, program_args};

    #[test]
    fn names_follow_what_is_for_cargo() {
        for (is_dev, want) in [
            (
                false,
                "test --workspace --locked --all-features --release --test scenarios \
                 -- --scenario trap all",
            ),
            (
                true,
                "test --workspace --locked --all-features --test scenarios \
                 -- --scenario trap all",
            ),
        ] {
            let scenarios = Scenarios { names: vec!["trap".into(), "all".into()], is_dev };
            let args = [cargo_args(is_dev), program_args(&scenarios)].concat();
            let args: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
            assert_eq!(args.join(" "), want);
        }
    }
}
