//! Which torrents are listed, and in which order.

use std::cmp::Reverse;
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;
use tfs_config::ServerArg;
use tfs_service::{ParseTagError, Query, Tag, TorrentRow, has_hash_start};
use tfs_types::OnDemandMode;

use super::columns::{remaining, state};

/// The states of the table, and those of JSON.
pub(crate) const STATES: [&str; 11] = [
    "seeding",
    "downloading",
    "checking",
    "paused",
    "failed",
    "resolving",
    "unknown",
    "live",
    "initializing",
    "error",
    "finished",
];

/// Characters that make a pattern a glob.
const OF_GLOBS: [char; 4] = ['*', '?', '[', '{'];

/// Beginnings of paths, which are no names of torrents.
const OF_PATHS: [&str; 4] = ["/", "./", "../", "~/"];

/// The lowest port of a server. `Apollo:13` is a name.
const PORT_MIN: u16 = 80;

/// Returns whether a text is the address of a server, with or without `http://`.
fn is_address(text: &str) -> bool {
    let Ok(ServerArg::Url(_)) = text.parse() else { return false };
    let port = text.trim_end_matches('/').rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    text.contains("://") || port.is_some_and(|port| port.is_ok_and(|port| port >= PORT_MIN))
}

/// Names that contain a text, or match a glob, in any case.
#[derive(Debug, Clone)]
pub(crate) enum NamePattern {
    /// A part of the name, in lower case.
    Part(String),
    /// A glob in lower case, and its compiled form.
    Glob(String, Arc<Query>),
}

impl FromStr for NamePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_address(text) {
            return Err("to list the torrents of another server, use --server".to_owned());
        }
        if OF_PATHS.iter().any(|start| text.starts_with(start)) {
            return Err("it is a path, not a part of a name; see what is mounted with: tfs status"
                .to_owned());
        }
        let lower = text.to_lowercase();
        if !lower.contains(OF_GLOBS) {
            return Ok(Self::Part(lower));
        }
        // A torrent may be named like this, so that a wrong glob is a text.
        Ok(match Query::glob(&lower) {
            Ok(query) => Self::Glob(lower, Arc::new(query)),
            Err(_no_glob) => Self::Part(lower),
        })
    }
}

impl NamePattern {
    /// Returns whether a name contains the text, or matches the glob.
    pub(crate) fn is_match(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        match self {
            Self::Part(part) => name.contains(part),
            // The name of a file with brackets is more often meant than a class of characters.
            Self::Glob(glob, query) => name.contains(glob) || query.is_match(&name),
        }
    }

    /// Returns whether this is the id of a torrent, or a prefix of its info hash.
    fn is_id_of(&self, row: &TorrentRow) -> bool {
        let Self::Part(text) = self else { return false };
        row.id.is_some_and(|id| id.to_string() == *text) || has_hash_start(row, text)
    }
}

/// A condition: `KEY=VALUE[,VALUE]`, or `KEY!=VALUE[,VALUE]`.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    property: Property,
    is_negated: bool,
}

/// A property with the values of which a torrent must have one. Text is in lower case.
#[derive(Debug, Clone)]
enum Property {
    State(Vec<String>),
    Server(Vec<String>),
    Name(Vec<NamePattern>),
    Tag(Vec<Tag>),
    /// Modes; `None` stands for `off`.
    OnDemand(Vec<Option<OnDemandMode>>),
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "it must have the form state=downloading,paused, state!=seeding, \
            server=NAME, name=GLOB, tag=TAG or on-demand=pieces,file,off";
        let (key, value) = text.split_once('=').ok_or(FORM)?;
        let (key, is_negated) = key.strip_suffix('!').map_or((key, false), |key| (key, true));
        let values = || value.split(',').map(str::to_lowercase).collect::<Vec<_>>();
        let property = match key {
            "state" => Property::State(values()),
            "server" => Property::Server(values()),
            "name" => Property::Name(value.split(',').map(str::parse).collect::<Result<_, _>>()?),
            "tag" => {
                let tags = value.split(',').map(str::parse).collect::<Result<_, _>>();
                Property::Tag(tags.map_err(|error: ParseTagError| error.to_string())?)
            }
            "on-demand" | "on_demand" | "mode" => {
                let modes = values().into_iter().map(|word| mode(&word));
                Property::OnDemand(modes.collect::<Result<Vec<_>, _>>()?.concat())
            }
            _ => return Err(FORM.to_owned()),
        };
        if let Property::State(states) = &property
            && let Some(wrong) = states.iter().find(|state| !STATES.contains(&state.as_str()))
        {
            return Err(format!("{wrong} is no state; the states are {}", STATES.join(", ")));
        }
        Ok(Self { property, is_negated })
    }
}

/// Returns the modes that a word stands for.
fn mode(word: &str) -> Result<Vec<Option<OnDemandMode>>, String> {
    let modes = [OnDemandMode::Pieces, OnDemandMode::File].map(Some);
    match word {
        "on" => Ok(modes.to_vec()),
        "off" | "false" => Ok(vec![None]),
        word => match word.parse() {
            Ok(mode) => Ok(vec![Some(mode)]),
            Err(_no_mode) => Err(format!("{word} is no mode; the modes are pieces, file, on, off")),
        },
    }
}

impl Filter {
    fn is_match(&self, row: &TorrentRow) -> bool {
        let is_match = match &self.property {
            Property::State(states) => states.iter().any(|value| {
                value == state(row) || value == row.state || (value == "finished" && row.finished)
            }),
            Property::Server(servers) => {
                servers.iter().any(|value| row.servers.iter().any(|it| it.to_lowercase() == *value))
            }
            Property::Name(patterns) => {
                let name = row.name.as_deref().unwrap_or_default();
                patterns.iter().any(|pattern| pattern.is_match(name))
            }
            Property::Tag(tags) => {
                tags.iter().any(|tag| row.tags.iter().any(|it| it == tag.as_str()))
            }
            Property::OnDemand(modes) => modes.contains(&row.on_demand),
        };
        is_match != self.is_negated
    }
}

/// Returns whether a torrent is listed: its name matches the pattern, or the pattern is its id or a
/// prefix of its info hash.
pub(crate) fn is_listed(
    row: &TorrentRow,
    pattern: Option<&NamePattern>,
    filters: &[Filter],
) -> bool {
    let is_meant = |pattern: &NamePattern| {
        row.name.as_deref().is_some_and(|it| pattern.is_match(it)) || pattern.is_id_of(row)
    };
    pattern.is_none_or(is_meant) && filters.iter().all(|filter| filter.is_match(row))
}

/// The order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortKey {
    Added,
    Name,
    State,
    Size,
    Done,
    Down,
    Up,
    Eta,
    Ratio,
    Peers,
}

impl SortKey {
    /// Sorts torrents: names from A to Z, times from the shortest, and all other figures from the
    /// largest. Equal ones keep the order in which they were added.
    pub(crate) fn sort<T>(self, rows: &mut [T], row: impl Fn(&T) -> &TorrentRow) {
        match self {
            Self::Added => {}
            Self::Name => rows.sort_by_key(|it| row(it).name.as_deref().map(str::to_lowercase)),
            Self::State => rows.sort_by_key(|it| state(row(it))),
            Self::Eta => rows.sort_by_key(|it| {
                let time = remaining(row(it));
                (time.is_none(), time)
            }),
            Self::Size | Self::Done | Self::Down | Self::Up | Self::Ratio | Self::Peers => {
                rows.sort_by_key(|it| Reverse(self.figure(row(it))));
            }
        }
    }

    fn figure(self, row: &TorrentRow) -> u128 {
        // In millionths, for figures that are shares.
        let share = |part: u64, whole: u64| {
            (u128::from(part) * 1_000_000).checked_div(u128::from(whole)).unwrap_or_default()
        };
        match self {
            Self::Size => row.size_bytes.unwrap_or(row.total_bytes).into(),
            Self::Done => share(row.there_bytes, row.size_bytes.unwrap_or(row.total_bytes)),
            Self::Down => row.download_bps.into(),
            Self::Up => row.upload_bps.into(),
            Self::Ratio => share(row.uploaded_bytes, row.there_bytes),
            Self::Peers => row.peers.into(),
            Self::Added | Self::Name | Self::State | Self::Eta => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::tests::row;
    use super::*;

    fn torrent(name: &str, state: &'static str, size: u64) -> TorrentRow {
        TorrentRow { state, ..row(name, (Some(size), 0), (Some(size), 0)) }
    }

    #[test]
    fn patterns_are_parts_or_globs_in_any_case() {
        for (pattern, name, want) in [
            ("FILM", "a film.mkv", true),
            ("f*m", "a film.mkv", false),
            ("*f?lm*", "A FILM.mkv", true),
            ("*.{MKV,mp4}", "a.mkv", true),
            // A part of a name that is no glob, and one that means itself.
            ("[1080p", "a [1080p].mkv", true),
            ("[1080p]", "a [1080p].mkv", true),
            ("Größe*", "größe.mkv", true),
        ] {
            let parsed: NamePattern = pattern.parse().unwrap();
            assert_eq!(parsed.is_match(name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_may_be_an_id_or_a_prefix_of_an_info_hash() {
        let film = TorrentRow {
            id: Some(17),
            info_hash: format!("{:0<40}", "c0ffee"),
            ..torrent("Film", "live", 9)
        };
        for (pattern, want) in
            [("17", true), ("1", false), ("c0ff", true), ("C0FFEE0", true), ("c0f", false)]
        {
            let parsed: NamePattern = pattern.parse().unwrap();
            assert_eq!(is_listed(&film, Some(&parsed), &[]), want, "{pattern}");
        }
    }

    #[test]
    fn addresses_and_paths_are_no_patterns() {
        for (text, is_pattern) in [
            ("http://h", false),
            ("127.0.0.1:39999", false),
            ("nas:3030/", false),
            ("[::1]:80", false),
            ("Apollo:13", true),
            ("http", true),
            ("nas", true),
            ("1.5", true),
            ("/mnt/t", false),
            ("~/t", false),
            ("./t", false),
            (".hidden", true),
        ] {
            assert_eq!(text.parse::<NamePattern>().is_ok(), is_pattern, "{text}");
        }
    }

    #[test]
    fn filters_narrow_the_list() {
        let film = TorrentRow {
            servers: vec!["Home".to_owned()],
            tags: vec!["kids".to_owned(), "to watch".to_owned()],
            on_demand: Some(OnDemandMode::File),
            ..torrent("Film", "live", 9)
        };
        for (filter, want) in [
            ("state=downloading", true),
            ("state=seeding,downloading", true),
            ("state!=downloading", false),
            ("state=live", true),
            ("state=finished", false),
            ("server=home", true),
            ("server!=home,away", false),
            ("name=f*", true),
            ("tag=Kids", true),
            ("tag=hd,to watch", true),
            ("tag=watch", false),
            ("tag!=kids", false),
            ("tag!=hd", true),
            ("on-demand=pieces", false),
            ("on-demand=off,file", true),
            ("on-demand=on", true),
            ("on-demand!=on", false),
        ] {
            assert_eq!(filter.parse::<Filter>().unwrap().is_match(&film), want, "{filter}");
        }
        for wrong in ["state", "state=done", "size=3", "=x", "tag=", "on-demand=x", ""] {
            assert!(wrong.parse::<Filter>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn orders_are_stable() {
        let fast = TorrentRow { download_bps: 9, ..torrent("b", "live", 5) };
        let rows = [torrent("c", "paused", 5), fast, torrent("A", "error", 7)];
        for (key, want) in [
            (SortKey::Added, "cbA"),
            (SortKey::Name, "Abc"),
            (SortKey::Size, "Acb"),
            (SortKey::State, "bAc"),
            (SortKey::Down, "bcA"),
            (SortKey::Eta, "bcA"),
        ] {
            let mut sorted: Vec<_> = rows.iter().collect();
            key.sort(&mut sorted, |row| row);
            let names: String = sorted.iter().filter_map(|row| row.name.as_deref()).collect();
            assert_eq!(names, want, "{key:?}");
        }
    }
}
