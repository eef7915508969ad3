//! The keys that are conditions for torrents, in `[[view]]` and `[[on_demand]]`.

use super::key::DefaultValue::Unset;
use super::key::{Key, key};
use crate::ValueKind;

/// The kinds of torrents, as [`TorrentKind`](tfs_views::TorrentKind) has them.
pub(in crate::keys) const KINDS: [&str; 7] =
    ["film", "show", "anime", "music", "book", "software", "other"];

/// The keys that are conditions, and so may be in `not` if their section has them.
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
pub(in crate::keys) const VIDEOS: ValueKind = ValueKind::Number { min: 0, max: u32::MAX as u64 };

const ANY: &str = "any";

pub(in crate::keys) const fn condition(
    name: &'static str,
    kind: ValueKind,
    example: &'static str,
    about: &'static str,
) -> Key {
    key(name, kind, Unset { means: ANY, example }, None, about)
}

/// Returns the key of conditions none of which may be met.
pub(in crate::keys) const fn not(name: &'static str, example: &'static str) -> Key {
    let about = "Conditions none of which may be met.";
    key(name, ValueKind::Conditions, Unset { means: "none", example }, None, about)
}

/// The keys of a section: those that any torrent can meet, whether or not a server has it already,
/// between others.
macro_rules! with_conditions {
    ($section:literal, [$($before:expr,)*], [$($after:expr,)*]) => {
        [
            $($before,)*
            condition(
                concat!($section, ".kind"),
                ValueKind::Words(&KINDS),
                "\"film\"",
                "What the torrent is, as tfs guesses from its name and its files. Of several \
                 kinds, one must match.",
            ),
            condition(
                concat!($section, ".match"),
                ValueKind::Texts,
                "\"linux.*x86_64\"",
                "Regular expressions. One must match the torrent's name, or the path of a file. \
                 The case of letters does not count.",
            ),
            condition(
                concat!($section, ".glob"),
                ValueKind::Texts,
                "\"*.epub\"",
                "Globs. One must match the torrent's name, or the name of a file; with a slash, \
                 the path. The case of letters does not count.",
            ),
            condition(
                concat!($section, ".has_episodes"),
                ValueKind::Switch,
                "true",
                "Whether the name of the torrent, or of a video, has the number of an episode.",
            ),
            condition(
                concat!($section, ".min_size"),
                ValueKind::Size { min: 0 },
                "\"1GB\"",
                "Minimum of all files together.",
            ),
            condition(
                concat!($section, ".max_size"),
                ValueKind::Size { min: 0 },
                "\"50GB\"",
                "Maximum of all files together.",
            ),
            condition(
                concat!($section, ".videos_min"),
                VIDEOS,
                "2",
                "Minimum number of videos, without samples.",
            ),
            condition(
                concat!($section, ".videos_max"),
                VIDEOS,
                "10",
                "Maximum number of videos, without samples.",
            ),
            condition(
                concat!($section, ".server"),
                ValueKind::Texts,
                "\"default\"",
                "Names of servers, one of which must have the torrent.",
            ),
            condition(
                concat!($section, ".tag"),
                ValueKind::Texts,
                "\"kids\"",
                "Tags, one of which the torrent must have.",
            ),
            $($after,)*
        ]
    };
}

pub(in crate::keys) use with_conditions;
