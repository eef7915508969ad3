//! Static binaries, with musl instead of glibc: they run on any distribution.
//!
//! rustc links them alone, with the musl that comes with its standard library and `rust-lld`. Only
//! the C code of dependencies (TLS) needs a compiler for the target: `zig cc`, which has the
//! headers of musl for all targets, so that no cross compiler is needed.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Result,
    workspace::{self, output_of},
};

/// The targets.
pub(super) const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// The forms in which zig is installed: by itself, and as the package of PyPI.
const ZIG: [&[&str]; 2] = [&["zig"], &["python3", "-m", "ziglang"]];

/// Returns a line for each missing program, with the command that installs it. `only` is one
/// target.
pub(super) fn missing(only: Option<&str>) -> Vec<String> {
    let mut missing = Vec::new();
    if zig().is_none() {
        missing.push("missing: zig; install it with `pip install ziglang` in a venv".to_owned());
    }
    for target in TARGETS.iter().filter(|target| only.is_none_or(|only| only == **target)) {
        if !has_std(target) {
            missing.push(format!(
                "missing: the standard library for {target}; install it with \
                 `rustup target add {target}`"
            ));
        }
    }
    missing
}

/// Builds the static binary of a target.
///
/// # Errors
/// If it does not build.
pub(super) fn build(target_dir: &Path, target: &str) -> Result<PathBuf> {
    let zig = zig().ok_or("there is no zig")?.join(" ");
    let dir = target_dir.join("dist/zig");
    fs::create_dir_all(&dir)?;
    let script = |name: &str, text: &str| -> Result<PathBuf> {
        let path = dir.join(format!("{name}-{target}"));
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    };
    let cc = script("cc", &compiler_script(&zig, target))?;
    let ar = script("ar", &format!("#!/bin/sh\nexec {zig} ar \"$@\"\n"))?;
    let (lower, upper) = (target.replace('-', "_"), target.replace('-', "_").to_uppercase());
    let status = workspace::cargo()
        .args(super::BUILD.iter().take_while(|argument| **argument != "--"))
        .args(["--target", target, "--", "-C", "strip=symbols"])
        .env(format!("CC_{lower}"), cc)
        .env(format!("AR_{lower}"), ar)
        .env(format!("CARGO_TARGET_{upper}_LINKER"), "rust-lld")
        .env(
            format!("CARGO_TARGET_{upper}_RUSTFLAGS"),
            "-C linker-flavor=ld.lld -C link-self-contained=yes -C target-feature=+crt-static",
        )
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !status.success() {
        return Err(format!("no binary for {target}").into());
    }
    Ok(target_dir.join(target).join("release/tfs"))
}

/// Returns a compiler for C. The names of targets differ, so zig must not get that of Rust.
fn compiler_script(zig: &str, target: &str) -> String {
    let target = target.replace("-unknown", "");
    format!(
        "#!/bin/sh
left=$#
while [ $left -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    case $word in
    --target=*) ;;
    *) set -- \"$@\" \"$word\" ;;
    esac
done
exec {zig} cc -target {target} -fno-sanitize=undefined \"$@\"
"
    )
}

fn zig() -> Option<&'static [&'static str]> {
    ZIG.into_iter().find(|words| {
        let Some((program, arguments)) = words.split_first() else { return false };
        let mut command = Command::new(program);
        command.args(arguments).arg("version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

fn has_std(target: &str) -> bool {
    let args = ["--print", "target-libdir", "--target", target];
    let dir = output_of(Command::new("rustc").current_dir(workspace::root()).args(args));
    dir.is_ok_and(|dir| Path::new(dir.trim()).is_dir())
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::{TARGETS, compiler_script};
    use crate::workspace::output_of;

    #[test]
    fn the_compiler_gets_everything_but_the_target_of_rust() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("cc");
        let [_, target] = TARGETS;
        fs::write(&script, compiler_script("echo", target)).unwrap();
        let args = ["-O3", "--target=aarch64-unknown-linux-musl", "-c", "a b.c"];
        let text = output_of(Command::new("sh").arg(&script).args(args)).unwrap();
        assert_eq!(text, "cc -target aarch64-linux-musl -fno-sanitize=undefined -O3 -c a b.c\n");
    }
}
