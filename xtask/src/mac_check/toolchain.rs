//! A compiler for macOS on Linux, from Debian's packages and from PyPI. Nothing is installed.
//!
//! Debian's `rustc-web` is a compiler that can build its own standard library, for any target. zig
//! compiles the C code of dependencies; it has the headers of macOS, but no frameworks: nothing is
//! linked.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, workspace};

/// The targets, and their names in zig.
pub(super) const TARGETS: [(&str, &str); 2] =
    [("x86_64-apple-darwin", "x86_64-macos"), ("aarch64-apple-darwin", "aarch64-macos")];

/// Debian's packages. apt adds the libraries that this machine does not have.
const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "libstd-rust-web-dev"];

/// The oldest compiler that is of use: the `rust-version` of the workspace.
const RUST_MINOR_MIN: u32 = 95;

/// The version of PyPI's package.
const ZIG: &str = "ziglang==0.17.1";

/// Names the directory in which everything is kept.
const DIR_VARIABLE: &str = "TFS_MAC_CHECK_DIR";

/// The directory of the compiler, the C compiler and of what they build: about 1 GB, and 1 GB more
/// for each target.
#[derive(Debug)]
pub(super) struct Toolchain {
    dir: PathBuf,
}

impl Toolchain {
    /// Returns the toolchain of this user, which may be absent.
    ///
    /// # Errors
    /// If there is no home directory.
    pub(super) fn find() -> Result<Self> {
        let given = env::var_os(DIR_VARIABLE).map(PathBuf::from);
        let cache = || Some(PathBuf::from(env::var_os("XDG_CACHE_HOME")?));
        let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cache"));
        let dir = given.or_else(|| Some(cache().or_else(home)?.join("tfs-mac-check")));
        Ok(Self { dir: dir.ok_or("neither HOME nor TFS_MAC_CHECK_DIR is set")? })
    }

    /// Returns whether the compilers are there.
    pub(super) fn is_there(&self) -> bool {
        self.rustc().is_file() && self.python().is_file()
    }

    /// Returns whether it has checked before: then only the workspace is compiled.
    pub(super) fn is_warm(&self) -> bool {
        let has_built = |(target, _): &(&str, &str)| self.target_dir().join(target).is_dir();
        self.is_there() && TARGETS.iter().all(has_built)
    }

    /// Downloads and unpacks what is missing. Returns why that is not possible, if it is not.
    pub(super) fn obtain(&self) -> Option<String> {
        if !self.is_there() {
            for program in ["apt-get", "dpkg", "python3"] {
                if !has(program) {
                    return Some(format!("this machine has no {program}"));
                }
            }
        }
        if !self.rustc().is_file()
            && let Err(error) = self.unpack_rust()
        {
            return Some(format!("Debian's packages {}: {error}", PACKAGES.join(", ")));
        }
        if !self.python().is_file()
            && let Err(error) = self.unpack_zig()
        {
            return Some(format!("PyPI's package {ZIG}: {error}"));
        }
        self.write_scripts().err().map(|error| error.to_string())
    }

    /// Returns `cargo check` for both targets.
    pub(super) fn check(&self, features: &[&str]) -> Command {
        let mut command = workspace::program("nice".as_ref());
        command.args(["-n", "5"]).arg(self.root().join("usr/bin/cargo"));
        command.args(["check", "-Zbuild-std", "--locked", "-p", "tfs-cli"]).args(features);
        command.arg("--target-dir").arg(self.target_dir());
        command
            .env("LD_LIBRARY_PATH", self.root().join("usr/lib/x86_64-linux-gnu"))
            .env("RUSTC", self.rustc())
            .env("RUSTC_BOOTSTRAP", "1")
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTUP_TOOLCHAIN");
        for (target, _) in TARGETS {
            let name = target.replace('-', "_");
            command.args(["--target", target]);
            command.env(format!("CC_{name}"), self.script(&format!("cc-{target}")));
            command.env(format!("AR_{name}"), self.script("ar"));
        }
        command
    }

    fn unpack_rust(&self) -> Result<()> {
        let archives = self.dir.join("archives");
        // apt downloads into the second one.
        fs::create_dir_all(archives.join("partial"))?;
        // Renamed when it is complete.
        let unpacked = self.dir.join("root.part");
        let mut apt = Command::new("apt-get");
        apt.args(["install", "--download-only", "-y", "-qq", "--no-install-recommends"])
            .args(["-o", "Debug::NoLocking=1", "-o"])
            .arg(format!("Dir::Cache::archives={}", archives.display()))
            .args(PACKAGES);
        run(&mut apt)?;
        for entry in fs::read_dir(&archives)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                run(Command::new("dpkg").arg("-x").arg(&path).arg(&unpacked))?;
            }
        }
        fs::remove_dir_all(&archives)?;
        let mut version = Command::new(unpacked.join("usr/bin/rustc"));
        version.arg("-V").env("LD_LIBRARY_PATH", unpacked.join("usr/lib/x86_64-linux-gnu"));
        let text = workspace::output_of(&mut version)?;
        if minor_of(&text).is_none_or(|minor| minor < RUST_MINOR_MIN) {
            fs::remove_dir_all(&unpacked)?;
            return Err(format!("{} is too old", text.trim()).into());
        }
        fs::rename(unpacked, self.root())?;
        Ok(())
    }

    fn unpack_zig(&self) -> Result<()> {
        let venv = self.dir.join("venv");
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let installed = run(Command::new(self.python()).args(["-m", "pip", "install", "-q", ZIG]));
        if installed.is_err() {
            fs::remove_dir_all(&venv)?;
        }
        installed
    }

    fn write_scripts(&self) -> Result<()> {
        fs::create_dir_all(self.dir.join("bin"))?;
        let python = self.python().display().to_string();
        let ar = format!("#!/bin/sh\nunset LD_LIBRARY_PATH\nexec {python} -m ziglang ar \"$@\"\n");
        write_script(&self.script("ar"), &ar)?;
        for (target, zig_target) in TARGETS {
            let script = compiler_script(&format!("{python} -m ziglang"), zig_target);
            write_script(&self.script(&format!("cc-{target}")), &script)?;
        }
        Ok(())
    }

    fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    fn target_dir(&self) -> PathBuf {
        self.dir.join("target")
    }

    fn rustc(&self) -> PathBuf {
        self.root().join("usr/bin/rustc")
    }

    fn python(&self) -> PathBuf {
        self.dir.join("venv/bin/python")
    }

    fn script(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }
}

/// Writes a script if it has changed: build scripts run again for a newer compiler.
fn write_script(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Returns a compiler for C: zig without the flags that only the compiler of macOS has.
fn compiler_script(zig: &str, target: &str) -> String {
    format!(
        "#!/bin/sh
unset LD_LIBRARY_PATH
left=$#
skip=no
while [ $left -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    case $skip,$word in
    yes,*) skip=no ;;
    no,-arch | no,-isysroot) skip=yes ;;
    no,--target=* | no,-mmacosx-version-min=* | no,-gdwarf-2) ;;
    *) set -- \"$@\" \"$word\" ;;
    esac
done
exec {zig} cc -target {target} \"$@\"
"
    )
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    Err(line.unwrap_or("failed without a message").into())
}

fn has(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// Returns 96 for `rustc 1.96.0 (...)`.
fn minor_of(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::{compiler_script, minor_of};
    use crate::workspace::output_of;

    #[test]
    fn the_compiler_gets_everything_but_the_flags_of_apple() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("cc");
        fs::write(&script, compiler_script("echo", "aarch64-macos")).unwrap();
        let args = [
            "-O3",
            "-arch",
            "arm64",
            "--target=arm64-apple-macosx",
            "-mmacosx-version-min=11.0",
            "-isysroot",
            "/sdk",
            "-c",
            "a b.c",
        ];
        let text = output_of(Command::new("sh").arg(&script).args(args)).unwrap();
        assert_eq!(text, "cc -target aarch64-macos -O3 -c a b.c\n");
    }

    #[test]
    fn versions_of_compilers() {
        assert_eq!(minor_of("rustc 1.96.0 (ac68faa20 2026-05-25)\n"), Some(96));
        assert_eq!(minor_of("rustc"), None);
    }
}
