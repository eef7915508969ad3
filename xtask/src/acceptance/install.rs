//! Installs missing programs with the clients of the registries.

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

use super::checks::{ForeignCheck, ForeignProgram, Registry};

/// Returns whether the program is in one of the directories of `path`.
pub(super) fn is_there(program: &ForeignProgram, path: &OsStr) -> bool {
    env::split_paths(path).any(|dir| dir.join(program.name).is_file())
}

/// Installs the programs of the checks that are not in `path`: packages of Debian for the whole
/// machine, packages of PyPI in the environment `python`.
///
/// Needs root. A failure is printed; the checks are skipped then.
pub(super) fn missing(checks: &[&ForeignCheck], path: &OsStr, python: &Path) {
    let missing: Vec<&ForeignProgram> = checks
        .iter()
        .flat_map(|check| check.programs)
        .filter(|program| !is_there(program, path))
        .collect();
    let packages = |registry: Registry| {
        let mut packages: Vec<&str> = missing
            .iter()
            .filter(|program| program.registry == registry)
            .map(|program| program.package)
            .collect();
        packages.sort_unstable();
        packages.dedup();
        packages
    };
    if missing.is_empty() {
        return;
    }
    if !is_root() {
        println!("programs are missing, which only root can install");
        return;
    }
    let debian = packages(Registry::Debian);
    if !debian.is_empty() {
        println!("installing {} from Debian", debian.join(" "));
        let mut install = Command::new("apt-get");
        install.env("DEBIAN_FRONTEND", "noninteractive");
        install.args(["-qq", "install", "-y", "--no-install-recommends"]).args(debian);
        let _ = succeeds(Command::new("apt-get").args(["-qq", "update"])) && succeeds(&mut install);
    }
    let pypi = packages(Registry::PyPi);
    if !pypi.is_empty() {
        println!("installing {} from PyPI", pypi.join(" "));
        let mut install = Command::new(python.join("bin/pip"));
        install.args(["install", "--quiet", "--disable-pip-version-check"]).args(pypi);
        let mut create = Command::new("python3");
        create.args(["-m", "venv"]).arg(python);
        let _ = succeeds(&mut create) && succeeds(&mut install);
    }
}

/// Returns whether a command succeeded. Its output is dropped, apart from errors.
fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let succeeded = status.is_ok_and(|status| status.success());
    if !succeeded {
        println!("failed: {command:?}");
    }
    succeeded
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
