//! Names in a directory of torrents: their owners, and their positions in a listing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::InfoHash;
use crate::name::{escape, escape_marked};

/// Names that neither torrents nor servers get: the control directory.
pub(super) const RESERVED: [&str; 1] = [".tfs"];

/// Maximum number of possible names of a torrent that are compared with its earlier one. Earlier
/// names come from a file, so a name that tfs would not have assigned is ignored.
const KNOWN_NAMES_MAX: usize = 16;

/// Earlier names that are reserved for their torrents.
pub(super) type ReservedNames = HashMap<String, InfoHash>;

/// Owner of a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameOwner {
    pub(super) info_hash: InfoHash,
    /// Increases from entry to entry and is never reused, so that a listing in progress neither
    /// repeats nor skips an entry when others are added or removed.
    pub(super) cookie: u64,
}

/// Names and their owners. A torrent keeps its name as long as it exists.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: HashMap<Arc<str>, NameOwner>,
    by_cookie: BTreeMap<u64, Arc<str>>,
    names: HashMap<InfoHash, Arc<str>>,
}

impl Names {
    /// Assigns the torrent an unused and unreserved name, and returns it. Its earlier name is
    /// preferred if possible.
    pub(super) fn add(
        &mut self,
        raw: &str,
        entry: NameOwner,
        is_directory: bool,
        had: Option<&str>,
        held: &ReservedNames,
    ) -> String {
        let NameOwner { info_hash, cookie } = entry;
        let is_free = |name: &str| {
            !self.by_name.contains_key(name)
                && !RESERVED.contains(&name)
                && held.get(name).is_none_or(|owner| *owner == info_hash)
        };
        // tfs 0.1.0 gave unnamed torrents the name of the empty one, whatever the server reports.
        let mut known = [raw, ""]
            .into_iter()
            .flat_map(|raw| candidates(raw, info_hash, is_directory).take(KNOWN_NAMES_MAX));
        let again = had.filter(|had| is_free(had) && known.any(|name| name == *had));
        let name = again.map(str::to_owned).unwrap_or_else(|| {
            let mut names = candidates(raw, info_hash, is_directory);
            names.find(|name| is_free(name)).unwrap_or_else(|| info_hash.to_string())
        });
        let shared: Arc<str> = name.as_str().into();
        self.by_name.insert(Arc::clone(&shared), entry);
        self.by_cookie.insert(cookie, Arc::clone(&shared));
        self.names.insert(info_hash, shared);
        name
    }

    /// Releases the torrent's name, and returns it.
    pub(super) fn remove(&mut self, info_hash: InfoHash) -> Option<String> {
        let name = self.names.remove(&info_hash)?;
        let entry = self.by_name.remove(&name)?;
        self.by_cookie.remove(&entry.cookie);
        Some(name.as_ref().to_owned())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the name of a torrent.
    pub(super) fn name(&self, info_hash: InfoHash) -> Option<&str> {
        self.names.get(&info_hash).map(AsRef::as_ref)
    }

    pub(super) fn find(&self, name: &str) -> Option<(&str, NameOwner)> {
        self.by_name.get_key_value(name).map(|(name, entry)| (name.as_ref(), *entry))
    }

    /// Returns the entries after `cookie`, in the order of their cookies.
    pub(super) fn after(&self, cookie: u64) -> impl Iterator<Item = (&str, NameOwner)> {
        self.by_cookie.range(cookie.saturating_add(1)..).filter_map(|(_, name)| self.find(name))
    }
}

/// Returns the possible names of a torrent, the plain one first. The iterator is infinite.
fn candidates(raw: &str, info_hash: InfoHash, is_directory: bool) -> impl Iterator<Item = String> {
    let marks = [info_hash.short(), info_hash.to_string()].into_iter();
    // The name of a torrent may even equal that of another one with its full mark.
    let numbered = (2_u64..).map(move |n| format!("{info_hash} {n}"));
    let marked = marks.chain(numbered).map(move |mark| escape_marked(raw, &mark, is_directory));
    std::iter::once(escape(raw)).chain(marked)
}
