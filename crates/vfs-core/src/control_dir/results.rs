//! Results of a search, each with a name and a cookie that stay valid as long as the search exists.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::name::{escape_marked, unescape};
use crate::search::Match;
use crate::tree::FIRST_COOKIE;
use crate::{Ino, VfsError};

/// A found file, and its inode number.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) ino: Ino,
    pub(super) found: Match,
}

#[derive(Debug)]
struct ResultEntry {
    name: Arc<str>,
    ino: Ino,
}

/// Entries of a search's directory.
///
/// As in the root, a cookie increases from entry to entry and is never reused, so that a listing in
/// progress neither repeats nor skips an entry when others are added or removed.
#[derive(Debug)]
pub(super) struct Results {
    by_cookie: BTreeMap<u64, ResultEntry>,
    by_name: HashMap<Arc<str>, Ino>,
    by_file: HashMap<Ino, u64>,
    next_cookie: u64,
}

impl Results {
    pub(super) fn new() -> Self {
        Self {
            by_cookie: BTreeMap::new(),
            by_name: HashMap::new(),
            by_file: HashMap::new(),
            next_cookie: FIRST_COOKIE,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_cookie.len()
    }

    /// Returns the target file of the link with this name.
    pub(super) fn file(&self, name: &str) -> Result<Ino, VfsError> {
        self.by_name.get(name).copied().ok_or(VfsError::NotFound)
    }

    /// Returns the entries after `cookie`: cookies, names and files.
    pub(super) fn after(&self, cookie: u64) -> impl Iterator<Item = (u64, &str, Ino)> {
        let entries = self.by_cookie.range(cookie.saturating_add(1)..);
        entries.map(|(cookie, entry)| (*cookie, entry.name.as_ref(), entry.ino))
    }

    /// Applies the results of a new search. Existing results keep their names and cookies.
    pub(super) fn take_over(&mut self, hits: Vec<Hit>) {
        let found: HashSet<_> = hits.iter().map(|hit| hit.ino).collect();
        self.by_cookie.retain(|_, entry| found.contains(&entry.ino));
        self.by_name.retain(|_, ino| found.contains(ino));
        self.by_file.retain(|ino, _| found.contains(ino));
        for hit in hits {
            if !self.by_file.contains_key(&hit.ino) {
                let name = self.free_name(&hit.found);
                self.by_name.insert(Arc::clone(&name), hit.ino);
                self.by_file.insert(hit.ino, self.next_cookie);
                self.by_cookie.insert(self.next_cookie, ResultEntry { name, ino: hit.ino });
                self.next_cookie += 1;
            }
        }
    }

    /// Returns the file's own name, or one with a mark that identifies the torrent, then the file.
    fn free_name(&self, found: &Match) -> Arc<str> {
        let name = found.path.rsplit('/').next().unwrap_or(&found.path);
        if !self.by_name.contains_key(name) {
            return name.into();
        }
        // Marks are inserted into the name as in the torrent, which is unknown if it was cut.
        let raw = unescape(name).unwrap_or_else(|| name.to_owned());
        let (info_hash, index) = (found.tree.info_hash(), found.index.0);
        let marks = [info_hash.short(), format!("{} #{index}", info_hash.short())];
        // The name of a file may even equal that of another one with its full mark.
        let numbered = (2_u64..).map(|n| format!("{info_hash} #{index} {n}"));
        let mut marked =
            marks.into_iter().chain(numbered).map(|mark| escape_marked(&raw, &mark, false));
        let name = marked.find(|name| !self.by_name.contains_key(name.as_str()));
        name.unwrap_or_else(|| info_hash.to_string()).into()
    }
}
