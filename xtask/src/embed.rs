//! Compiles `contrib/embed`, a package outside the workspace, against the packaged crates.
//!
//! A crate that works in the workspace can fail outside: a file that is not packaged, a feature
//! that another crate enables, a version that does not fit. The packages are unpacked, and cargo
//! uses them in place of those of crates.io.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Result,
    workspace::{self, output_of},
};

/// The crates that the example needs, directly or not.
const CRATES: [&str; 6] =
    ["rqbit-client", "rqbit-source", "tfs-library", "tfs-sys", "tfs-types", "vfs-core"];

/// Names the directory of the built programs to `crates/tfs-library/tests/embed.rs`.
const PROGRAMS_VARIABLE: &str = "_TFS_EMBED_PROGRAMS";

/// The example, with its path in the checkout.
const EXAMPLE: &str = "contrib/embed";

/// What cargo does with the example.
#[derive(Debug, Clone, Copy)]
enum EmbedStep {
    Check,
    Build,
}

/// Packages the crates, and checks the example with them. Returns whether it compiles.
///
/// # Errors
/// If the crates cannot be packaged, or the example cannot be copied.
pub(crate) fn run() -> Result<bool> {
    Ok(compile(EmbedStep::Check)?.is_some())
}

/// Builds the example with the packaged crates, and runs the test of its programs. Returns whether
/// it passed.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_programs() -> Result<bool> {
    let Some(built) = compile(EmbedStep::Build)? else { return Ok(false) };
    let mut test = workspace::cargo();
    test.args(["test", "--locked", "-p", "tfs-library", "--test", "embed"]);
    test.env(PROGRAMS_VARIABLE, built.join("debug"));
    Ok(test.status().map_err(|error| format!("cannot start cargo: {error}"))?.success())
}

/// Compiles the example. Returns the directory of what was compiled, or `None` if it does not
/// compile.
fn compile(step: EmbedStep) -> Result<Option<PathBuf>> {
    let dir = workspace::target_dir()?.join("embed");
    let example = dir.join("example");
    if example.exists() {
        fs::remove_dir_all(&example)?;
    }
    copy_all(&workspace::root().join(EXAMPLE), &example)?;
    // The versions of dependencies that the workspace has, so that nothing is downloaded.
    fs::copy(workspace::root().join("Cargo.lock"), example.join("Cargo.lock"))?;
    let crates = package(&dir)?;
    let (command, compiled) = match step {
        EmbedStep::Check => ("check", dir.join("check")),
        EmbedStep::Build => ("build", dir.join("build")),
    };
    let mut cargo = workspace::cargo();
    cargo.current_dir(&example).args([command, "--offline", "--bins", "--target-dir"]);
    cargo.arg(&compiled);
    for (name, path) in crates {
        // A literal string of TOML: a path with a quote is not supported.
        cargo.args(["--config", &format!("patch.crates-io.{name}.path='{}'", path.display())]);
    }
    let status = cargo.status().map_err(|error| format!("cannot start cargo: {error}"))?;
    Ok(status.success().then_some(compiled))
}

/// Packages the crates as for crates.io, and returns where each is unpacked.
fn package(dir: &Path) -> Result<Vec<(&'static str, PathBuf)>> {
    let mut cargo = workspace::cargo();
    // The example has a lock file of its own; the check of it is the verification.
    cargo.args(["package", "--quiet", "--offline", "--no-verify", "--allow-dirty"]);
    cargo.args(["--exclude-lockfile", "--target-dir"]).arg(dir);
    cargo.args(CRATES.iter().flat_map(|name| ["--package", name]));
    output_of(&mut cargo)?;
    let unpacked = dir.join("crates");
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked)?;
    }
    fs::create_dir_all(&unpacked)?;
    let packages = fs::read_dir(dir.join("package"))?.collect::<std::io::Result<Vec<_>>>()?;
    let mut found = Vec::new();
    for name in CRATES {
        let file = packages.iter().map(fs::DirEntry::path).find(|path| is_of(path, name));
        let file = file.ok_or_else(|| format!("cargo made no package of {name}"))?;
        output_of(Command::new("tar").arg("-C").arg(&unpacked).arg("-xf").arg(&file))?;
        found.push((name, unpacked.join(file.file_stem().unwrap_or_default())));
    }
    Ok(found)
}

/// Returns whether a file is the package of a crate, `NAME-VERSION.crate`.
fn is_of(path: &Path, name: &str) -> bool {
    let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    let version = file.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    let starts = version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()));
    starts && path.extension().is_some_and(|extension| extension == "crate")
}

/// Copies a directory, without what cargo may have built in it.
fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            fs::copy(entry.path(), to)?;
        } else if entry.file_name() != "target" {
            copy_all(&entry.path(), &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::is_of;

    #[test]
    fn packages_are_found_by_their_names() {
        for (file, name, want) in [
            ("a/vfs-core-0.2.0.crate", "vfs-core", true),
            ("a/vfs-core-extra-0.2.0.crate", "vfs-core", false),
            ("a/tfs-sys-0.2.0.crate", "tfs", false),
            ("a/vfs-core-0.2.0", "vfs-core", false),
        ] {
            assert_eq!(is_of(Path::new(file), name), want, "{file} {name}");
        }
    }
}
