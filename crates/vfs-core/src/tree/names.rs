//! Names in a directory of torrents: their owners, and their positions in a listing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::name::{escape, escape_marked, unescape};
use crate::{FileIndex, InfoHash};

/// Names that neither torrents nor servers get: the control directory.
pub(super) const RESERVED: [&str; 1] = [".tfs"];

/// Maximum number of possible names of a torrent that are compared with its earlier one. Earlier
/// names come from a file, so a name that tfs would not have assigned is ignored.
const KNOWN_NAMES_MAX: usize = 16;

/// Earlier names that are reserved for their torrents.
pub(super) type ReservedNames = HashMap<String, InfoHash>;

/// What has a name in a directory of torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NameKey {
    pub(super) info_hash: InfoHash,
    /// The file, if the files of the torrent stand in the directory itself.
    pub(super) part: Option<FileIndex>,
}

/// The name that an entry should have, unless another entry has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameWish<'a> {
    /// The file name, escaped.
    pub(super) plain: &'a str,
    /// The same not escaped, in which marks are inserted.
    pub(super) raw: &'a str,
    pub(super) is_directory: bool,
}

/// Owner of a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameOwner {
    pub(super) key: NameKey,
    /// Increases from entry to entry and is never reused, so that a listing in progress neither
    /// repeats nor skips an entry when others are added or removed.
    pub(super) cookie: u64,
}

/// Names and their owners. A torrent keeps its name as long as it exists.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: HashMap<Arc<str>, NameOwner>,
    by_cookie: BTreeMap<u64, Arc<str>>,
    names: HashMap<NameKey, Arc<str>>,
    /// Names that no torrent gets, beside [`RESERVED`].
    reserved: Box<[Box<str>]>,
}

impl NameKey {
    /// Returns the key of a whole torrent.
    pub(super) fn torrent(info_hash: InfoHash) -> Self {
        Self { info_hash, part: None }
    }
}

impl Names {
    /// Reserves names of other entries of the directory.
    pub(super) fn reserve(&mut self, names: Box<[Box<str>]>) {
        self.reserved = names;
    }

    /// Assigns an unused and unreserved name, and returns it. The earlier name is preferred if
    /// possible.
    pub(super) fn add(
        &mut self,
        wish: NameWish<'_>,
        entry: NameOwner,
        had: Option<&str>,
        held: &ReservedNames,
    ) -> String {
        let NameOwner { key, cookie } = entry;
        let NameKey { info_hash, .. } = key;
        let is_free = |name: &str| {
            !self.by_name.contains_key(name)
                && !RESERVED.contains(&name)
                && self.reserved.iter().all(|reserved| **reserved != *name)
                && held.get(name).is_none_or(|owner| *owner == info_hash)
        };
        // tfs 0.1.0 gave unnamed torrents the name of the empty one, whatever the server reports.
        let unnamed = NameWish { plain: "%empty", raw: "", ..wish };
        let mut known = [wish, unnamed]
            .into_iter()
            .flat_map(|wish| self.candidates(wish, key).take(KNOWN_NAMES_MAX));
        let again = had.filter(|had| is_free(had) && known.any(|name| name == *had));
        let name = again.map(str::to_owned).unwrap_or_else(|| {
            let mut names = self.candidates(wish, key);
            names.find(|name| is_free(name)).unwrap_or_else(|| info_hash.to_string())
        });
        let shared: Arc<str> = name.as_str().into();
        self.by_name.insert(Arc::clone(&shared), entry);
        self.by_cookie.insert(cookie, Arc::clone(&shared));
        self.names.insert(key, shared);
        name
    }

    /// Releases a name, and returns it.
    pub(super) fn remove(&mut self, key: NameKey) -> Option<String> {
        let name = self.names.remove(&key)?;
        let entry = self.by_name.remove(&name)?;
        self.by_cookie.remove(&entry.cookie);
        Some(name.as_ref().to_owned())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the name of an entry.
    pub(super) fn name(&self, key: NameKey) -> Option<&str> {
        self.names.get(&key).map(AsRef::as_ref)
    }

    /// Returns whether an entry has a name.
    pub(super) fn has(&self, key: NameKey) -> bool {
        self.names.contains_key(&key)
    }

    /// Returns the cookie of an entry.
    pub(super) fn cookie(&self, key: NameKey) -> Option<u64> {
        self.by_name.get(self.names.get(&key)?).map(|owner| owner.cookie)
    }

    pub(super) fn find(&self, name: &str) -> Option<(&str, NameOwner)> {
        self.by_name.get_key_value(name).map(|(name, entry)| (name.as_ref(), *entry))
    }

    /// Returns the entries after `cookie`, in the order of their cookies.
    pub(super) fn after(&self, cookie: u64) -> impl Iterator<Item = (&str, NameOwner)> {
        self.by_cookie.range(cookie.saturating_add(1)..).filter_map(|(_, name)| self.find(name))
    }

    /// Returns the possible names of an entry, the plain one first. The iterator is infinite.
    ///
    /// A file among those of other torrents gets the mark of its torrent, and one that collides
    /// with a file of its own torrent that of the file.
    fn candidates<'a>(
        &self,
        NameWish { plain, raw, is_directory }: NameWish<'a>,
        NameKey { info_hash, part }: NameKey,
    ) -> impl Iterator<Item = String> + use<'a> {
        let owner = self.by_name.get(plain).map(|owner| owner.key.info_hash);
        let short = info_hash.short();
        let file = part.map(|FileIndex(index)| format!("#{index}"));
        let own = file.clone().filter(|_| owner == Some(info_hash));
        let both = file.as_ref().map(|file| format!("{short} {file}"));
        let all = file.map_or_else(|| info_hash.to_string(), |file| format!("{info_hash} {file}"));
        // The name of a torrent may even equal that of another one with its full mark.
        let full = all.clone();
        let numbered = (2_u64..).map(move |n| format!("{full} {n}"));
        let marks = own.into_iter().chain([short]).chain(both).chain([all]).chain(numbered);
        let marked = marks.map(move |mark| escape_marked(raw, &mark, is_directory));
        std::iter::once(plain.to_owned()).chain(marked)
    }
}

impl NameWish<'_> {
    /// Calls `with` with the wish for a name that was shown in another directory.
    pub(super) fn of_shown<R>(
        shown: &str,
        is_directory: bool,
        with: impl FnOnce(NameWish<'_>) -> R,
    ) -> R {
        // The name in the torrent is unknown if it was cut.
        let raw = unescape(shown);
        with(NameWish { plain: shown, raw: raw.as_deref().unwrap_or(shown), is_directory })
    }

    /// Calls `with` with the wish for a name that is not escaped.
    pub(super) fn of_raw<R>(
        raw: &str,
        is_directory: bool,
        with: impl FnOnce(NameWish<'_>) -> R,
    ) -> R {
        with(NameWish { plain: &escape(raw), raw, is_directory })
    }
}
