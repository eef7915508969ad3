//! Packages and the list of components, by subcommands of cargo.
//!
//! What is in a package is data in `crates/tfs-cli/Cargo.toml`; its files come from
//! [`dir_of_files`], which has the same files as the tarball.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{DistPart, tarball, tarball::source_time};
use crate::{
    Result,
    workspace::{self, output_of},
};

/// A subcommand of cargo that makes a part.
#[derive(Debug)]
pub(super) struct DistTool {
    pub(super) part: DistPart,
    /// The subcommand, which is also the last part of its package's name.
    subcommand: &'static str,
}

pub(super) const TOOLS: [DistTool; 3] = [
    DistTool { part: DistPart::Deb, subcommand: "deb" },
    DistTool { part: DistPart::Rpm, subcommand: "generate-rpm" },
    DistTool { part: DistPart::Sbom, subcommand: "cyclonedx" },
];

/// Returns a line with the command that installs a program, if it is missing.
pub(super) fn missing(tool: &DistTool) -> Option<String> {
    let DistTool { subcommand, .. } = tool;
    let mut command = workspace::cargo();
    command.args([subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = command.status().is_ok_and(|status| status.success());
    let text = format!(
        "missing: cargo-{subcommand}; install it with `cargo install --locked cargo-{subcommand}`"
    );
    (!is_there).then_some(text)
}

/// Returns the directory with the files of packages. Both subcommands replace `target/release` in a
/// manifest by the real directory.
pub(super) fn dir_of_files(target_dir: &Path) -> PathBuf {
    target_dir.join("release/package")
}

/// Prepares the files of packages: those of the tarball, with compressed manual pages, as Debian
/// and Fedora have them.
///
/// # Errors
/// If the binary or gzip fails.
pub(super) fn prepare(target_dir: &Path, binary: &Path) -> Result<()> {
    let files = dir_of_files(target_dir);
    tarball::fill(&files, &workspace::root(), binary, binary)?;
    let mut gzip = Command::new("gzip");
    output_of(gzip.arg("-9nr").arg(files.join("share/man"))).map(drop)
}

/// Makes the `.deb` of the prepared files, and returns its name.
///
/// # Errors
/// If cargo-deb fails.
pub(super) fn deb(target_dir: &Path, dir: &Path, version: &str) -> Result<String> {
    let manifest = fs::read_to_string(workspace::root().join("crates/tfs-cli/Cargo.toml"))?;
    let maintainer = manifest.lines().find_map(|line| line.strip_prefix("maintainer = "));
    let maintainer = maintainer.ok_or("the manifest of tfs-cli names no maintainer")?;
    let time = format!("--date=@{}", source_time()?);
    let date = output_of(Command::new("date").env("LC_ALL", "C").args(["--utc", "-R", &time]))?;
    let files = dir_of_files(target_dir);
    let log = debian_changelog(version, maintainer.trim_matches('"'), date.trim());
    fs::write(files.join("changelog"), log)?;
    output_of(Command::new("gzip").args(["-9nf"]).arg(files.join("changelog")))?;
    let mut cargo = workspace::cargo();
    cargo.args(["deb", "--no-build", "--no-strip", "--package", "tfs-cli"]);
    cargo.args(["--deb-version", version, "--output"]).arg(dir);
    made(&mut cargo, dir, "deb", &format!("tfs_{version}_"))
}

/// Makes the `.rpm` of the prepared files, and returns its name.
///
/// # Errors
/// If cargo-generate-rpm fails.
pub(super) fn rpm(target_dir: &Path, dir: &Path) -> Result<String> {
    let mut cargo = workspace::cargo();
    cargo.args(["generate-rpm", "--package", "crates/tfs-cli", "--auto-req", "builtin"]);
    cargo.args(["--source-date", &source_time()?, "--target-dir"]).arg(target_dir);
    cargo.arg("--output").arg(dir);
    made(&mut cargo, dir, "rpm", "tfs-")
}

/// Makes the list of components of the command, and returns its name.
///
/// # Errors
/// If cargo-cyclonedx fails.
pub(super) fn sbom(dir: &Path, version: &str) -> Result<String> {
    let name = format!("tfs-{version}.cdx");
    let mut cargo = workspace::cargo();
    cargo.args(["cyclonedx", "--format", "json", "--override-filename", &name]);
    cargo.args(["--manifest-path", "crates/tfs-cli/Cargo.toml", "--quiet"]);
    let status = cargo.status().map_err(|error| format!("cannot start cargo: {error}"))?;
    let name = format!("{name}.json");
    // It writes a file beside the manifest of each crate in the workspace.
    let mut is_found = false;
    for package in workspace::packages()? {
        let manifest = workspace::root().join(&package.manifest);
        let file = manifest.with_file_name(&name);
        if package.name == "tfs-cli" && file.is_file() {
            fs::copy(&file, dir.join(&name))?;
            is_found = true;
        }
        if file.is_file() {
            fs::remove_file(file)?;
        }
    }
    if status.success() && is_found { Ok(name) } else { Err("no list of components".into()) }
}

/// Runs a subcommand, and returns the name of the file that it made in an otherwise unchanged
/// directory.
fn made(cargo: &mut Command, dir: &Path, extension: &str, start: &str) -> Result<String> {
    let is_it = |name: &str| {
        let path = Path::new(name);
        name.starts_with(start) && path.extension().is_some_and(|it| it == extension)
    };
    let names = || -> Result<Vec<String>> {
        let entries = fs::read_dir(dir)?.collect::<std::io::Result<Vec<_>>>()?;
        let names = entries.into_iter().filter_map(|it| it.file_name().into_string().ok());
        Ok(names.filter(|name| is_it(name)).collect())
    };
    // One of an earlier run would be taken for the new one.
    for old in names()? {
        fs::remove_file(dir.join(old))?;
    }
    let status = cargo.status().map_err(|error| format!("cannot start cargo: {error}"))?;
    match names()?.pop() {
        Some(name) if status.success() => Ok(name),
        _ => Err(format!("no .{extension}").into()),
    }
}

/// Returns the changelog in the form of Debian, which refers to that of the project.
fn debian_changelog(version: &str, maintainer: &str, date: &str) -> String {
    format!(
        "tfs ({version}) unstable; urgency=medium\n\n  * See /usr/share/doc/tfs/CHANGELOG.md.\n\n \
         -- {maintainer}  {date}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::debian_changelog;

    #[test]
    fn the_changelog_has_the_form_of_debian() {
        let text = debian_changelog("1.2.3", "A B <a@b.c>", "Mon, 30 Nov 2026 12:00:00 +0000");
        assert_eq!(
            text,
            "tfs (1.2.3) unstable; urgency=medium\n\n  * See /usr/share/doc/tfs/CHANGELOG.md.\n\n \
             -- A B <a@b.c>  Mon, 30 Nov 2026 12:00:00 +0000\n"
        );
    }
}
