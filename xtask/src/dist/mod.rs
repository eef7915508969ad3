//! What users download: tarballs, packages, checksums and the list of components.
//!
//! [`tarball`] packs a prefix of files, [`packages`] calls the programs that make packages of the
//! same files, [`musl`] builds static binaries. All artifacts go to `dist` in the target directory.

mod musl;
mod packages;
mod tarball;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    Result,
    workspace::{self, output_of},
};

/// The file with the checksums.
const SUMS: &str = "SHA256SUMS";

/// One kind of artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DistPart {
    /// A tarball for this machine.
    Tarball,
    /// A package for Debian and Ubuntu.
    Deb,
    /// A package for Fedora, openSUSE and the like.
    Rpm,
    /// A tarball with a static binary, for each of [`musl::TARGETS`].
    Static,
    /// The list of components (SBOM).
    Sbom,
}

/// The names of the parts on the command line.
const PARTS: [(&str, DistPart); 5] = [
    ("tarball", DistPart::Tarball),
    ("deb", DistPart::Deb),
    ("rpm", DistPart::Rpm),
    ("static", DistPart::Static),
    ("sbom", DistPart::Sbom),
];

/// The arguments of `cargo xtask dist`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dist {
    /// What to make; everything if it is empty.
    pub(crate) parts: BTreeSet<DistPart>,
    /// An existing binary for this machine.
    pub(crate) binary: Option<OsString>,
    /// Only this target of the static ones.
    pub(crate) target: Option<String>,
    /// A version of the `.deb` other than that of the workspace.
    pub(crate) deb_version: Option<String>,
}

impl Dist {
    /// Adds a part by its name.
    ///
    /// # Errors
    /// A sentence with the known names.
    pub(crate) fn add(&mut self, name: &str) -> std::result::Result<(), String> {
        let part = PARTS.iter().find(|(known, _)| *known == name);
        let (_, part) = part.ok_or_else(|| {
            let known = PARTS.map(|(name, _)| name).join(", ");
            format!("there is no part `{name}`; the parts are {known}")
        })?;
        self.parts.insert(*part);
        Ok(())
    }

    fn has(&self, part: DistPart) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

/// Makes the selected parts. Returns false, before anything is built, if a program is missing; each
/// is printed with the command that installs it.
///
/// # Errors
/// If cargo, the binary, git or one of the programs fails.
pub(crate) fn run(dist: &Dist) -> Result<bool> {
    if !tools_are_there(dist) {
        return Ok(false);
    }
    let maker = Maker::new(dist)?;
    let mut made = Vec::new();
    if [DistPart::Tarball, DistPart::Deb, DistPart::Rpm].into_iter().any(|part| dist.has(part)) {
        made.extend(maker.native(dist)?);
    }
    if dist.has(DistPart::Static) {
        for target in musl::TARGETS {
            if dist.target.as_deref().is_none_or(|only| only == target) {
                made.push(maker.tarball(target, &musl::build(&maker.target_dir, target)?)?);
            }
        }
    }
    if dist.has(DistPart::Sbom) {
        made.push(packages::sbom(&maker.dir, &maker.version)?);
    }
    let sums = output_of(Command::new("sha256sum").current_dir(&maker.dir).args(&made))?;
    fs::write(maker.dir.join(SUMS), sums)?;
    for name in made.iter().map(String::as_str).chain([SUMS]) {
        println!("{}", maker.dir.join(name).display());
    }
    Ok(true)
}

/// Prints the missing programs of the selected parts. Returns whether there are none.
fn tools_are_there(dist: &Dist) -> bool {
    let mut missing: Vec<_> = packages::TOOLS
        .iter()
        .filter(|tool| dist.has(tool.part))
        .filter_map(packages::missing)
        .collect();
    if dist.has(DistPart::Static) {
        missing.extend(musl::missing(dist.target.as_deref()));
    }
    for text in &missing {
        println!("{text}");
    }
    if !missing.is_empty() {
        println!("nothing was built; name the parts to make, as in `cargo xtask dist tarball`");
    }
    missing.is_empty()
}

/// What all parts need.
#[derive(Debug)]
struct Maker {
    target_dir: PathBuf,
    /// Where artifacts go.
    dir: PathBuf,
    version: String,
    /// A binary that runs on this machine.
    binary: PathBuf,
}

impl Maker {
    fn new(dist: &Dist) -> Result<Self> {
        let target_dir = workspace::target_dir()?;
        let needs_binary =
            dist.parts.iter().any(|part| *part != DistPart::Sbom) || dist.parts.is_empty();
        let binary = match &dist.binary {
            Some(binary) => PathBuf::from(binary),
            None if needs_binary => build(&target_dir)?,
            None => PathBuf::new(),
        };
        let dir = target_dir.join("dist");
        fs::create_dir_all(&dir)?;
        Ok(Self { version: version()?, dir, binary, target_dir })
    }

    /// Makes the parts for this machine.
    fn native(&self, dist: &Dist) -> Result<Vec<String>> {
        let mut made = Vec::new();
        if dist.has(DistPart::Tarball) {
            made.push(self.tarball(&host()?, &self.binary)?);
        }
        if dist.has(DistPart::Deb) || dist.has(DistPart::Rpm) {
            packages::prepare(&self.target_dir, &self.binary)?;
        }
        if dist.has(DistPart::Deb) {
            let version = dist.deb_version.as_deref().unwrap_or(&self.version);
            made.push(packages::deb(&self.target_dir, &self.dir, version)?);
        }
        if dist.has(DistPart::Rpm) {
            made.push(packages::rpm(&self.target_dir, &self.dir)?);
        }
        Ok(made)
    }

    fn tarball(&self, target: &str, binary: &Path) -> Result<String> {
        let name = format!("tfs-{}-{target}", self.version);
        tarball::fill(&self.dir.join(&name), &workspace::root(), binary, &self.binary)?;
        tarball::pack(&self.dir, &name)
    }
}

/// Builds the binary without symbols, which are half of its size.
fn build(target_dir: &Path) -> Result<PathBuf> {
    let status = workspace::cargo()
        .args(BUILD)
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(target_dir.join("release/tfs")) } else { Err("no binary".into()) }
}

/// Arguments of cargo for a stripped binary.
const BUILD: [&str; 10] = [
    "rustc",
    "--release",
    "--locked",
    "-p",
    "tfs-cli",
    "--bin",
    "tfs",
    // For the last crate only, so that nothing else is compiled again.
    "--",
    "-C",
    "strip=symbols",
];

/// Returns the version of the command.
///
/// # Errors
/// If cargo fails.
pub(crate) fn version() -> Result<String> {
    let args = ["metadata", "--locked", "--no-deps", "--format-version", "1"];
    let metadata: Value = serde_json::from_str(&output_of(workspace::cargo().args(args))?)?;
    let text = |value: &Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let packages = metadata.get("packages").and_then(Value::as_array);
    let version = packages
        .and_then(|all| all.iter().find(|it| text(it, "name").is_some_and(|it| it == "tfs-cli")))
        .and_then(|package| text(package, "version"));
    Ok(version.ok_or("cargo names no version of tfs-cli")?)
}

/// Returns the target triple of this machine.
fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = output_of(Command::new(rustc).arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc names no host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Dist, PARTS};

    const RELEASE: &str = include_str!("../../../.github/workflows/release.yml");
    const NIGHTLY: &str = include_str!("../../../.github/workflows/nightly.yml");

    #[test]
    fn a_release_has_every_part_for_one_architecture_at_least() {
        let parts = RELEASE.lines().filter_map(|line| line.trim().strip_prefix("parts: "));
        let parts: Vec<&str> = parts.flat_map(str::split_whitespace).collect();
        for (name, _) in PARTS {
            assert!(parts.contains(&name), "{name}");
        }
        // And no part that does not exist.
        parts.iter().for_each(|name| Dist::default().add(name).unwrap());
    }

    #[test]
    fn releases_are_built_with_the_pinned_compiler() {
        let toolchain = include_str!("../../../rust-toolchain.toml");
        let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = "));
        let pinned = channel.unwrap().trim_matches('"').rsplit_once('.').unwrap().0;
        let container = format!("container: docker.io/library/rust:{pinned}-bookworm\n");
        assert!(RELEASE.contains(&container), "{container}");
    }

    #[test]
    fn every_fuzz_target_runs_nightly() {
        let manifest = include_str!("../../../fuzz/Cargo.toml");
        let bins = manifest.split("[[bin]]").skip(1);
        let names =
            bins.filter_map(|bin| bin.lines().find_map(|line| line.strip_prefix("name = ")));
        let names: Vec<&str> = names.map(|name| name.trim_matches('"')).collect();
        let matrix = format!("target: [{}]\n", names.join(", "));
        assert!(NIGHTLY.contains(&matrix), "{matrix}");
    }
}
