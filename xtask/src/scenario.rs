//! `cargo xtask scenario`: figures of real mounts of real rqbits.

use std::ffi::OsString;

use crate::{Result, program};

/// The scenarios to run, and their build profile.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scenarios {
    /// Their names, which `tfs-bench` checks; all if there are none.
    pub(crate) names: Vec<OsString>,
    /// The time of each trial of a scenario that lasts as long as one wants.
    pub(crate) minutes: Option<u32>,
    /// Whether to build with the profile of the tests: faster to build, with less meaningful
    /// figures.
    pub(crate) is_dev: bool,
}

/// Builds and runs scenarios. Returns whether each figure met its goal.
///
/// # Errors
/// If they cannot be built or started.
pub(crate) fn run(scenarios: &Scenarios) -> Result<bool> {
    program::run(scenarios.is_dev, &program_args(scenarios))
}

fn program_args(scenarios: &Scenarios) -> Vec<OsString> {
    let all = ["all".into()];
    let names = if scenarios.names.is_empty() { &all } else { scenarios.names.as_slice() };
    let minutes = scenarios.minutes.map(|minutes| format!("--minutes={minutes}").into());
    [&["--scenario".into()], minutes.as_slice(), names].concat()
}

#[cfg(test)]
mod tests {
    use super::{Scenarios, program_args};

    #[test]
    fn names_follow_the_mark() {
        let scenarios =
            Scenarios { names: vec!["trap".into(), "all".into()], minutes: Some(2), is_dev: true };
        let args = program_args(&scenarios).join(" ".as_ref());
        assert_eq!(args, "--scenario --minutes=2 trap all");
        assert_eq!(program_args(&Scenarios::default()).join(" ".as_ref()), "--scenario all");
    }
}
