//! Checks the directories of tfs: whether they are writable and private.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use rustix::fs::{Access, access};
use rustix::process::geteuid;
use tfs_sys::runtime_dir;
use tfs_sys::shell::quoted;

use super::{CheckResult, Severity};

/// The name of tfs's directory below the user's directories.
const OWN_NAME: &str = "tfs";

/// The variable that sets the directory of control sockets.
const RUNTIME_VARIABLE: &str = "XDG_RUNTIME_DIR";

/// Permission bits that a private directory must not have.
const FOR_OTHERS: u32 = 0o077;

/// State of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DirState {
    /// It exists, or can be created: `exists` distinguishes them.
    Usable {
        exists: bool,
    },
    /// It is not writable, or it is missing and its parent is not writable.
    NotWritable,
    NotDirectory,
    /// It belongs to another user, who could replace its content.
    Foreign,
    /// Other users have access: its permission bits.
    Open(u32),
}

/// Checks the state directory.
pub(super) fn state() -> CheckResult {
    let dir = BaseDirs::new().and_then(|dirs| dirs.state_dir().map(Path::to_owned));
    examine("state-dir", dir, "export XDG_STATE_HOME=\"$HOME/.local/state\"")
}

/// Checks the directory of control sockets: the one that mounts of this user would use now.
pub(super) fn runtime() -> CheckResult {
    let dir = runtime_dir::path();
    let state = probe(&dir);
    let variable = env::var_os(RUNTIME_VARIABLE).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    assess_runtime(&dir, state, variable.as_deref())
}

/// An unusable value of the variable is reported, since programs with and without the variable do
/// not find each other.
fn assess_runtime(dir: &Path, state: DirState, variable: Option<&Path>) -> CheckResult {
    const CHECK: &str = "runtime-dir";
    let finding = assess(CHECK, dir, state);
    match variable {
        Some(given) if finding.verdict == Severity::Ok && !dir.starts_with(given) => {
            let (given, dir) = (given.display(), dir.display());
            CheckResult::warning(
                CHECK,
                format!(
                    "{RUNTIME_VARIABLE} is {given}, which is missing or another user's: the \
                     sockets are in {dir}"
                ),
            )
            .fix(format!("unset {RUNTIME_VARIABLE}"))
        }
        _ => finding,
    }
}

fn examine(check: &'static str, base: Option<PathBuf>, set_variable: &str) -> CheckResult {
    match base {
        None => CheckResult::warning(check, "this user has no such directory").fix(set_variable),
        Some(base) => {
            let dir = base.join(OWN_NAME);
            let state = probe(&dir);
            assess(check, &dir, state)
        }
    }
}

fn probe(dir: &Path) -> DirState {
    let metadata = match fs::metadata(dir) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let existing = dir.ancestors().find(|ancestor| ancestor.exists());
            let can_be_made = existing.is_some_and(|dir| access(dir, Access::WRITE_OK).is_ok());
            return if can_be_made {
                DirState::Usable { exists: false }
            } else {
                DirState::NotWritable
            };
        }
        Err(_) => return DirState::NotWritable,
    };
    if !metadata.is_dir() {
        return DirState::NotDirectory;
    }
    if metadata.uid() != geteuid().as_raw() {
        return DirState::Foreign;
    }
    if access(dir, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return DirState::NotWritable;
    }
    match metadata.permissions().mode() & 0o777 {
        mode if mode & FOR_OTHERS != 0 => DirState::Open(mode),
        _ => DirState::Usable { exists: true },
    }
}

fn assess(check: &'static str, dir: &Path, state: DirState) -> CheckResult {
    let (shown, path) = (dir.display(), quoted(dir));
    match state {
        DirState::Usable { exists: true } => {
            CheckResult::ok(check, format!("{shown} is accessible to you only"))
        }
        DirState::Usable { exists: false } => {
            CheckResult::ok(check, format!("{shown} does not exist; tfs creates it when needed"))
        }
        DirState::NotWritable => CheckResult::warning(check, format!("{shown} cannot be written"))
            .fix(format!("sudo install -d -m 700 -o \"$USER\" {path}")),
        DirState::NotDirectory => CheckResult::fault(check, format!("{shown} is not a directory"))
            .fix(format!("mv {path} {path}.old")),
        DirState::Foreign => CheckResult::fault(check, format!("{shown} belongs to another user"))
            .fix(format!("sudo chown -R \"$USER\" {path}")),
        DirState::Open(mode) => {
            CheckResult::warning(check, format!("{shown} is open to others (mode {mode:o})"))
                .fix(format!("chmod 700 {path}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::finding::render;
    use super::*;

    #[test]
    fn what_a_directory_is_like_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let set_mode = |name: &str, mode| {
            fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::create_dir(path("private")).unwrap();
        set_mode("private", 0o700);
        fs::create_dir(path("open")).unwrap();
        set_mode("open", 0o755);
        fs::write(path("file"), "").unwrap();
        assert_eq!(probe(&path("private")), DirState::Usable { exists: true });
        assert_eq!(probe(&path("open")), DirState::Open(0o755));
        assert_eq!(probe(&path("file")), DirState::NotDirectory);
        assert_eq!(probe(&path("a/b/c")), DirState::Usable { exists: false });
        assert_eq!(probe(Path::new("/proc/1/nowhere/tfs")), DirState::NotWritable);
        // For every user, root included, one of these directories belongs to another user.
        let foreign = if geteuid().is_root() { DirState::Open(0o755) } else { DirState::Foreign };
        assert_eq!(probe(Path::new("/usr")), foreign);
    }

    #[test]
    fn each_state_has_its_fix() {
        let dir = Path::new("/var/lib/my tfs");
        let states = [
            DirState::Usable { exists: true },
            DirState::Usable { exists: false },
            DirState::NotWritable,
            DirState::NotDirectory,
            DirState::Foreign,
            DirState::Open(0o755),
        ];
        expect![[r#"
            Ok state-dir: /var/lib/my tfs is accessible to you only
            Ok state-dir: /var/lib/my tfs does not exist; tfs creates it when needed
            Warning state-dir: /var/lib/my tfs cannot be written
                $ sudo install -d -m 700 -o "$USER" '/var/lib/my tfs'
            Fault state-dir: /var/lib/my tfs is not a directory
                $ mv '/var/lib/my tfs' '/var/lib/my tfs'.old
            Fault state-dir: /var/lib/my tfs belongs to another user
                $ sudo chown -R "$USER" '/var/lib/my tfs'
            Warning state-dir: /var/lib/my tfs is open to others (mode 755)
                $ chmod 700 '/var/lib/my tfs'
        "#]]
        .assert_eq(&render(&states.map(|state| assess("state-dir", dir, state))));
        expect![[r#"
            Warning state-dir: this user has no such directory
                $ export X=1
        "#]]
        .assert_eq(&render(&[examine("state-dir", None, "export X=1")]));
    }

    #[test]
    fn advice_about_the_runtime_directory_leads_to_no_other_warning() {
        let dir = Path::new("/tmp/tfs-7");
        let usable = DirState::Usable { exists: false };
        let gone = Path::new("/run/user/7");
        expect![[r#"
            Ok runtime-dir: /tmp/tfs-7 does not exist; tfs creates it when needed
            Warning runtime-dir: XDG_RUNTIME_DIR is /run/user/7, which is missing or another user's: the sockets are in /tmp/tfs-7
                $ unset XDG_RUNTIME_DIR
            Ok runtime-dir: /run/user/7/tfs does not exist; tfs creates it when needed
        "#]]
        .assert_eq(&render(&[
            assess_runtime(dir, usable, None),
            assess_runtime(dir, usable, Some(gone)),
            assess_runtime(Path::new("/run/user/7/tfs"), usable, Some(gone)),
        ]));
    }
}
