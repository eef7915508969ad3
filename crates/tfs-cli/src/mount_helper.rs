//! Helper of `mount(8)`: translates its arguments to those of `tfs mount`.
//!
//! `mount -t fuse.tfs URL DIR -o OPTIONS` calls a helper in one of these forms (tested with
//! util-linux 2.38 and libfuse 3.14):
//! - `/sbin/mount.fuse.tfs URL DIR [-sfnv] [-o OPTIONS]` if there is one (`mount.tfs` for
//!   `-t tfs`): a link to this program, which detects the role by its name;
//! - else `/sbin/mount.fuse3`, which runs `tfs URL DIR -o OPTIONS,dev,suid` in a shell.
//!
//! `mount(8)` keeps `x-*`, `X-*`, `comment=` and, without `-T`, `noauto` for itself, and adds `rw`.
//! Each flag of `tfs mount` is an option here, with `_` for `-`.
//!
//! `mount(8)` returns the exit code of its helper, so the helper uses the exit codes of `mount(8)`,
//! not those of tfs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::exit;
use crate::mount_options::arguments_of;
use crate::report::UserError;

/// The names of this program as a helper.
const NAMES: [&str; 2] = ["mount.tfs", "mount.fuse.tfs"];

/// Sources that stand for "the server of the settings", as the source field of fstab must not be
/// empty.
const NO_SOURCE: [&str; 2] = ["none", "tfs"];

/// Exit code of `mount(8)` for incorrect usage.
const MOUNT_USAGE: u8 = 1;

/// Exit code of `mount(8)` for a failed mount.
const MOUNT_FAILURE: u8 = 32;

/// A parsed call by `mount(8)`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HelperCall {
    /// The equivalent command line of tfs, with the program's name.
    pub(crate) arguments: Vec<OsString>,
    /// Whether to do everything except the mount itself.
    pub(crate) is_fake: bool,
}

/// The parsed arguments after the program's name.
#[derive(Debug, Default)]
struct Words {
    source: Option<OsString>,
    dir: Option<OsString>,
    options: Vec<OsString>,
    is_fake: bool,
    is_sloppy: bool,
    is_verbose: bool,
}

/// Returns whether this process was called as a helper, from its command line.
pub(crate) fn is_called(command_line: &[OsString]) -> bool {
    let [program, arguments @ ..] = command_line else { return false };
    let name = Path::new(program).file_name().and_then(OsStr::to_str);
    if name.is_some_and(|name| NAMES.contains(&name)) {
        return true;
    }
    // The form of a call by mount.fuse3. No command line of tfs has it: a command comes first
    // there.
    let [source, dir, option, _options] = arguments else { return false };
    let is_command = || {
        let commands = Cli::command();
        source.to_str().is_some_and(|name| commands.find_subcommand(name).is_some())
    };
    option == "-o" && !dir.as_bytes().starts_with(b"-") && !is_command()
}

/// Turns a call of `mount(8)` into a command line of tfs.
///
/// # Errors
/// If a word is not understood; the error names it.
pub(crate) fn understand(command_line: &[OsString]) -> Result<HelperCall, UserError> {
    let words = words(command_line.get(1..).unwrap_or_default())?;
    let (Some(source), Some(dir)) = (words.source, words.dir) else {
        return Err(usage("give a source and a mount point".to_owned()));
    };
    let mut arguments: Vec<OsString> = vec!["tfs".into(), "mount".into()];
    if words.is_verbose {
        arguments.push("-v".into());
    }
    if !NO_SOURCE.iter().any(|none| source == *none) {
        arguments.extend(["--server".into(), source]);
    }
    for argument in arguments_of(&words.options) {
        match argument {
            Ok(argument) => arguments.push(argument),
            Err(_unknown) if words.is_sloppy => {}
            Err(message) => return Err(usage(message)),
        }
    }
    // Arguments after this are not parsed as options.
    arguments.extend(["--".into(), dir]);
    Ok(HelperCall { arguments, is_fake: words.is_fake })
}

/// Returns why `clap` rejects the value of an option, in one line.
pub(crate) fn refusal(error: &clap::Error) -> UserError {
    let text = error.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    usage(first.strip_prefix("error: ").unwrap_or(first).to_owned())
}

/// Returns the exit code of `mount(8)` for an exit code of tfs.
pub(crate) fn exit_code(code: u8) -> u8 {
    match code {
        exit::SUCCESS => exit::SUCCESS,
        exit::USAGE | MOUNT_USAGE => MOUNT_USAGE,
        _ => MOUNT_FAILURE,
    }
}

/// Parses `SOURCE DIR [-sfnv] [-o OPTIONS] [-t TYPE]`, in any order.
fn words(arguments: &[OsString]) -> Result<Words, UserError> {
    let mut words = Words::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(flags) = argument.as_bytes().strip_prefix(b"-") else {
            let place = if words.source.is_none() { &mut words.source } else { &mut words.dir };
            if place.replace(argument.clone()).is_some() {
                return Err(usage(format!("no argument is left for {}", argument.display())));
            }
            continue;
        };
        for flag in flags {
            match flag {
                b'f' => words.is_fake = true,
                b's' => words.is_sloppy = true,
                b'v' => words.is_verbose = true,
                // Current systems have no /etc/mtab, so there is nothing to skip.
                b'n' => {}
                b'o' | b't' => {
                    let Some(value) = rest.next() else {
                        return Err(usage(format!("-{} needs a value", char::from(*flag))));
                    };
                    if *flag == b'o' {
                        words.options.push(value.clone());
                    }
                }
                _ => return Err(usage(format!("unknown flag {}", argument.display()))),
            }
        }
    }
    Ok(words)
}

fn usage(message: String) -> UserError {
    UserError::new(MOUNT_USAGE, message).with_hint(
        "it is used as in: mount -t fuse.tfs http://127.0.0.1:3030 /mnt/t -o allow_other; \
         the options are those of \"tfs mount --help\", with _ for -",
    )
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn command_line(line: &[&str]) -> Vec<OsString> {
        line.iter().map(OsString::from).collect()
    }

    /// Returns the arguments of mount(8), and below them those of tfs.
    #[track_caller]
    fn one(call: &[&str]) -> String {
        let line = command_line(call);
        assert!(is_called(&line), "{call:?}");
        let understood = match understand(&line) {
            Ok(call) => {
                // clap checks values, but the form has to be right.
                crate::typed::parse(&call.arguments).unwrap();
                let words = call.arguments.iter().map(|word| word.to_str().unwrap());
                let fake = if call.is_fake { " (fake)" } else { "" };
                format!("{}{fake}", words.collect::<Vec<_>>().join(" "))
            }
            Err(error) => format!("error: {error}"),
        };
        format!("{}\n    {understood}\n", call.join(" "))
    }

    #[track_caller]
    fn check(calls: &[&[&str]], want: &Expect) {
        let text: String = calls.iter().map(|call| one(call)).collect();
        want.assert_eq(&text);
    }

    const URL: &str = "http://h:3030";

    #[test]
    fn calls_of_mount() {
        check(
            &[
                &["/sbin/mount.fuse.tfs", URL, "/mnt/t", "-o", "rw"],
                &["/sbin/mount.tfs", URL, "/mnt/t", "-o", "ro,nosuid,allow_other,_netdev,nofail"],
                &["mount.tfs", "none", "/mnt/t", "-s", "-n", "-v", "-o", "rw,whatever=1"],
                &["mount.tfs", URL, "/mnt/t", "-f", "-o", "rw"],
                &["mount.tfs", "-sfnv", URL, "/mnt/t", "-t", "fuse.tfs"],
                // By mount.fuse3.
                &["/usr/bin/tfs", URL, "/mnt/t", "-o", "ro,allow_other,dev,suid"],
                &[
                    "tfs",
                    URL,
                    "/mnt/-t",
                    "-o",
                    "rw,noauto,user=alice,x-systemd.automount,comment=x",
                ],
            ],
            &expect![[r#"
                /sbin/mount.fuse.tfs http://h:3030 /mnt/t -o rw
                    tfs mount --server http://h:3030 -- /mnt/t
                /sbin/mount.tfs http://h:3030 /mnt/t -o ro,nosuid,allow_other,_netdev,nofail
                    tfs mount --server http://h:3030 --allow-other -- /mnt/t
                mount.tfs none /mnt/t -s -n -v -o rw,whatever=1
                    tfs mount -v -- /mnt/t
                mount.tfs http://h:3030 /mnt/t -f -o rw
                    tfs mount --server http://h:3030 -- /mnt/t (fake)
                mount.tfs -sfnv http://h:3030 /mnt/t -t fuse.tfs
                    tfs mount -v --server http://h:3030 -- /mnt/t (fake)
                /usr/bin/tfs http://h:3030 /mnt/t -o ro,allow_other,dev,suid
                    tfs mount --server http://h:3030 --allow-other -- /mnt/t
                tfs http://h:3030 /mnt/-t -o rw,noauto,user=alice,x-systemd.automount,comment=x
                    tfs mount --server http://h:3030 -- /mnt/-t
            "#]],
        );
    }

    #[test]
    fn options_are_those_of_the_command_line() {
        check(
            &[
                &["mount.tfs", URL, "/m", "-o", "max_streams=2,missing=fail,read_timeout=5s"],
                &["mount.tfs", URL, "/m", "-o", "memory=64MiB,poll-interval=2s,nonempty"],
                &["mount.tfs", URL, "/m", "-o", "username=u,password_file=/a b\\,c"],
                &["mount.tfs", URL, "/m", "-o", "username=u,password_file=\"/a,b\""],
                &["mount.tfs", URL, "/m", "-o", "log_file=/var/log/tfs.log", "-o", "allow_other"],
                // Several servers.
                &["mount.tfs", URL, "/m", "-o", "server=http://i:3030,server=http://j/a\\,b"],
                &[
                    "mount.tfs",
                    "home=http://h",
                    "/m",
                    "-o",
                    "server=away=http://i,layout=by-server",
                ],
                &["mount.tfs", "none", "/m", "-o", "server=home,server=away"],
            ],
            &expect![[r#"
                mount.tfs http://h:3030 /m -o max_streams=2,missing=fail,read_timeout=5s
                    tfs mount --server http://h:3030 --max-streams=2 --missing=fail --read-timeout=5s -- /m
                mount.tfs http://h:3030 /m -o memory=64MiB,poll-interval=2s,nonempty
                    tfs mount --server http://h:3030 --memory=64MiB --poll-interval=2s --allow-non-empty -- /m
                mount.tfs http://h:3030 /m -o username=u,password_file=/a b\,c
                    tfs mount --server http://h:3030 --username=u --password-file=/a b,c -- /m
                mount.tfs http://h:3030 /m -o username=u,password_file="/a,b"
                    tfs mount --server http://h:3030 --username=u --password-file=/a,b -- /m
                mount.tfs http://h:3030 /m -o log_file=/var/log/tfs.log -o allow_other
                    tfs mount --server http://h:3030 --log-file=/var/log/tfs.log --allow-other -- /m
                mount.tfs http://h:3030 /m -o server=http://i:3030,server=http://j/a\,b
                    tfs mount --server http://h:3030 --server=http://i:3030 --server=http://j/a,b -- /m
                mount.tfs home=http://h /m -o server=away=http://i,layout=by-server
                    tfs mount --server home=http://h --server=away=http://i --layout=by-server -- /m
                mount.tfs none /m -o server=home,server=away
                    tfs mount --server=home --server=away -- /m
            "#]],
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        check(
            &[
                &["mount.tfs"],
                &["mount.tfs", URL],
                &["mount.tfs", URL, "/m", "/n"],
                &["mount.tfs", URL, "/m", "-x"],
                &["mount.tfs", URL, "/m", "-o"],
                &["mount.tfs", URL, "/m", "-o", "alow_other"],
                &["mount.tfs", URL, "/m", "-o", "max_streams"],
                &["mount.tfs", URL, "/m", "-o", "allow_other=yes"],
                &["mount.tfs", URL, "/m", "-o", "rw,remount"],
                &["mount.tfs", URL, "/m", "-o", "foreground"],
            ],
            &expect![[r#"
                mount.tfs
                    error: give a source and a mount point
                mount.tfs http://h:3030
                    error: give a source and a mount point
                mount.tfs http://h:3030 /m /n
                    error: no argument is left for /n
                mount.tfs http://h:3030 /m -x
                    error: unknown flag -x
                mount.tfs http://h:3030 /m -o
                    error: -o needs a value
                mount.tfs http://h:3030 /m -o alow_other
                    error: unknown mount option alow_other
                mount.tfs http://h:3030 /m -o max_streams
                    error: the mount option max_streams needs a value: max_streams=...
                mount.tfs http://h:3030 /m -o allow_other=yes
                    error: the mount option allow_other takes no value
                mount.tfs http://h:3030 /m -o rw,remount
                    error: a mount of tfs cannot be changed: unmount it and mount it anew
                mount.tfs http://h:3030 /m -o foreground
                    error: unknown mount option foreground
            "#]],
        );
    }

    #[test]
    fn what_is_typed_for_tfs_is_no_call_of_mount() {
        for typed in [
            &["tfs"] as &[&str],
            &["tfs", "mount", "/mnt/t"],
            &["tfs", "list", "film", "-o", "x"],
            &["tfs", URL, "/mnt/t"],
            &["tfs", "-o", "x"],
            &[],
        ] {
            assert!(!is_called(&command_line(typed)), "{typed:?}");
        }
    }

    #[test]
    fn exit_codes_are_those_of_mount() {
        for (code, want) in [(0, 0), (1, 1), (2, 1), (10, 32), (20, 32), (34, 32)] {
            assert_eq!(exit_code(code), want, "{code}");
        }
    }
}
