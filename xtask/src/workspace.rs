//! The root of the checkout, calls of cargo in it, and the crates known to cargo.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::Result;

/// Variables that `cargo run` sets for xtask itself. They are removed.
///
/// Build scripts that watch them would run again, and their crates be compiled again, whenever a
/// call of cargo through xtask follows one without.
const OWN_VARIABLES: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_"];

/// One crate of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Package {
    /// The name in its manifest.
    pub(crate) name: String,
    /// The path of its manifest, relative to the root.
    pub(crate) manifest: String,
    /// Its direct dependencies, with any feature and on any platform.
    pub(crate) dependencies: Vec<Dependency>,
    /// The root file of each of its targets, relative to the root.
    pub(crate) target_roots: Vec<String>,
}

/// One direct dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The real name of the crate, even if it is renamed in the manifest.
    pub(crate) name: String,
    /// Whether it is a dev-dependency.
    pub(crate) dev: bool,
}

/// Returns the root of the checkout.
pub(crate) fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), Path::to_path_buf)
}

/// Returns a cargo command in the root of the checkout.
pub(crate) fn cargo() -> Command {
    program(&env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Returns a command in the root of the checkout, without the variables of xtask itself.
pub(crate) fn program(name: &OsStr) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        if is_own_variable(&name) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the command and returns its output; its errors go to the terminal.
///
/// # Errors
/// If it cannot be started, fails, or prints invalid UTF-8.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Returns the crates of the workspace, from `cargo metadata`.
///
/// # Errors
/// If cargo fails, as for a manifest that it cannot read.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let args = ["metadata", "--locked", "--no-deps", "--format-version", "1"];
    let json = output_of(cargo().args(args))?;
    parse_packages(&serde_json::from_str(&json)?)
        .ok_or_else(|| "cargo metadata has no longer the form that is expected".into())
}

/// Returns the directory for build results.
///
/// # Errors
/// If cargo fails.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let args = ["metadata", "--locked", "--no-deps", "--format-version", "1"];
    let metadata: Value = serde_json::from_str(&output_of(cargo().args(args))?)?;
    let target = metadata.get("target_directory").and_then(Value::as_str);
    target.map(PathBuf::from).ok_or_else(|| "cargo names no target".into())
}

fn is_own_variable(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| OWN_VARIABLES.iter().any(|own| name.starts_with(own)))
}

fn parse_packages(metadata: &Value) -> Option<Vec<Package>> {
    let root = metadata.get("workspace_root")?.as_str()?;
    metadata
        .get("packages")?
        .as_array()?
        .iter()
        .map(|package| parse_package(root, package))
        .collect()
}

fn parse_package(root: &str, package: &Value) -> Option<Package> {
    let name = package.get("name")?.as_str()?.to_owned();
    let manifest = relative(root, package.get("manifest_path")?.as_str()?);
    let dependencies = package.get("dependencies")?.as_array()?.iter().map(parse_dependency);
    let target_roots = package
        .get("targets")?
        .as_array()?
        .iter()
        .map(|target| Some(relative(root, target.get("src_path")?.as_str()?)));
    Some(Package {
        name,
        manifest,
        dependencies: dependencies.collect::<Option<_>>()?,
        target_roots: target_roots.collect::<Option<_>>()?,
    })
}

fn parse_dependency(dependency: &Value) -> Option<Dependency> {
    Some(Dependency {
        name: dependency.get("name")?.as_str()?.to_owned(),
        // Cargo writes null for a normal dependency.
        dev: dependency.get("kind")?.as_str() == Some("dev"),
    })
}

fn relative(root: &str, path: &str) -> String {
    path.strip_prefix(root).unwrap_or(path).trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::{is_own_variable, parse_packages};

    #[test]
    fn metadata_becomes_packages() {
        let metadata = json!({
            "workspace_root": "/w",
            "packages": [{
                "name": "a",
                "manifest_path": "/w/crates/a/Cargo.toml",
                "dependencies": [
                    { "name": "bytes", "kind": null },
                    { "name": "proptest", "kind": "dev" },
                ],
                "targets": [{ "src_path": "/w/crates/a/src/lib.rs" }],
            }],
        });
        expect![[r#"
            Some(
                [
                    Package {
                        name: "a",
                        manifest: "crates/a/Cargo.toml",
                        dependencies: [
                            Dependency {
                                name: "bytes",
                                dev: false,
                            },
                            Dependency {
                                name: "proptest",
                                dev: true,
                            },
                        ],
                        target_roots: [
                            "crates/a/src/lib.rs",
                        ],
                    },
                ],
            )
        "#]]
        .assert_debug_eq(&parse_packages(&metadata));
        assert_eq!(parse_packages(&json!({ "packages": [] })), None);
    }

    #[test]
    fn variables_of_cargo_run_are_not_handed_on() {
        for (name, own) in [
            ("CARGO_PKG_NAME", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_INCREMENTAL", false),
            ("PATH", false),
        ] {
            assert_eq!(is_own_variable(&name.into()), own, "{name}");
        }
    }
}
