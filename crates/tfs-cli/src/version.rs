//! `tfs version`: the versions of tfs, of the rqbits that it is tested with, and of the kernel.

use std::fs;

use serde_json::json;
use tfs_service::{KernelFuse, KernelTimeout, RQBIT_VERSIONS_TESTED, probe_kernel_fuse};

use crate::args::VersionArgs;
use crate::exit;
use crate::output::{self, visible};

/// The version of the JSON. New fields do not change it.
const JSON_VERSION: u32 = 1;

/// The commit of the source; `None` if it was built without the repository.
const COMMIT: Option<&str> = option_env!("TFS_COMMIT");

/// How many digits of the commit people need.
const COMMIT_DIGITS: usize = 12;

/// Whether rqbit is part of this binary.
const HAS_EMBEDDED: bool = cfg!(feature = "embedded");

/// Facts about the kernel.
struct KernelFacts {
    /// Its release, as `uname -r` prints it.
    release: Option<String>,
    /// `None` if it cannot be asked: that needs root.
    fuse: Option<KernelFuse>,
    /// The time after which it aborts a mount that does not answer.
    timeout: Option<KernelTimeout>,
}

impl KernelFacts {
    fn detect() -> Self {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        let fuse = probe_kernel_fuse();
        let fuse = fuse.inspect_err(|error| tracing::debug!(%error, "cannot probe FUSE"));
        Self {
            release: release.map(|text| text.trim().to_owned()),
            fuse: fuse.ok(),
            timeout: KernelTimeout::of_this_machine(),
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &VersionArgs) -> eyre::Result<u8> {
    let kernel = KernelFacts::detect();
    let text = if args.json { json(&kernel)? } else { text(&kernel) };
    output::line(&text)?;
    Ok(exit::SUCCESS)
}

fn json(KernelFacts { release, fuse, timeout }: &KernelFacts) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&json!({
        "version": JSON_VERSION,
        "tfs": env!("CARGO_PKG_VERSION"),
        "commit": COMMIT,
        "rqbit_tested": RQBIT_VERSIONS_TESTED,
        "embedded": HAS_EMBEDDED,
        "kernel": {
            "release": release,
            "fuse_protocol": fuse.map(protocol),
            "passthrough": fuse.map(|fuse| fuse.has_passthrough),
            "request_timeout_seconds": timeout.map(|timeout| timeout.limit.as_secs()),
        },
    }))
}

fn text(KernelFacts { release, fuse, timeout }: &KernelFacts) -> String {
    let commit = COMMIT.and_then(|commit| commit.get(..COMMIT_DIGITS));
    let commit = commit.map_or_else(String::new, |commit| format!(", commit {commit}"));
    let embedded = if HAS_EMBEDDED { "; part of this tfs (--embedded)" } else { "" };
    let tested = RQBIT_VERSIONS_TESTED.join(" and ");
    let release = release.as_deref().map_or("?".to_owned(), visible);
    let fuse = match fuse {
        Some(fuse) => {
            let has = if fuse.has_passthrough { "" } else { "no " };
            format!("FUSE {}, {has}passthrough", protocol(*fuse))
        }
        None => "its FUSE version is shown to root".to_owned(),
    };
    let limit = timeout.map_or_else(String::new, |timeout| {
        format!(", requests limited to {} s", timeout.limit.as_secs())
    });
    let kernel = format!("Linux {release}, {fuse}{limit}");
    format!(
        "tfs     {}{commit}\nrqbit   tested with {tested}{embedded}\nkernel  {kernel}",
        env!("CARGO_PKG_VERSION")
    )
}

fn protocol(KernelFuse { protocol: (major, minor), .. }: KernelFuse) -> String {
    format!("{major}.{minor}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;

    #[test]
    fn what_the_kernel_can_do_is_one_line() {
        let kernel = |fuse, timeout| {
            let release = Some("6.18.1".to_owned());
            let text = text(&KernelFacts { release, fuse, timeout });
            text.lines().last().unwrap().to_owned() + "\n"
        };
        let fuse = |has_passthrough| Some(KernelFuse { protocol: (7, 45), has_passthrough });
        let limit = Duration::from_secs(120);
        let timeout = KernelTimeout { limit, key: "fs.fuse.max_request_timeout" };
        let lines =
            [kernel(fuse(true), None), kernel(fuse(false), Some(timeout)), kernel(None, None)];
        expect![[r#"
            kernel  Linux 6.18.1, FUSE 7.45, passthrough
            kernel  Linux 6.18.1, FUSE 7.45, no passthrough, requests limited to 120 s
            kernel  Linux 6.18.1, its FUSE version is shown to root
        "#]]
        .assert_eq(&lines.concat());
    }
}
