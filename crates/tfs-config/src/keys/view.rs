//! The keys of `[[view]]`.

use super::key::{DefaultValue, Key, key};
use crate::ValueKind;

use DefaultValue::{Is, Required, Unset};

/// The kinds of torrents, as [`TorrentKind`](tfs_views::TorrentKind) has them.
const KINDS: [&str; 7] = ["film", "show", "anime", "music", "book", "software", "other"];

/// The keys that are conditions, and so may be in `not`.
pub(crate) const CONDITIONS: [&str; 13] = [
    "kind",
    "match",
    "glob",
    "has_episodes",
    "min_size",
    "max_size",
    "videos_min",
    "videos_max",
    "server",
    "tag",
    "added_after",
    "added_before",
    "selected",
];

/// Files of a torrent are numbered with 32 bits.
const VIDEOS: ValueKind = ValueKind::Number { min: 0, max: u32::MAX as u64 };

const ANY: &str = "any";

const fn condition(
    name: &'static str,
    kind: ValueKind,
    example: &'static str,
    about: &'static str,
) -> Key {
    key(name, kind, Unset { means: ANY, example }, None, about)
}

/// The keys.
pub(super) const VIEW: [Key; 21] = [
    key("view.name", ValueKind::Text, Required("\"Films\""), None, "The name of its directory."),
    condition(
        "view.kind",
        ValueKind::Words(&KINDS),
        "\"film\"",
        "What the torrent is, as tfs guesses from its name and its files. Of several kinds, one \
         must match.",
    ),
    condition(
        "view.match",
        ValueKind::Texts,
        "\"linux.*x86_64\"",
        "Regular expressions. One must match the torrent's name, or the path of a file. The case \
         of letters does not count.",
    ),
    condition(
        "view.glob",
        ValueKind::Texts,
        "\"*.epub\"",
        "Globs. One must match the torrent's name, or the name of a file; with a slash, the path. \
         The case of letters does not count.",
    ),
    condition(
        "view.has_episodes",
        ValueKind::Switch,
        "true",
        "Whether the name of the torrent, or of a video, has the number of an episode.",
    ),
    condition(
        "view.min_size",
        ValueKind::Size { min: 0 },
        "\"1GB\"",
        "Minimum of all files together.",
    ),
    condition(
        "view.max_size",
        ValueKind::Size { min: 0 },
        "\"50GB\"",
        "Maximum of all files together.",
    ),
    condition("view.videos_min", VIDEOS, "2", "Minimum number of videos, without samples."),
    condition("view.videos_max", VIDEOS, "10", "Maximum number of videos, without samples."),
    condition(
        "view.server",
        ValueKind::Texts,
        "\"default\"",
        "Names of servers, one of which must have the torrent.",
    ),
    condition(
        "view.tag",
        ValueKind::Texts,
        "\"kids\"",
        "Tags, one of which the torrent must have.",
    ),
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
    key(
        "view.not",
        ValueKind::Conditions,
        Unset { means: "none", example: "{ kind = \"anime\" }" },
        None,
        "Conditions none of which may be met.",
    ),
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
        "Where the files are. `keep`: in the directory of their torrent. `flatten`: in the view \
         itself.",
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
];

#[cfg(test)]
mod tests {
    use tfs_views::TorrentKind;

    use super::*;

    #[test]
    fn the_words_are_those_of_the_kinds_and_conditions_are_keys() {
        assert_eq!(TorrentKind::ALL.map(TorrentKind::word), KINDS);
        for name in CONDITIONS {
            assert!(VIEW.iter().any(|key| key.short_name() == name), "{name}");
        }
    }
}
