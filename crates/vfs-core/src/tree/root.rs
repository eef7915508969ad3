//! The root directory: which torrent has which name, and where it stands in a listing.

use std::collections::{BTreeMap, HashMap};

use super::FIRST_COOKIE;
use crate::InfoHash;
use crate::name::{escape, escape_marked};

/// Names in the root that are not for torrents: the control directory.
const RESERVED: [&str; 1] = [".tfs"];

/// A name in the root.
#[derive(Debug, Clone, Copy)]
pub(super) struct RootEntry {
    pub(super) info_hash: InfoHash,
    /// Grows from entry to entry and is never used twice, so that a listing which is under way
    /// neither repeats nor loses an entry when others come and go.
    pub(super) cookie: u64,
}

/// Names and their owners. A name stays with its torrent for as long as the torrent is there.
#[derive(Debug)]
pub(super) struct Root {
    by_name: HashMap<String, RootEntry>,
    by_cookie: BTreeMap<u64, String>,
    names: HashMap<InfoHash, String>,
    next_cookie: u64,
}

impl Root {
    pub(super) fn new() -> Self {
        Self {
            by_name: HashMap::new(),
            by_cookie: BTreeMap::new(),
            names: HashMap::new(),
            next_cookie: FIRST_COOKIE,
        }
    }

    /// Gives the torrent a name that nobody has, and returns it.
    pub(super) fn add(&mut self, raw: &str, info_hash: InfoHash, is_directory: bool) -> String {
        let name = self.free_name(raw, info_hash, is_directory);
        let entry = RootEntry { info_hash, cookie: self.next_cookie };
        self.next_cookie += 1;
        self.by_name.insert(name.clone(), entry);
        self.by_cookie.insert(entry.cookie, name.clone());
        self.names.insert(info_hash, name.clone());
        name
    }

    /// Takes the torrent's name from it, and returns it.
    pub(super) fn remove(&mut self, info_hash: InfoHash) -> Option<String> {
        let name = self.names.remove(&info_hash)?;
        let entry = self.by_name.remove(&name)?;
        self.by_cookie.remove(&entry.cookie)
    }

    /// Returns the name of a torrent.
    pub(super) fn name(&self, info_hash: InfoHash) -> Option<&str> {
        self.names.get(&info_hash).map(String::as_str)
    }

    pub(super) fn find(&self, name: &str) -> Option<(&str, RootEntry)> {
        self.by_name.get_key_value(name).map(|(name, entry)| (name.as_str(), *entry))
    }

    /// Returns the entries after `cookie` in the order of their cookies.
    pub(super) fn after(&self, cookie: u64) -> impl Iterator<Item = (&str, RootEntry)> {
        self.by_cookie.range(cookie.saturating_add(1)..).filter_map(|(_, name)| self.find(name))
    }

    fn free_name(&self, raw: &str, info_hash: InfoHash, is_directory: bool) -> String {
        let marks = [info_hash.short(), info_hash.to_string()].into_iter();
        // A torrent may even be called like another one with its whole mark.
        let numbered = (2_u64..).map(|n| format!("{info_hash} {n}"));
        let marked = marks.chain(numbered).map(|mark| escape_marked(raw, &mark, is_directory));
        std::iter::once(escape(raw))
            .chain(marked)
            .find(|name| !self.by_name.contains_key(name) && !RESERVED.contains(&name.as_str()))
            .unwrap_or_else(|| info_hash.to_string())
    }
}
