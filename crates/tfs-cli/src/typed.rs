//! The command line as people type it: options in the form of `mount(8)`, servers before a mount
//! point, and [words of other programs](tips).

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser as _};

use crate::args::Cli;
use crate::mount_options::{arguments_of, flag_takes_value};
use crate::tips;

/// Parses a command line, whose first word is the name of the program.
///
/// # Errors
/// The error of clap, which is also the help and the version.
pub(crate) fn parse(words: &[OsString]) -> Result<Cli, clap::Error> {
    let with_tip = |error| with_tip(error, is_serve(words));
    let mut cli = Cli::try_parse_from(words).map_err(with_tip)?;
    if let Some(args) = cli.mount_args()
        && !args.options.is_empty()
    {
        cli = Cli::try_parse_from(expand(words, &args.options)?).map_err(with_tip)?;
    }
    cli.place().map_err(|message| match is_serve(words) {
        true => refusal_by("serve", message),
        false => refusal(message),
    })?;
    Ok(cli)
}

/// Returns whether the command is `tfs serve`.
fn is_serve(words: &[OsString]) -> bool {
    let before = behind_command(words).checked_sub(1);
    before.and_then(|idx| words.get(idx)).is_some_and(|word| word == "serve")
}

/// Returns the command line with options in the form of `mount(8)` as flags behind the command.
fn expand(words: &[OsString], options: &[OsString]) -> Result<Vec<OsString>, clap::Error> {
    let arguments = arguments_of(options).collect::<Result<Vec<_>, _>>().map_err(refusal)?;
    let at = behind_command(words);
    let mut expanded = words.to_vec();
    expanded.splice(at..at, arguments);
    Ok(expanded)
}

/// Returns the index of the word behind the command. A word before it is a global flag or the value
/// of one.
fn behind_command(words: &[OsString]) -> usize {
    let cli = Cli::command();
    let takes_value = |word: &OsString| {
        let name = word.to_str().and_then(|word| word.strip_prefix("--"));
        name.and_then(|name| flag_takes_value(cli.get_arguments(), name)) == Some(true)
    };
    let mut idx = 1;
    while let Some(word) = words.get(idx).filter(|word| word.as_encoded_bytes().starts_with(b"-")) {
        idx += if takes_value(word) { 2 } else { 1 };
    }
    // `service install` is two words.
    idx += usize::from(words.get(idx).is_some_and(|word| word == "service"));
    (idx + 1).min(words.len())
}

/// Returns the error of a wrong `tfs mount`.
fn refusal(message: String) -> clap::Error {
    refusal_by("mount", message)
}

/// Returns the error of a wrong command line of a command.
fn refusal_by(command: &str, message: String) -> clap::Error {
    let mut cli = Cli::command();
    cli.build();
    let mut command = cli.find_subcommand(command).cloned().unwrap_or(cli);
    command.error(ErrorKind::ValueValidation, message)
}

/// The beginning of clap's tip to pass an unknown flag as a value, as in `-- --flag`. A torrent or
/// a directory is hardly ever meant.
const TIP_OF_VALUES: &str = "to pass ";

/// Corrects the suggestions of clap: leaves out those that do not help, and puts the most similar
/// word first.
fn corrected(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().starts_with(TIP_OF_VALUES));
        if !tips.is_empty() {
            drop(error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips)));
        }
    }
    if let Some(ContextValue::Strings(mut words)) = error.remove(ContextKind::SuggestedSubcommand) {
        words.reverse();
        let words = ContextValue::Strings(words);
        drop(error.insert(ContextKind::SuggestedSubcommand, words));
    }
    error
}

/// Replaces the suggestions of clap, which knows only similar words.
fn with_tip(error: clap::Error, is_serve: bool) -> clap::Error {
    let mut error = corrected(error);
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    let of_command = if is_serve { tips::of_served } else { tips::of_command };
    let of_flag = if is_serve { tips::of_serve_flag } else { tips::of_flag };
    let command = word(ContextKind::InvalidSubcommand).and_then(of_command);
    let flag = || word(ContextKind::InvalidArg).and_then(of_flag);
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    let Some(tip) = command.or_else(|| flag().filter(|_| is_unknown)) else { return error };
    let similar = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg];
    for kind in similar {
        drop(error.remove(kind));
    }
    let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
    drop(error.insert(ContextKind::Suggested, tips));
    error
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::args::{Command, ServeArgs};

    #[track_caller]
    fn check(line: &str, want: &Expect) {
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        want.assert_eq(&match parse(&words) {
            Ok(cli) => {
                let (servers, flags) = cli.settings();
                let serves = |args: &ServeArgs| args.tree().unwrap().0.word().to_owned();
                let place = match (&cli.command, cli.mount_args()) {
                    (Command::Serve(args), _) => serves(args),
                    (_, Some(args)) => args.mountpoint.display().to_string(),
                    (_, None) => panic!("{line}"),
                };
                let flags = flags.iter().map(|flag| format!("{}={}", flag.key, flag.value));
                let flags: Vec<_> = flags.collect();
                format!("{place} {servers:?} {}", flags.join(" "))
            }
            Err(error) => {
                let text = error.render().to_string();
                text.split("\n\nUsage").next().unwrap_or_default().trim_end().to_owned()
            }
        });
    }

    #[test]
    fn servers_may_precede_the_mount_point() {
        check("tfs mount /mnt/t", &expect!["/mnt/t [] "]);
        check("tfs mount http://h:3030 /mnt/t", &expect!["/mnt/t [Url(BaseUrl(http://h:3030/))] "]);
        check("tfs mount h:3030 -f /mnt/t", &expect!["/mnt/t [Url(BaseUrl(http://h:3030/))] "]);
        check(
            "tfs mount -f nas=[::1]:3030 http://b/x home /mnt/t",
            &expect![[
                r#"/mnt/t [Named { name: "nas", url: BaseUrl(http://[::1]:3030/) }, Url(BaseUrl(http://b/x/)), Name("home")] "#
            ]],
        );
        check(
            "tfs mount --server http://b http://a -- -t",
            &expect!["-t [Url(BaseUrl(http://a/)), Url(BaseUrl(http://b/))] "],
        );
        check(
            "tfs mount http://h:3030",
            &expect![
                "error: the mount point is missing, as in: tfs mount http://127.0.0.1:3030 /mnt/t"
            ],
        );
        check(
            "tfs mount /mnt/t http://h:3030",
            &expect![
                "error: the mount point is the last argument, as in: tfs mount http://127.0.0.1:3030 /mnt/t"
            ],
        );
        check(
            "tfs mount remote: /mnt/t",
            &expect![
                "error: invalid server before the mount point: neither an address such as http://127.0.0.1:3030 nor the name of a server"
            ],
        );
        check(
            "tfs mount http://me:pw@h /mnt/t",
            &expect![
                "error: invalid server before the mount point: credentials are not allowed in the address; use `username` and `password_file`"
            ],
        );
    }

    #[test]
    fn options_have_the_form_of_mount() {
        check(
            "tfs mount -o allow_other,memory=64MiB /mnt/t",
            &expect!["/mnt/t [] read.memory=64MiB mount.allow_other=true"],
        );
        check(
            "tfs mount -oro,max_streams=2 -o gid=5 h:3030 /mnt/t",
            &expect!["/mnt/t [Url(BaseUrl(http://h:3030/))] mount.gid=5 server.max_streams=2"],
        );
        check("tfs mount -o alow_other /mnt/t", &expect!["error: unknown mount option alow_other"]);
        check(
            "tfs mount -o memory=1 /mnt/t",
            &expect![[r#"
                error: invalid value '1' for '--memory <SIZE>': the unit is missing, as in 1MiB; units are B, KiB, MiB, GiB, KB, MB or GB

                For more information, try '--help'."#]],
        );
        check(
            "tfs --log-file mount mount -o allow_other mount",
            &expect!["mount [] logging.file=mount mount.allow_other=true"],
        );
    }

    #[test]
    fn a_server_for_clients_takes_the_arguments_of_rclone() {
        check("tfs serve webdav", &expect!["webdav [] "]);
        check(
            "tfs serve webdav --addr :8080 nas:3030",
            &expect!["webdav [Url(BaseUrl(http://nas:3030/))] serve.listen=:8080"],
        );
        check(
            "tfs -v serve nfs home --listen localhost:2050 --memory 64MiB",
            &expect![[r#"nfs [Name("home")] read.memory=64MiB serve.listen=localhost:2050"#]],
        );
        check(
            "tfs serve webdav --allow-host a --allow-host b --no-auth",
            &expect!["webdav [] serve.hosts=a serve.hosts=b serve.no_auth=true"],
        );
        check(
            "tfs serve webdav --embedded d http://h",
            &expect!["error: --embedded is the server, so no other can be given"],
        );
        check(
            "tfs serve webdav /mnt/t",
            &expect![
                "error: tfs serve has no mount point: leave the path out; to serve the files of a mount, use: tfs mount --webdav 127.0.0.1:8080 MOUNTPOINT"
            ],
        );
        check(
            "tfs serve webdav remote:",
            &expect![
                "error: invalid server: neither an address such as http://127.0.0.1:3030 nor the name of a server"
            ],
        );
    }

    #[test]
    fn words_behind_serve_have_tips() {
        check(
            "tfs serve http",
            &expect![[r#"
            error: unrecognized subcommand 'http'

              tip: use 'tfs serve webdav', which also serves browsers and players"#]],
        );
        check(
            "tfs serve webdab",
            &expect![[r#"
            error: unrecognized subcommand 'webdab'

              tip: a similar subcommand exists: 'webdav'"#]],
        );
        check(
            "tfs serve webdav --user me",
            &expect![[r#"
            error: unexpected argument '--user' found

              tip: use --auth-user and --auth-password-file; --username is that of rqbit"#]],
        );
        check(
            "tfs serve webdav --pass secret",
            &expect![[r#"
            error: unexpected argument '--pass' found

              tip: other users can see it there: use --auth-user and --auth-password-file"#]],
        );
        check(
            "tfs serve webdav --vfs-cache-mode full",
            &expect![[r#"
            error: unexpected argument '--vfs-cache-mode' found

              tip: leave it out: tfs has no cache on disk; --memory sets the one in memory"#]],
        );
        check(
            "tfs serve webdav --listen 8080",
            &expect![[r#"
                error: invalid value '8080' for '--listen <ADDRESS>': it must be an IP address and a port, as in 127.0.0.1:8080, or :8080 for all addresses of this machine

                For more information, try '--help'."#]],
        );
        check(
            "tfs serve nfs --tls-cert c",
            &expect!["error: unexpected argument '--tls-cert' found"],
        );
        check(
            "tfs serve token add tv",
            &expect![[r#"
            error: unrecognized subcommand 'add'

              tip: use 'tfs serve token new DEVICE'"#]],
        );
    }

    #[test]
    fn words_of_other_programs_have_tips() {
        check(
            "tfs rm x",
            &expect![[r#"
            error: unrecognized subcommand 'rm'

              tip: 'tfs forget' keeps the files on disk; 'tfs delete' deletes them"#]],
        );
        check(
            "tfs moutn /mnt/t",
            &expect![[r#"
            error: unrecognized subcommand 'moutn'

              tip: some similar subcommands exist: 'mount', 'umount', 'unmount'"#]],
        );
        check("tfs pause --dry-run x", &expect!["error: unexpected argument '--dry-run' found"]);
        check("tfs forget --dry-runn x", &expect!["error: unexpected argument '--dry-runn' found"]);
        check("tfs list -l", &expect!["error: unexpected argument '-l' found"]);
        check("tfs list --mount", &expect!["error: unexpected argument '--mount' found"]);
        check("tfs unmount -x", &expect!["error: unexpected argument '-x' found"]);
        check("tfs rmm", &expect!["error: unrecognized subcommand 'rmm'"]);
        check(
            "tfs mount --daemon /mnt/t",
            &expect![[r#"
            error: unexpected argument '--daemon' found

              tip: leave it out: tfs goes to the background unless it has --foreground"#]],
        );
        check(
            "tfs mount --vfs-cache-mode full h:3030 /mnt/t",
            &expect![[r#"
            error: unexpected argument '--vfs-cache-mode' found

              tip: leave it out: tfs has no cache on disk; --memory sets the one in memory"#]],
        );
        check(
            "tfs mount --vfs-cache-max-size=1G /mnt/t",
            &expect![[r#"
            error: unexpected argument '--vfs-cache-max-size' found

              tip: leave it out: tfs has no cache on disk; --memory sets the one in memory"#]],
        );
        check(
            "tfs mount --vfs-fast-fingerprint /mnt/t",
            &expect![[r#"
            error: unexpected argument '--vfs-fast-fingerprint' found

              tip: leave it out: it has no meaning for tfs"#]],
        );
    }
}
