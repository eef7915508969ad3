//! Passes the commit to the compiler, for `tfs version`.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed=build.rs");
    // A packaged crate may be unpacked in the repository of another project.
    let is_packaged = package.join(".cargo_vcs_info.json").exists();
    if is_packaged || !package.join("../../.git").exists() {
        return;
    }
    // Otherwise each commit would compile and link the program and its tests again. A debug build
    // may name an older commit.
    let is_release = env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    let watched: &[&str] = if is_release { &["HEAD", "logs/HEAD"] } else { &[] };
    for name in watched {
        // Cargo would rerun the script each time for a file that does not exist.
        if let Some(path) = git(package, &["rev-parse", "--git-path", name])
            && package.join(&path).exists()
        {
            println!("cargo::rerun-if-changed={}", package.join(path).display());
        }
    }
    if let Some(commit) = git(package, &["rev-parse", "HEAD"]) {
        println!("cargo::rustc-env=TFS_COMMIT={commit}");
    }
}

/// Returns what git prints; `None` if it is not installed or fails.
fn git(dir: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(dir).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
