//! `cargo xtask soak`: minutes or hours of random reads and faults, by `tfs-bench`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Result, program};

/// The default duration in minutes: short enough for a run of all checks.
const MINUTES: u32 = 5;

/// The arguments of the soak.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Soak {
    pub(crate) minutes: u32,
    /// Makes a run repeatable; without a seed each run differs.
    pub(crate) seed: Option<u64>,
    /// Whether to build with the profile of the tests.
    pub(crate) is_dev: bool,
}

impl Default for Soak {
    fn default() -> Self {
        Self { minutes: MINUTES, seed: None, is_dev: false }
    }
}

/// Builds and runs it. Returns whether there were no wrong bytes, hangs or leaks.
///
/// # Errors
/// If it cannot be built or started.
pub(crate) fn run(soak: &Soak) -> Result<bool> {
    let seed = match soak.seed {
        Some(seed) => seed,
        // Any number that differs between runs is enough.
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let arguments = ["--soak".into(), soak.minutes.to_string(), seed.to_string()];
    program::run(soak.is_dev, &arguments.map(Into::into))
}
