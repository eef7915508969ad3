//! Options of a mount in the form of `mount(8)`: `allow_other,max_streams=2`.
//!
//! Each flag of `tfs mount` is an option, with `_` for `-`. The list is generated from the command
//! line definition, so that the two cannot differ.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use clap::{Arg, Command, CommandFactory as _};

use crate::args::Cli;

/// Options that tfs ignores: those for `mount(8)` or systemd, those without effect here, and those
/// that hold for every mount of tfs.
const IGNORED: [&str; 30] = [
    // Permissions and time of mounting.
    "auto",
    "noauto",
    "defaults",
    "nofail",
    "_netdev",
    "user",
    "nouser",
    "users",
    "nousers",
    "owner",
    "noowner",
    "group",
    "nogroup",
    // Always in effect.
    "ro",
    "nosuid",
    "nodev",
    "noexec",
    "default_permissions",
    // Never in effect, but `mount(8)` and mount.fuse3 pass them by default, and `defaults` stands
    // for them.
    "rw",
    "suid",
    "dev",
    "exec",
    "async",
    // Nothing is written, so there are no access times either.
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
];

/// Flags of `tfs mount` that are no options: a helper of `mount(8)` always goes to the background.
const NOT_HERE: [&str; 3] = ["foreground", "help", "version"];

/// Returns the flags of `tfs mount` for lists of options, one result for each option that has a
/// meaning for tfs. An error is a sentence that names the option.
pub(crate) fn arguments_of(
    lists: &[OsString],
) -> impl Iterator<Item = Result<OsString, String>> + use<'_> {
    let cli = Cli::command();
    let options = lists.iter().flat_map(|list| split(list.as_bytes()));
    options.filter_map(move |option| argument(&cli, &option).transpose())
}

/// Returns the options that have a meaning for tfs; those with a value end with `=`.
pub(crate) fn names() -> Vec<String> {
    let cli = Cli::command();
    let mount = cli.find_subcommand("mount");
    let flags = mount.into_iter().flat_map(Command::get_arguments).filter_map(Arg::get_long);
    let options = flags.filter_map(|flag| {
        let end = if takes_value(&cli, flag)? { "=" } else { "" };
        Some(format!("{}{end}", flag.replace('-', "_")))
    });
    options.collect()
}

/// Splits a list of options at its commas, except between quotes or after a backslash.
fn split(list: &[u8]) -> Vec<OsString> {
    let mut options = vec![Vec::new()];
    let mut bytes = list.iter();
    let mut is_quoted = false;
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => options.push(Vec::new()),
            byte => {
                let byte = if byte == b'\\' { bytes.next().copied() } else { Some(byte) };
                if let Some(last) = options.last_mut() {
                    last.extend(byte);
                }
            }
        }
    }
    options.into_iter().filter(|option| !option.is_empty()).map(OsString::from_vec).collect()
}

/// Returns a list with each option replaced by what `change` returns for it.
pub(crate) fn map_options(list: &OsStr, mut change: impl FnMut(&[u8]) -> Vec<u8>) -> OsString {
    let mut changed = Vec::new();
    for option in split(list.as_bytes()) {
        if !changed.is_empty() {
            changed.push(b',');
        }
        for byte in change(option.as_bytes()) {
            if matches!(byte, b'"' | b',' | b'\\') {
                changed.push(b'\\');
            }
            changed.push(byte);
        }
    }
    OsString::from_vec(changed)
}

/// Returns the form of an option on the command line of tfs: nothing, or one argument.
fn argument(cli: &Command, option: &OsStr) -> Result<Option<OsString>, String> {
    let bytes = option.as_bytes();
    let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) => (bytes.get(..at), bytes.get(at + 1..)),
        None => (Some(bytes), None),
    };
    let name = name.and_then(|name| str::from_utf8(name).ok()).unwrap_or_default();
    let is_for_mount = ["x-", "X-"].iter().any(|prefix| name.starts_with(prefix));
    if is_for_mount || name == "comment" || IGNORED.contains(&name) {
        return Ok(None);
    }
    if name == "remount" {
        return Err("a mount of tfs cannot be changed: unmount it and mount it anew".to_owned());
    }
    // The name in libfuse 2, which some tables still use.
    let flag =
        if name == "nonempty" { "allow-non-empty".to_owned() } else { name.replace('_', "-") };
    let takes_value = takes_value(cli, &flag)
        .ok_or_else(|| format!("unknown mount option {}", option.display()))?;
    match (takes_value, value) {
        (true, None) => Err(format!("the mount option {name} needs a value: {name}=...")),
        (false, Some(_)) => Err(format!("the mount option {name} takes no value")),
        (false, None) => Ok(Some(format!("--{flag}").into())),
        (true, Some(value)) => {
            let mut argument = OsString::from(format!("--{flag}="));
            argument.push(OsStr::from_bytes(value));
            Ok(Some(argument))
        }
    }
}

/// Returns whether a flag of `tfs mount` takes a value, or `None` if there is no such flag.
fn takes_value(cli: &Command, flag: &str) -> Option<bool> {
    if NOT_HERE.contains(&flag) {
        return None;
    }
    let mount = cli.find_subcommand("mount")?;
    flag_takes_value(mount.get_arguments().chain(cli.get_arguments()), flag)
}

/// Returns whether a long flag takes a value, or `None` if there is no such flag.
pub(crate) fn flag_takes_value<'a>(
    mut arguments: impl Iterator<Item = &'a Arg>,
    flag: &str,
) -> Option<bool> {
    let argument = arguments.find(|argument| argument.get_long() == Some(flag))?;
    Some(argument.get_action().takes_values())
}
