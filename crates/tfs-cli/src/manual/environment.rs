//! Variables and files that the pages describe.

use clap::Command;
use tfs_config::keys::{SECTIONS, keys};
use tfs_config::{FILES, SHORT_FORMS};

use super::roff::Roff;

/// Variables that are no settings.
const OTHER_VARIABLES: [(&str, &str); 5] = [
    ("NO_COLOR", "Turns off colors if it is not empty."),
    ("RUST_LOG", "Selects log entries by module, and overrides `--log-level` and `-v`."),
    ("XDG_CONFIG_HOME", "The directory of the user's configuration, by default `~/.config`."),
    ("XDG_STATE_HOME", "The directory of the state, by default `~/.local/state`."),
    ("XDG_RUNTIME_DIR", "The directory of the control sockets, by default below `/tmp`."),
];

/// Files of tfs apart from the configuration.
const OTHER_FILES: [(&str, &str); 3] = [
    (
        "$XDG_STATE_HOME/tfs/",
        "The names, times and details of known torrents, so that a mount shows them while a server \
         is down, and shows them unchanged after a restart.",
    ),
    (
        "$XDG_RUNTIME_DIR/tfs/",
        "The control sockets of running mounts, by which other commands find them.",
    ),
    ("<MOUNTPOINT>`/.tfs/`", "Status, metrics and search of a mount; not listed by default."),
];

/// Appends the variables: those that set an option of the command; for tfs itself all others.
pub(super) fn variables(page: &mut Roff, command: &Command, is_root: bool) {
    let has = |flag: &str| {
        let name = flag.trim_start_matches('-');
        command.get_arguments().any(|arg| arg.get_long() == Some(name))
    };
    page.section("ENVIRONMENT");
    if is_root || has("server") {
        for (name, about) in SHORT_FORMS {
            page.item(&format!("`{name}`"), about);
        }
    }
    if is_root {
        page.item(
            "`TFS_`<SECTION>`__`<KEY>",
            "Any key of a section that is no list, such as `TFS_READ__TIMEOUT=30s` for `timeout` \
             in `[read]`. The keys are described in tfs.toml(5).",
        );
        for (name, about) in OTHER_VARIABLES {
            page.item(&format!("`{name}`"), about);
        }
        return;
    }
    let lists: Vec<_> =
        SECTIONS.iter().filter(|section| section.is_list).map(|it| it.name).collect();
    for key in keys() {
        let (section, name) = key.name.split_once('.').unwrap_or_default();
        if let Some(flag) = key.flag.filter(|flag| has(flag) && !lists.contains(&section)) {
            let variable = format!("TFS_{}__{}", section.to_uppercase(), name.to_uppercase());
            page.item(&format!("`{variable}`"), &format!("As `{flag}`."));
        }
    }
    page.paragraph("Variables of all commands are described in tfs(1).");
}

/// Appends the configuration files; for tfs itself all other files too.
pub(super) fn files(page: &mut Roff, is_root: bool) {
    page.section("FILES");
    for (path, about) in FILES {
        page.item(&format!("`{path}`"), about);
    }
    if is_root {
        for (path, about) in OTHER_FILES {
            let path = if path.contains('<') { path.to_owned() } else { format!("`{path}`") };
            page.item(&path, about);
        }
    }
}
