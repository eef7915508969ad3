//! Which torrents a view shows.

use bytesize::ByteSize;
use tfs_types::Tag;
use vfs_core::Query;

use crate::facts::ExaminedTorrent;
use crate::spec::ConditionSpec;

/// Maximum number of values of one key. Each pattern is matched with each path of each torrent.
const VALUES_MAX: usize = 32;

/// A pattern with its text.
#[derive(Debug)]
struct ConditionPattern {
    text: String,
    query: Query,
}

/// Conditions with compiled patterns.
#[derive(Debug)]
pub(crate) struct Conditions {
    spec: ConditionSpec,
    matches: Vec<ConditionPattern>,
    globs: Vec<ConditionPattern>,
}

/// What was asked of a torrent, and whether it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) is_met: bool,
    /// The condition as it is for the torrent, and for a pattern what it matched.
    pub(crate) text: String,
}

/// One condition, in the order in which they are examined: the cheap ones first.
#[derive(Debug, Clone, Copy)]
enum Condition {
    Server,
    Tag,
    Added,
    Selected,
    Size,
    Videos,
    Kind,
    Episodes,
    Glob,
    Match,
}

const ORDER: [Condition; 10] = [
    Condition::Server,
    Condition::Tag,
    Condition::Added,
    Condition::Selected,
    Condition::Size,
    Condition::Videos,
    Condition::Kind,
    Condition::Episodes,
    Condition::Glob,
    Condition::Match,
];

/// A key of a condition that is wrong, and why.
pub(crate) type WrongKey = (&'static str, String);

impl Conditions {
    /// Compiles conditions, or returns all wrong keys.
    pub(crate) fn compile(spec: &ConditionSpec) -> Result<Self, Vec<WrongKey>> {
        let mut wrong = Vec::new();
        for (key, count) in [
            ("kind", spec.kinds.len()),
            ("match", spec.matches.len()),
            ("glob", spec.globs.len()),
            ("server", spec.servers.len()),
            ("tag", spec.tags.len()),
        ] {
            if count > VALUES_MAX {
                wrong.push((key, format!("it has {count} values; the maximum is {VALUES_MAX}")));
            }
        }
        if spec.min_size.zip(spec.max_size).is_some_and(|(min, max)| min > max) {
            wrong.push(("max_size", "it is less than `min_size`".to_owned()));
        }
        if spec.videos_min.zip(spec.videos_max).is_some_and(|(min, max)| min > max) {
            wrong.push(("videos_max", "it is less than `videos_min`".to_owned()));
        }
        if spec.added_after.zip(spec.added_before).is_some_and(|(after, before)| after >= before) {
            wrong.push(("added_before", "it is not later than `added_after`".to_owned()));
        }
        // In the form in which they are kept, so that `Kids` is `kids`.
        let mut tags = Vec::new();
        for text in spec.tags.iter().take(VALUES_MAX) {
            match text.parse::<Tag>() {
                Ok(tag) => tags.push(tag.to_string()),
                Err(error) => wrong.push(("tag", format!("{text:?} is no tag: {error}"))),
            }
        }
        let mut compile = |key, texts: &[String], of: fn(&str) -> Result<Query, _>| {
            let mut patterns = Vec::new();
            for text in texts.iter().take(VALUES_MAX) {
                match of(text) {
                    Ok(query) => patterns.push(ConditionPattern { text: text.clone(), query }),
                    Err(error) => wrong.push((key, vfs_core::QueryError::to_string(&error))),
                }
            }
            patterns
        };
        let matches = compile("match", &spec.matches, Query::regex_in_any_case);
        let globs = compile("glob", &spec.globs, Query::glob_in_any_case);
        let spec = ConditionSpec { tags, ..spec.clone() };
        if wrong.is_empty() { Ok(Self { spec, matches, globs }) } else { Err(wrong) }
    }

    /// Returns whether a torrent meets all conditions.
    pub(crate) fn all_met(&self, facts: &ExaminedTorrent<'_>) -> bool {
        self.examine(facts).all(|finding| finding.is_met)
    }

    /// Returns the first condition that a torrent meets.
    pub(crate) fn first_met(&self, facts: &ExaminedTorrent<'_>) -> Option<Finding> {
        self.examine(facts).find(|finding| finding.is_met)
    }

    /// Examines the conditions that are set, one after the other.
    pub(crate) fn examine<'a>(
        &'a self,
        facts: &'a ExaminedTorrent<'_>,
    ) -> impl Iterator<Item = Finding> + 'a {
        ORDER.into_iter().filter_map(|condition| self.finding(condition, facts))
    }

    fn finding(&self, condition: Condition, facts: &ExaminedTorrent<'_>) -> Option<Finding> {
        let spec = &self.spec;
        let torrent = facts.torrent;
        let found = |is_met, text| Some(Finding { is_met, text });
        let either = |is_met, text: String, otherwise: &str| {
            found(is_met, if is_met { text } else { format!("{otherwise} {text}") })
        };
        match condition {
            Condition::Server if spec.servers.is_empty() => None,
            Condition::Server => {
                let is_met =
                    torrent.servers.iter().any(|name| spec.servers.iter().any(|it| it == name));
                either(is_met, format!("server {}", spec.servers.join(", ")), "not on")
            }
            Condition::Tag if spec.tags.is_empty() => None,
            Condition::Tag => {
                let is_met = torrent.tags.iter().any(|tag| spec.tags.contains(tag));
                either(is_met, format!("tag {}", spec.tags.join(", ")), "no")
            }
            Condition::Added if spec.added_after.is_none() && spec.added_before.is_none() => None,
            Condition::Added => {
                let is_met = spec.added_after.is_none_or(|after| torrent.added_at >= after)
                    && spec.added_before.is_none_or(|before| torrent.added_at < before);
                let keys = [
                    spec.added_after.map(|_| "added_after"),
                    spec.added_before.map(|_| "added_before"),
                ];
                let keys: Vec<_> = keys.into_iter().flatten().collect();
                either(is_met, keys.join(", "), "outside")
            }
            Condition::Selected => spec.selected.and_then(|wanted| {
                let is_selected = facts.is_selected();
                found(is_selected == wanted, format!("selected {is_selected}"))
            }),
            Condition::Size => {
                let size = facts.size_bytes();
                between("size", size, (spec.min_size, spec.max_size), |bytes| {
                    ByteSize::b(bytes).to_string()
                })
            }
            Condition::Videos => {
                let limits = (spec.videos_min, spec.videos_max);
                between("videos", facts.video_count(), limits, |count| count.to_string())
            }
            Condition::Kind if spec.kinds.is_empty() => None,
            Condition::Kind => {
                let kind = facts.kind();
                found(spec.kinds.contains(&kind), format!("kind {kind}"))
            }
            Condition::Episodes => spec.has_episodes.and_then(|wanted| {
                let has = facts.has_episodes();
                found(has == wanted, format!("has_episodes {has}"))
            }),
            Condition::Glob => pattern_finding("glob", &self.globs, facts),
            Condition::Match => pattern_finding("match", &self.matches, facts),
        }
    }
}

/// Compares a number with its limits, if there are any.
fn between(
    name: &str,
    value: u64,
    (min, max): (Option<u64>, Option<u64>),
    show: impl Fn(u64) -> String,
) -> Option<Finding> {
    if min.is_none() && max.is_none() {
        return None;
    }
    let is_met = min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max);
    Some(Finding { is_met, text: format!("{name} {}", show(value)) })
}

/// Matches patterns with the name of the torrent and the paths of its files.
fn pattern_finding(
    key: &str,
    patterns: &[ConditionPattern],
    facts: &ExaminedTorrent<'_>,
) -> Option<Finding> {
    if patterns.is_empty() {
        return None;
    }
    let torrent = facts.torrent;
    for ConditionPattern { text, query } in patterns {
        if query.is_match(torrent.name) {
            return Some(Finding { is_met: true, text: format!("{key} {text}") });
        }
        let mut paths = torrent.files.iter().map(|file| facts.path_of(file));
        if let Some(path) = paths.find(|path| query.is_match(path)) {
            return Some(Finding { is_met: true, text: format!("{key} {text} ({path})") });
        }
    }
    let texts: Vec<_> = patterns.iter().map(|pattern| pattern.text.as_str()).collect();
    Some(Finding { is_met: false, text: format!("no {key} {}", texts.join(", ")) })
}
