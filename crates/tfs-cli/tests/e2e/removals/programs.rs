//! Programs that remove, in the whole library.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tfs_testkit::hermetic::hermetic;
use tfs_testkit::skip;

use super::ScannedLibrary;

/// A program and its arguments for `sh`; `$M` is the mount, `$O` a directory outside.
struct RemovalProgram {
    what: &'static str,
    /// The program that must be there.
    needs: &'static str,
    script: &'static str,
}

const PROGRAMS: [RemovalProgram; 18] = [
    RemovalProgram { what: "`rm -rf FOLDER`", needs: "rm", script: "rm -rf $M/Film" },
    RemovalProgram { what: "`rm -rf MOUNT/*`", needs: "rm", script: "rm -rf $M/* $M/.tfs" },
    RemovalProgram { what: "`rm -rf VIEW`", needs: "rm", script: "rm -rf $M/By*" },
    RemovalProgram { what: "`rm FILE`", needs: "rm", script: "rm -f $M/single.bin" },
    RemovalProgram { what: "`rmdir FOLDER`", needs: "rmdir", script: "rmdir $M/Film" },
    RemovalProgram {
        what: "`busybox rm -rf FOLDER`",
        needs: "busybox",
        script: "busybox rm -rf $M/Film",
    },
    RemovalProgram {
        what: "`find MOUNT -delete`",
        needs: "find",
        script: "find $M -mindepth 1 -delete",
    },
    RemovalProgram {
        what: "`busybox rmdir FOLDER`",
        needs: "busybox",
        script: "busybox rmdir $M/Film",
    },
    RemovalProgram {
        what: "`find -exec rm`",
        needs: "find",
        script: "find $M -name '*.mkv' -exec rm {} +",
    },
    RemovalProgram {
        what: "`shutil.rmtree`",
        needs: "python3",
        script: "python3 -c 'import shutil,sys; shutil.rmtree(sys.argv[1])' $M/Film",
    },
    RemovalProgram {
        what: "`shutil.rmtree(ignore_errors=True)`",
        needs: "python3",
        script: "python3 -c 'import shutil,sys; shutil.rmtree(sys.argv[1],True)' $M/Film",
    },
    RemovalProgram { what: "`gio trash`", needs: "gio", script: "gio trash $M/single.bin" },
    RemovalProgram { what: "`gio remove`", needs: "gio", script: "gio remove $M/single.bin" },
    RemovalProgram {
        what: "`mv` within the mount",
        needs: "mv",
        script: "mv $M/single.bin $M/b.bin",
    },
    RemovalProgram {
        what: "`mv` to another filesystem",
        needs: "mv",
        script: "mv $M/single.bin $O/ ; code=$?; rm -f $O/single.bin; exit $code",
    },
    RemovalProgram { what: "`cp` over a file", needs: "cp", script: "cp /dev/null $M/single.bin" },
    RemovalProgram {
        what: "`sed -i`",
        needs: "sed",
        script: "sed -i s/a/b/ $M/Film/Extras/More/note.txt",
    },
    RemovalProgram { what: "`touch`", needs: "touch", script: "touch $M/single.bin" },
];

/// Runs all programs, and returns the table of what they say. `None` if the machine lacks one.
pub(super) fn table(library: &ScannedLibrary, outside: &Path) -> Option<String> {
    let mut text = String::from(
        "## Programs\n\nEach ran as root.\nThe move to another filesystem copies first, so it \
         downloads what is missing.\n\n\
         | program | exit code | message |\n|---|---|---|\n",
    );
    let mut missing = Vec::new();
    for RemovalProgram { what, needs, script } in PROGRAMS {
        if !is_there(needs) {
            missing.push(needs);
            continue;
        }
        let output = hermetic("sh", outside)
            .args(["-c", script])
            .env("M", &library.mounted.path)
            .env("O", outside)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        library.check_unchanged(what);
        let message = reason(&String::from_utf8_lossy(&output.stderr));
        let code = output.status.code().unwrap();
        writeln!(text, "| {what} | {code} | {message} |").unwrap();
    }
    missing.dedup();
    for program in &missing {
        skip::for_lack_of(program, tfs_testkit::test_name!());
    }
    missing.is_empty().then_some(text)
}

/// Returns the part of a message that does not depend on the version of the program.
#[track_caller]
fn reason(message: &str) -> &'static str {
    let known = ["Read-only file system", "Unable to find or create trash directory"];
    match known.into_iter().find(|reason| message.contains(reason)) {
        Some(reason) => reason,
        None => {
            assert_eq!(message, "");
            "none"
        }
    }
}

fn is_there(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    found.is_ok_and(|found| found.status.success())
}
