//! The page of the configuration file, tfs.toml(5), from the table of keys.

use tfs_config::keys::{DefaultValue, Key, SECTIONS};

use super::environment;
use super::roff::Roff;
use super::{DATE, SOURCE};

const DESCRIPTION: [&str; 4] = [
    "tfs needs no configuration. A configuration file in TOML changes its defaults. Later sources \
     override earlier ones: defaults, the files below in their order, the file of `--config` or \
     `TFS_CONFIG`, variables of the environment, flags.",
    "Times have a unit: `\"90s\"`, `\"1m 30s\"`, `\"200ms\"`. Sizes have one too: `\"64MiB\"`, \
     `\"1GB\"`. Paths are absolute. `[[server]]` and `[[mount]]` may occur several times; such a \
     list replaces that of an earlier file.",
    "Unknown keys, wrong types, missing units and impossible combinations are errors. tfs prints \
     file, line and column, and exits with code 3.",
    "`tfs config init` writes a file with every key, commented out and explained. \
     `tfs config show` prints the settings in effect and the source of each.",
];

const EXAMPLE: &str = "\
[[server]]
name = \"nas\"
url = \"http://nas:3030\"

[[mount]]
path = \"/mnt/t\"
allow_other = true

[read]
timeout = \"30s\"";

/// Returns the page.
pub(super) fn page() -> Vec<u8> {
    let mut page = Roff::new("tfs.toml", 5, DATE, SOURCE, "File Formats Manual");
    page.section("NAME");
    page.paragraph("tfs.toml - configuration of tfs");
    page.section("DESCRIPTION");
    for text in DESCRIPTION {
        page.paragraph(text);
    }
    for section in &SECTIONS {
        page.section(&section.heading());
        page.paragraph(section.about);
        for key in section.keys {
            page.item(&format!("`{}`", key.short_name()), &about(key));
        }
    }
    environment::files(&mut page, false);
    page.section("EXAMPLES");
    page.paragraph("A server on another machine, and a mount for all users:");
    page.verbatim(&EXAMPLE.lines().collect::<Vec<_>>());
    page.section("SEE ALSO");
    page.paragraph("tfs(1), tfs-config(1), tfs-daemon(1)");
    page.into_bytes()
}

fn about(key: &Key) -> String {
    let default = match key.default {
        DefaultValue::Is(value) => format!("Default: `{value}`."),
        DefaultValue::Unset { means, .. } => format!("Default: {means}."),
        DefaultValue::Required(_) => "Must be set.".to_owned(),
    };
    let flag = key.flag.map(|flag| format!(" Flag: `{flag}`.")).unwrap_or_default();
    format!("{} Value: {}. {default}{flag}", key.about, key.kind.describe())
}
