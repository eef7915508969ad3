//! The record of requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::head::Head;

/// The most heads that are kept: more than any test compares.
const HEADS_MAX: usize = 100_000;

/// A call of rqbit's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// `GET /torrents`.
    List,
    /// `GET /torrents/{hash}`.
    Details,
    /// `GET /torrents/{hash}/metadata`.
    Metadata,
    /// `GET /torrents/{hash}/haves`.
    Haves,
    /// `GET /torrents/{hash}/stats/v1`.
    Stats,
    /// `GET /torrents/{hash}/stream/{file}`.
    Stream,
    /// Everything else.
    Other,
}

impl Route {
    /// Returns the call of a path; a query may follow it.
    pub(super) fn of(path: &str) -> Self {
        match segments(path).as_slice() {
            ["torrents"] => Self::List,
            ["torrents", _] => Self::Details,
            ["torrents", _, "metadata"] => Self::Metadata,
            ["torrents", _, "haves"] => Self::Haves,
            ["torrents", _, "stats", "v1"] => Self::Stats,
            ["torrents", _, "stream", _, ..] => Self::Stream,
            _ => Self::Other,
        }
    }
}

/// Returns the path without its query.
pub(super) fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _query)| path)
}

/// Returns the segments of a path without its query.
pub(super) fn segments(path: &str) -> Vec<&str> {
    without_query(path).split('/').filter(|part| !part.is_empty()).collect()
}

/// The requests so far, and the lines that scripts logged.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    counts: BTreeMap<Route, usize>,
    heads: Vec<String>,
    /// Lines with the numbers of their connections.
    lines: Vec<(usize, String)>,
}

impl RequestLog {
    pub(super) fn add(&mut self, head: &Head, keeps_heads: bool) {
        *self.counts.entry(Route::of(head.path())).or_default() += 1;
        if keeps_heads && self.heads.len() < HEADS_MAX {
            self.heads.push(head.to_string());
        }
    }

    pub(super) fn count(&self, route: Route) -> usize {
        self.counts.get(&route).copied().unwrap_or_default()
    }

    pub(super) fn heads(&self) -> &[String] {
        &self.heads
    }

    pub(super) fn asked(&self, is_it: impl Fn(&str) -> bool) -> usize {
        let paths = self.heads.iter().filter_map(|head| head.split(' ').nth(1));
        paths.filter(|path| is_it(without_query(path))).count()
    }

    pub(super) fn add_line(&mut self, connection: usize, line: impl Into<String>) {
        self.lines.push((connection, line.into()));
    }

    pub(super) fn has_line(&self, line: &str, count: usize) -> bool {
        self.lines.iter().filter(|(_, logged)| logged == line).count() >= count
    }

    /// Returns the lines of the scripts, by connection.
    pub(super) fn script_lines(&self) -> String {
        let mut lines = self.lines.clone();
        lines.sort_by_key(|&(connection, _)| connection);
        lines.iter().fold(String::new(), |mut text, (connection, line)| {
            writeln!(text, "connection {connection}: {line}").expect("write to a string");
            text
        })
    }
}
