//! The keys of `[[view]]`.

use super::conditions::{KINDS, VIDEOS, condition, not, with_conditions};
use super::key::{DefaultValue, Key, key};
use crate::ValueKind;

use DefaultValue::{Is, Required, Unset};

/// The keys.
pub(super) const VIEW: [Key; 21] = with_conditions!(
    "view",
    [key("view.name", ValueKind::Text, Required("\"Films\""), None, "The name of its directory."),],
    [
        condition(
            "view.added_after",
            ValueKind::Date,
            "\"2026-01-31\"",
            "The first day, in UTC, on which tfs may have seen the torrent first.",
        ),
        condition(
            "view.added_before",
            ValueKind::Date,
            "\"2026-12-31\"",
            "The day, in UTC, before which tfs must have seen the torrent first.",
        ),
        condition(
            "view.selected",
            ValueKind::Switch,
            "true",
            "Whether the server downloads any file of the torrent.",
        ),
        not("view.not", "{ kind = \"anime\" }"),
        key(
            "view.pass_on",
            ValueKind::Switch,
            Is("false"),
            None,
            "Also offer its torrents to the views after it. By default the first view that matches \
             keeps a torrent.",
        ),
        key(
            "view.largest_only",
            ValueKind::Switch,
            Is("false"),
            None,
            "Show only the largest file of each torrent.",
        ),
        key(
            "view.depth",
            ValueKind::Choice(&["keep", "flatten"]),
            Is("\"keep\""),
            None,
            "Where the files are. `keep`: in the directory of their torrent. `flatten`: in the \
             view itself.",
        ),
        key(
            "view.rename",
            ValueKind::Text,
            Unset { means: "the torrent's name", example: "\"{title} ({year})\"" },
            None,
            "Names of the torrents' directories, with {title}, {year}, {season}, {episode}, \
             {resolution}, {group} and {name}.",
        ),
        key(
            "view.hide",
            ValueKind::Texts,
            Unset { means: "none", example: "[\"samples\", \"*.exe\", \"<50MB\"]" },
            None,
            "Files to leave out: `samples`, `unselected`, those below a size, or globs.",
        ),
        key(
            "view.dedupe",
            ValueKind::Switch,
            Is("false"),
            None,
            "Show only the first added of torrents with the same files and sizes.",
        ),
    ]
);

#[cfg(test)]
mod tests {
    use tfs_views::TorrentKind;

    use super::*;
    use crate::keys::CONDITIONS;

    #[test]
    fn the_words_are_those_of_the_kinds_and_conditions_are_keys() {
        assert_eq!(TorrentKind::ALL.map(TorrentKind::word), KINDS);
        for name in CONDITIONS {
            assert!(VIEW.iter().any(|key| key.short_name() == name), "{name}");
        }
    }
}
