//! Scenarios: real mounts against real rqbits, as figures.

use std::ffi::OsString;

use crate::{Result, program};

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
/// If they cannot be built or started.
pub(crate) fn run(scenarios: &Scenarios) -> Result<bool> {
    program::run(scenarios.is_dev, &program_args(scenarios))
}

fn program_args(scenarios: &Scenarios) -> Vec<OsString> {
    [&["--scenario".into()], scenarios.names.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::{Scenarios, program_args};

    #[test]
    fn names_follow_the_mark() {
        let scenarios = Scenarios { names: vec!["trap".into(), "all".into()], is_dev: true };
        assert_eq!(program_args(&scenarios).join(" ".as_ref()), "--scenario trap all");
    }
}
