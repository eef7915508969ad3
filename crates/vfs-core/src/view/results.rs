//! What a search found, with a name and a cookie for each that stay as long as the search does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::name::{escape_marked, unescape};
use crate::search::Match;
use crate::tree::FIRST_COOKIE;
use crate::{Ino, VfsError};

/// A file that was found, and its inode number.
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

/// The entries of a search's directory.
///
/// As in the root, a cookie grows from entry to entry and is never used twice, so that a listing
/// which is under way neither repeats nor loses an entry when others come and go.
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

    /// Returns the file that a link of this name leads to.
    pub(super) fn file(&self, name: &str) -> Result<Ino, VfsError> {
        self.by_name.get(name).copied().ok_or(VfsError::NotFound)
    }

    /// Returns the entries after `cookie`: their cookies, their names, and their files.
    pub(super) fn after(&self, cookie: u64) -> impl Iterator<Item = (u64, &str, Ino)> {
        let entries = self.by_cookie.range(cookie.saturating_add(1)..);
        entries.map(|(cookie, entry)| (*cookie, entry.name.as_ref(), entry.ino))
    }

    /// Takes over what a new search found. What was there keeps its name and its cookie.
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

    /// Returns the file's own name, or one with a mark that tells the torrent, then the file.
    fn free_name(&self, found: &Match) -> Arc<str> {
        let name = found.path.rsplit('/').next().unwrap_or(&found.path);
        if !self.by_name.contains_key(name) {
            return name.into();
        }
        // Marks stand between the parts of a name as it is in the torrent. Of one that was cut
        // that is not known.
        let raw = unescape(name).unwrap_or_else(|| name.to_owned());
        let (info_hash, index) = (found.tree.info_hash(), found.index.0);
        let marks = [info_hash.short(), format!("{} #{index}", info_hash.short())];
        // Somebody may even call a file like another one with its whole mark.
        let numbered = (2_u64..).map(|n| format!("{info_hash} #{index} {n}"));
        let mut marked =
            marks.into_iter().chain(numbered).map(|mark| escape_marked(&raw, &mark, false));
        let name = marked.find(|name| !self.by_name.contains_key(name.as_str()));
        name.unwrap_or_else(|| info_hash.to_string()).into()
    }
}
