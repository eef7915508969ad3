//! `cargo xtask soak`: minutes or hours of random reads and faults, by `tfs-bench`.

use std::ffi::OsString;
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

impl Soak {
    /// Parses the arguments after the command.
    ///
    /// # Errors
    /// A sentence fragment that names the invalid argument.
    pub(crate) fn parse(args: Vec<OsString>) -> std::result::Result<Self, String> {
        let mut soak = Self { minutes: MINUTES, seed: None, is_dev: false };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--minutes") => soak.minutes = number("--minutes", args.next().as_ref())?,
                Some("--seed") => soak.seed = Some(number("--seed", args.next().as_ref())?),
                Some("--dev") => soak.is_dev = true,
                _ => return Err(format!("unexpected argument `{}`", arg.display())),
            }
        }
        Ok(soak)
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

fn number<T: std::str::FromStr>(
    option: &str,
    value: Option<&OsString>,
) -> std::result::Result<T, String> {
    let value = value.and_then(|value| value.to_str());
    value.and_then(|value| value.parse().ok()).ok_or_else(|| format!("{option} wants a number"))
}
