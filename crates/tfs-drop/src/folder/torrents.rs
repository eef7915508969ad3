//! The torrents of the servers: listings, and the names under which they are shown.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use vfs_core::{InfoHash, NAME_BYTES_MAX};

use super::node::{FolderNode, ShownTorrent};
use super::{DropFolder, DropPlace};

/// The end of the names of torrents.
const END: &str = ".torrent";

/// Number of names that are kept for torrents that are gone, besides one for each that is shown.
const SPARE_NAMES: usize = 10_000;

/// Digits of an info hash that distinguish equal names.
const MARK_DIGITS: usize = 8;

/// A torrent of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedName {
    /// Its info hash.
    pub info_hash: InfoHash,
    /// Its name as in the torrent.
    pub name: String,
}

/// The name that a torrent was given, and its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptName {
    /// The name; `None` for that of the torrent.
    pub name: Option<String>,
    /// Whether it was added by the directory for paused torrents.
    pub is_paused: bool,
}

impl DropFolder {
    /// Sets the names of an earlier run. Must be called before the first listing.
    pub fn remember_names(&mut self, server: usize, names: HashMap<InfoHash, KeptName>) {
        if let Some(known) = self.names.get_mut(server) {
            *known = names;
        }
    }

    /// Returns the names of all servers if they changed since the last call.
    pub fn take_names(&mut self) -> Option<Vec<HashMap<InfoHash, KeptName>>> {
        std::mem::take(&mut self.has_new_names).then(|| self.names.clone())
    }

    /// Makes the next [`take_names`](Self::take_names) return the names again.
    pub fn keep_names_pending(&mut self) {
        self.has_new_names = true;
    }

    pub(super) fn keep_name(&mut self, server: usize, info_hash: InfoHash, kept: KeptName) {
        if let Some(names) = self.names.get_mut(server)
            && names.get(&info_hash) != Some(&kept)
        {
            names.insert(info_hash, kept);
            self.has_new_names = true;
        }
    }

    /// Shows the torrents of a listing, and no others of its server. `asked_at` is when it was
    /// requested: later additions and removals of this folder are newer.
    pub fn apply_listing(
        &mut self,
        server: usize,
        listing: &[ListedName],
        asked_at: Duration,
        now: Duration,
    ) {
        let Some(shown) = self.shown.get(server) else { return };
        let listed: HashSet<_> = listing.iter().map(|torrent| torrent.info_hash).collect();
        let is_newer = |ino: &u64| {
            let torrent = self.nodes.get(ino).and_then(|node| node.torrent.as_ref());
            torrent.is_some_and(|torrent| torrent.added_at.is_some_and(|at| at >= asked_at))
        };
        let gone = shown.iter().filter(|(hash, ino)| !listed.contains(hash) && !is_newer(ino));
        let gone: Vec<_> = gone.map(|(hash, _)| *hash).collect();
        for info_hash in gone {
            self.hide(server, info_hash, now);
        }
        self.prune_names(server);
        let forgotten = self.forgotten.get(server).cloned().unwrap_or_default();
        for torrent in listing {
            let is_shown =
                self.shown.get(server).is_some_and(|it| it.contains_key(&torrent.info_hash));
            let is_forgotten = forgotten.get(&torrent.info_hash).is_some_and(|at| *at >= asked_at);
            if !is_shown && !is_forgotten {
                self.show(server, torrent.info_hash, &torrent.name, None, now);
            }
        }
        if let Some(forgotten) = self.forgotten.get_mut(server) {
            forgotten.retain(|_, at| *at >= asked_at);
        }
    }

    /// Drops names of torrents that are gone, if there are many. A few are kept: a server that
    /// restarts may list no torrents for a moment.
    fn prune_names(&mut self, server: usize) {
        let (Some(names), Some(shown)) = (self.names.get_mut(server), self.shown.get(server))
        else {
            return;
        };
        if names.len() > shown.len().saturating_mul(2).saturating_add(SPARE_NAMES) {
            names.retain(|info_hash, _| shown.contains_key(info_hash));
            self.has_new_names = true;
        }
    }

    /// Shows a torrent that the session added for a link.
    pub fn add_resolved(
        &mut self,
        place: DropPlace,
        info_hash: InfoHash,
        name: Option<&str>,
        now: Duration,
    ) {
        self.added += 1;
        self.note_forgotten(place.server, info_hash, None);
        if place.is_paused {
            let kept = KeptName { name: None, is_paused: true };
            self.keep_name(place.server, info_hash, kept);
        }
        let dir = self.dir_of(place);
        self.show_new(dir, info_hash, name, now);
    }

    /// Shows a torrent that was added a moment ago, unless it is shown.
    pub(super) fn show_new(
        &mut self,
        dir: usize,
        info_hash: InfoHash,
        name: Option<&str>,
        now: Duration,
    ) {
        let server = self.place(dir).server;
        let is_shown = self.shown.get(server).is_some_and(|shown| shown.contains_key(&info_hash));
        if !is_shown {
            let hex = info_hash.to_string();
            self.show(server, info_hash, name.unwrap_or(&hex), Some(now), now);
        }
    }

    pub(super) fn show(
        &mut self,
        server: usize,
        info_hash: InfoHash,
        torrent_name: &str,
        added_at: Option<Duration>,
        now: Duration,
    ) {
        let kept = self.names.get(server).and_then(|names| names.get(&info_hash)).cloned();
        let is_paused = kept.as_ref().is_some_and(|kept| kept.is_paused);
        let dir = self.dir_of(DropPlace { server, is_paused });
        let given = kept.and_then(|kept| kept.name).filter(|name| self.find(dir, name).is_none());
        let name = given.unwrap_or_else(|| self.free_name(dir, torrent_name, info_hash));
        let ino = self.take_ino();
        let torrent = Some(ShownTorrent {
            info_hash,
            name: torrent_name.to_owned(),
            size: None,
            loaded: None,
            added_at,
        });
        self.nodes.insert(ino, FolderNode { dir, torrent, mtime: now, ..FolderNode::default() });
        self.link(ino, dir, &name, now);
        if let Some(shown) = self.shown.get_mut(server) {
            shown.insert(info_hash, ino);
        }
    }

    /// Returns a free name for a torrent: its own, or with a mark if that is taken.
    fn free_name(&self, dir: usize, torrent_name: &str, info_hash: InfoHash) -> String {
        let plain = file_name(torrent_name, "");
        if self.find(dir, &plain).is_none() {
            return plain;
        }
        let hex = info_hash.to_string();
        let mark = hex.get(..MARK_DIGITS).unwrap_or(&hex);
        let marked = file_name(torrent_name, &format!(" [{mark}]"));
        if self.find(dir, &marked).is_none() { marked } else { file_name(&hex, "") }
    }

    /// Makes a node the only one of a torrent: an older one gives its name up.
    pub(super) fn take_over(
        &mut self,
        ino: u64,
        server: usize,
        info_hash: InfoHash,
        now: Duration,
    ) {
        if let Some(before) = self.nodes.get(&ino).and_then(|node| node.torrent.as_ref()) {
            let (before, name) = (before.info_hash, before.name.clone());
            if before != info_hash {
                // The file is another torrent now. The old one gets a node of its own.
                self.forget_node_of(server, before);
                if let Some(names) = self.names.get_mut(server) {
                    self.has_new_names |= names.remove(&before).is_some();
                }
                self.show(server, before, &name, None, now);
            }
        }
        let Some(shown) = self.shown.get_mut(server) else { return };
        if let Some(old) = shown.insert(info_hash, ino).filter(|old| *old != ino) {
            if let Some(node) = self.nodes.get_mut(&old) {
                node.torrent = None;
            }
            if self.nodes.get(&old).is_some_and(|node| node.draft.is_none()) {
                self.remove_node(old, now);
            }
        }
    }

    /// Takes the name of a node away for another file. Returns its server and torrent, which needs
    /// a name of its own then.
    pub(super) fn displace(&mut self, ino: u64, now: Duration) -> Option<(usize, ShownTorrent)> {
        let node = self.nodes.get(&ino)?;
        let (dir, torrent) = (node.dir, node.torrent.clone());
        let kept = node.draft.as_ref().and_then(|draft| draft.kept_ticket());
        if let Some(ticket) = kept {
            self.cancel(ticket);
        }
        self.remove_node(ino, now);
        let torrent = torrent?;
        let server = self.place(dir).server;
        self.forget_node_of(server, torrent.info_hash);
        if let Some(names) = self.names.get_mut(server) {
            self.has_new_names |= names.remove(&torrent.info_hash).is_some();
        }
        Some((server, torrent))
    }

    fn forget_node_of(&mut self, server: usize, info_hash: InfoHash) {
        if let Some(shown) = self.shown.get_mut(server) {
            shown.remove(&info_hash);
        }
    }

    /// Shows a torrent no longer. A file that a program writes over it stays.
    fn hide(&mut self, server: usize, info_hash: InfoHash, now: Duration) {
        let Some(ino) = self.shown.get_mut(server).and_then(|it| it.remove(&info_hash)) else {
            return;
        };
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        if node.draft.as_ref().is_some_and(super::node::Draft::is_pending) {
            node.torrent = None;
        } else {
            self.remove_node(ino, now);
        }
    }

    pub(super) fn on_forgotten(&mut self, server: usize, info_hash: InfoHash, now: Duration) {
        self.hide(server, info_hash, now);
        self.note_forgotten(server, info_hash, Some(now));
        if let Some(names) = self.names.get_mut(server) {
            self.has_new_names |= names.remove(&info_hash).is_some();
        }
    }

    /// Records that a torrent was forgotten, or is there again.
    pub(super) fn note_forgotten(
        &mut self,
        server: usize,
        info_hash: InfoHash,
        at: Option<Duration>,
    ) {
        let Some(forgotten) = self.forgotten.get_mut(server) else { return };
        match at {
            Some(at) => _ = forgotten.insert(info_hash, at),
            None => _ = forgotten.remove(&info_hash),
        }
    }

    /// Returns whether a torrent of a server is shown.
    #[must_use]
    pub fn has(&self, server: usize, info_hash: InfoHash) -> bool {
        self.shown.get(server).is_some_and(|shown| shown.contains_key(&info_hash))
    }

    /// Returns torrents whose size is not known, at most `count_max`.
    #[must_use]
    pub fn unsized_torrents(&self, server: usize, count_max: usize) -> Vec<InfoHash> {
        let shown = self.shown.get(server).into_iter().flatten();
        let is_unknown = |ino: &u64| {
            let torrent = self.nodes.get(ino).and_then(|node| node.torrent.as_ref());
            torrent.is_some_and(|torrent| torrent.size.is_none())
        };
        let unknown = shown.filter(|(_, ino)| is_unknown(ino)).map(|(hash, _)| *hash);
        unknown.take(count_max).collect()
    }

    /// Sets the size of a torrent's metadata in bytes.
    pub fn set_size(&mut self, server: usize, info_hash: InfoHash, size: usize) {
        let ino = self.shown.get(server).and_then(|shown| shown.get(&info_hash));
        let node = ino.and_then(|ino| self.nodes.get_mut(ino));
        if let Some(torrent) = node.and_then(|node| node.torrent.as_mut()) {
            torrent.size = Some(size);
        }
    }
}

/// Returns the file name of a torrent: its escaped name, cut if necessary, a mark, and the end.
fn file_name(torrent_name: &str, mark: &str) -> String {
    let escaped = vfs_core::escape(torrent_name);
    let mut len = escaped.len().min(NAME_BYTES_MAX - END.len() - mark.len());
    while !escaped.is_char_boundary(len) {
        len -= 1;
    }
    let name = format!("{}{mark}{END}", escaped.get(..len).unwrap_or_default());
    // A hidden file would not be seen.
    match name.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => name,
    }
}
