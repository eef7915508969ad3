//! The program `tfs-bench`, which runs scenarios, soak and comparisons against the binary `tfs`.

use std::{ffi::OsString, path::PathBuf, process::Command};

use serde_json::Value;

use crate::{
    Result,
    workspace::{self, output_of},
};

/// The binary under test, and the program that measures it.
const BINARIES: [&str; 2] = ["tfs", "tfs-bench"];

/// Names the binary under test to `tfs-bench`.
const VARIABLE: &str = "TFS_BENCH_BINARY";

/// The paths of the built binaries.
#[derive(Debug)]
pub(crate) struct Binaries {
    pub(crate) tfs: PathBuf,
    pub(crate) bench: PathBuf,
}

/// Builds both binaries. `is_dev` selects the profile of the tests, not the release profile.
///
/// # Errors
/// If they cannot be built.
pub(crate) fn build(is_dev: bool) -> Result<Binaries> {
    let messages = output_of(workspace::cargo().args(cargo_args(is_dev)))?;
    let path_of = |name: &str| {
        executable(&messages, "bin", name).ok_or_else(|| format!("cargo names no binary {name}"))
    };
    let [tfs, bench] = BINARIES;
    Ok(Binaries { tfs: path_of(tfs)?, bench: path_of(bench)? })
}

/// Builds both, runs `tfs-bench` in the root of the checkout, and returns whether it succeeded.
///
/// # Errors
/// If they cannot be built or started.
pub(crate) fn run(is_dev: bool, arguments: &[OsString]) -> Result<bool> {
    let Binaries { tfs, bench } = build(is_dev)?;
    let status = Command::new(&bench)
        .args(arguments)
        .env(VARIABLE, tfs)
        .current_dir(workspace::root())
        .status()
        .map_err(|error| format!("cannot start {}: {error}", bench.display()))?;
    Ok(status.success())
}

/// Returns the arguments for cargo.
///
/// They select the whole workspace, since the features of two packages alone would rebuild most
/// dependencies. For the same reason they include an example: then cargo also includes the features
/// of tests, as `cargo xtask test` does.
fn cargo_args(is_dev: bool) -> Vec<&'static str> {
    let mut args = vec!["build", "--workspace", "--locked", "--all-features"];
    if !is_dev {
        args.push("--release");
    }
    args.extend(BINARIES.iter().flat_map(|name| ["--bin", name]));
    args.extend(["--example", "embed", "--message-format", "json-render-diagnostics"]);
    args
}

/// Returns the path of a built target of a kind such as `bin`, from the messages of cargo, one JSON
/// object a line.
pub(crate) fn executable(messages: &str, kind: &str, name: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let target = message.get("target")?;
        let is_it = target.get("name")?.as_str()? == name
            && target.get("kind")?.as_array()?.iter().any(|found| found == kind);
        let path = message.get("executable")?.as_str()?;
        is_it.then(|| PathBuf::from(path))
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{cargo_args, executable};

    #[test]
    fn arguments_for_cargo() {
        expect![[r#"
            build --workspace --locked --all-features --release --bin tfs --bin tfs-bench --example embed --message-format json-render-diagnostics
            build --workspace --locked --all-features --bin tfs --bin tfs-bench --example embed --message-format json-render-diagnostics"#]]
            .assert_eq(&[cargo_args(false).join(" "), cargo_args(true).join(" ")].join("\n"));
    }

    #[test]
    fn binaries_are_found_in_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"tfs"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["example"],"name":"tfs"},"executable":"/t/examples/tfs"}
no JSON
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"tfs-bench"},"executable":"/t/tfs-bench"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"tfs"},"executable":"/t/tfs"}
{"reason":"build-finished","success":true}"#;
        for (name, path) in
            [("tfs", Some("/t/tfs")), ("tfs-bench", Some("/t/tfs-bench")), ("xtask", None)]
        {
            let found = executable(messages, "bin", name);
            assert_eq!(found.as_deref().and_then(|path| path.to_str()), path, "{name}");
        }
    }
}
