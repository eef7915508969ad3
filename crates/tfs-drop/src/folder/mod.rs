//! The folder: directories, names and inode numbers.
//!
//! | directory | files in it |
//! |---|---|
//! | the root | are added to the first server |
//! | `SERVER/` | are added to another server |
//! | `paused/` in each of them | are added paused |
//!
//! Inode numbers are never reused, so a stale number finds nothing.

mod counts;
mod files;
mod node;
mod remove;
mod rename;
#[cfg(test)]
mod tests;
mod timers;
mod torrents;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use vfs_core::{InfoHash, NAME_BYTES_MAX};

pub use self::files::DropOpen;
use self::node::FolderNode;
pub use self::rename::RenameRule;
pub use self::torrents::{KeptName, ListedName};
use self::verdict::Addition;
use crate::limits::NOTES_MAX;
use crate::{DropFault, DropPlace, DropRequest, DropTicket};

/// Inode number of the root, as FUSE demands.
const ROOT: u64 = 1;

/// Number of the first directory below the root. Smaller ones are positions of `.` and `..`.
const FIRST: u64 = 16;

/// The directory of torrents that are added paused.
const PAUSED: &str = "paused";

/// What an operation does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropStep {
    /// It is finished.
    Done,
    /// Its result comes with this ticket.
    Wait(DropTicket),
}

/// What an unlink of a torrent's file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RemovalPolicy {
    /// It is refused.
    #[default]
    Off,
    /// The server forgets the torrent and keeps its files.
    Forget,
}

/// Settings of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropOptions {
    /// Names of the servers, at least one. All but the first have a directory of that name.
    pub servers: Vec<String>,
    /// What an unlink does.
    pub removal: RemovalPolicy,
}

/// Attributes of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropAttr {
    /// Inode number.
    pub ino: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, since 1970.
    pub mtime: Duration,
    /// Number of names.
    pub nlink: u32,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DropEntry {
    /// Inode number.
    pub ino: u64,
    /// Position after it.
    pub next: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Name.
    pub name: String,
}

/// A directory. It exists as long as the folder.
#[derive(Debug)]
pub(super) struct FolderDir {
    ino: u64,
    /// Index of its parent; the root is its own.
    parent: usize,
    name: String,
    place: DropPlace,
    entries: HashMap<String, u64>,
    /// The inodes of `entries`: listings go on after a number.
    order: BTreeSet<u64>,
    mtime: Duration,
}

/// Callers that wait for a ticket.
#[derive(Debug, Default)]
struct TicketWait {
    result: Option<Result<(), DropFault>>,
    waiter_count: u32,
}

/// The folder, see the crate. All times are since 1970 and must not decrease.
#[derive(Debug)]
pub struct DropFolder {
    options: DropOptions,
    dirs: Vec<FolderDir>,
    nodes: HashMap<u64, FolderNode>,
    /// The inodes with a draft.
    drafting: BTreeSet<u64>,
    /// The node of each shown torrent, by server.
    shown: Vec<HashMap<InfoHash, u64>>,
    /// The names that torrents were given, by server.
    names: Vec<HashMap<InfoHash, KeptName>>,
    /// Whether `names` changed since they were last taken.
    has_new_names: bool,
    /// Torrents that this folder has forgotten, and when, by server.
    forgotten: Vec<HashMap<InfoHash, Duration>>,
    /// Additions without a final answer.
    additions: HashMap<DropTicket, Addition>,
    /// Pending removals: the server, the torrent.
    removals: HashMap<DropTicket, (usize, InfoHash)>,
    /// Pending reads of metadata: the inode.
    loads: HashMap<DropTicket, u64>,
    /// Tickets that callers wait for, and their results.
    waits: HashMap<DropTicket, TicketWait>,
    /// Inodes of the notes, oldest first.
    notes: BTreeMap<u64, ()>,
    outbox: Vec<DropRequest>,
    next_ino: u64,
    next_ticket: u64,
    added: u64,
    refused: u64,
}

impl DropFolder {
    /// Returns an empty folder. `now` is the time since 1970, as everywhere.
    #[must_use]
    pub fn new(options: DropOptions, now: Duration) -> Self {
        let count = options.servers.len();
        let mut folder = Self {
            dirs: Vec::new(),
            nodes: HashMap::new(),
            drafting: BTreeSet::new(),
            shown: vec![HashMap::new(); count],
            names: vec![HashMap::new(); count],
            has_new_names: false,
            forgotten: vec![HashMap::new(); count],
            additions: HashMap::new(),
            removals: HashMap::new(),
            loads: HashMap::new(),
            waits: HashMap::new(),
            notes: BTreeMap::new(),
            outbox: Vec::new(),
            next_ino: FIRST,
            next_ticket: 1,
            added: 0,
            refused: 0,
            options,
        };
        for (server, name) in folder.options.servers.clone().into_iter().enumerate() {
            let main = folder.dirs.len();
            let place = DropPlace { server, is_paused: false };
            if server == 0 {
                folder.dirs.push(FolderDir::new(ROOT, 0, String::new(), place, now));
            } else {
                folder.add_dir(0, &vfs_core::escape(&name), place, now);
            }
            folder.add_dir(main, PAUSED, DropPlace { server, is_paused: true }, now);
        }
        folder
    }

    fn add_dir(&mut self, parent: usize, name: &str, place: DropPlace, now: Duration) {
        let ino = self.take_ino();
        // A server may be named as a directory that exists.
        let mut free = name.to_owned();
        while self.dirs.iter().any(|dir| dir.parent == parent && dir.name == free) {
            free.push('_');
        }
        self.dirs.push(FolderDir::new(ino, parent, free, place, now));
    }

    fn take_ino(&mut self) -> u64 {
        let ino = self.next_ino;
        self.next_ino += 1;
        ino
    }

    fn take_ticket(&mut self) -> DropTicket {
        let ticket = DropTicket(self.next_ticket);
        self.next_ticket += 1;
        ticket
    }

    /// Makes the caller of an operation wait for a ticket.
    fn wait_for(&mut self, ticket: DropTicket) -> DropStep {
        self.waits.entry(ticket).or_default().waiter_count += 1;
        DropStep::Wait(ticket)
    }

    /// Takes the requests that are due, in order.
    pub fn take_requests(&mut self) -> Vec<DropRequest> {
        std::mem::take(&mut self.outbox)
    }

    /// Returns the attributes of an inode, also of one that was removed and is still open.
    ///
    /// # Errors
    /// [`DropFault::NotFound`].
    pub fn attr(&self, ino: u64) -> Result<DropAttr, DropFault> {
        if let Some(dir) = self.dirs.iter().find(|dir| dir.ino == ino) {
            return Ok(DropAttr { ino, is_dir: true, size: 0, mtime: dir.mtime, nlink: 2 });
        }
        let node = self.nodes.get(&ino).ok_or(DropFault::NotFound)?;
        let nlink = u32::from(node.name.is_some());
        let size = node.size() as u64;
        Ok(DropAttr { ino, is_dir: false, size, mtime: node.mtime, nlink })
    }

    /// Returns the attributes of a name.
    ///
    /// # Errors
    /// [`DropFault::NotFound`], [`DropFault::NotDirectory`].
    pub fn lookup(&self, parent: u64, name: &str) -> Result<DropAttr, DropFault> {
        let dir = self.dir(parent)?;
        let found = self.find(dir, name).ok_or(DropFault::NotFound)?;
        self.attr(found)
    }

    /// Returns the entries of a directory after a position, at most `count_max`.
    ///
    /// # Errors
    /// [`DropFault::NotFound`], [`DropFault::NotDirectory`].
    pub fn list(
        &self,
        ino: u64,
        position: u64,
        count_max: usize,
    ) -> Result<Vec<DropEntry>, DropFault> {
        let index = self.dir(ino)?;
        let dir = self.dirs.get(index).ok_or(DropFault::NotFound)?;
        let parent = self.dirs.get(dir.parent).map_or(ROOT, |parent| parent.ino);
        let dots = [(ino, 1, "."), (parent, 2, "..")].into_iter();
        let dots = dots.map(|(ino, next, name)| (ino, next, true, name));
        let below = self.dirs.iter().filter(|below| below.parent == index && below.ino != ROOT);
        let below = below.map(|below| (below.ino, below.ino, true, below.name.as_str()));
        let files = dir.order.range(position.saturating_add(1)..).filter_map(|ino| {
            let name = self.nodes.get(ino)?.name.as_deref()?;
            Some((*ino, *ino, false, name))
        });
        // Directories have the smallest numbers, so the positions increase.
        let all = dots.chain(below).chain(files).filter(|(_, next, _, _)| *next > position);
        let entry = |(ino, next, is_dir, name): (u64, u64, bool, &str)| DropEntry {
            ino,
            next,
            is_dir,
            name: name.to_owned(),
        };
        Ok(all.take(count_max).map(entry).collect())
    }

    /// Checks a name of a program. It must be text without control characters, of 255 bytes at
    /// most.
    ///
    /// # Errors
    /// [`DropFault::BadName`], [`DropFault::NameTooLong`].
    pub fn check_name(name: &[u8]) -> Result<&str, DropFault> {
        if name.len() > NAME_BYTES_MAX {
            return Err(DropFault::NameTooLong);
        }
        let name = str::from_utf8(name).map_err(|_not_text| DropFault::BadName)?;
        if name.chars().any(char::is_control) { Err(DropFault::BadName) } else { Ok(name) }
    }

    /// Shows why a name of a program was refused, under the name with its characters escaped.
    pub fn note_bad_name(&mut self, parent: u64, name: &[u8], now: Duration) {
        let Ok(dir) = self.dir(parent) else { return };
        let shown = vfs_core::escape(&String::from_utf8_lossy(name));
        let reason = match Self::check_name(name) {
            Err(DropFault::NameTooLong) => "its name is longer than 255 bytes",
            _ => "its name has control characters, or is not UTF-8",
        };
        self.refused += 1;
        self.write_note(dir, &shown, reason, now);
    }

    /// Returns the index of a directory.
    fn dir(&self, ino: u64) -> Result<usize, DropFault> {
        match self.dirs.iter().position(|dir| dir.ino == ino) {
            Some(index) => Ok(index),
            None if self.nodes.contains_key(&ino) => Err(DropFault::NotDirectory),
            None => Err(DropFault::NotFound),
        }
    }

    /// Returns the inode of a name.
    fn find(&self, dir: usize, name: &str) -> Option<u64> {
        let file = self.dirs.get(dir)?.entries.get(name).copied();
        file.or_else(|| self.subdir(dir, name))
    }

    /// Returns the inode of a directory in a directory.
    fn subdir(&self, dir: usize, name: &str) -> Option<u64> {
        let mut below = self.dirs.iter().filter(|below| below.parent == dir && below.ino != ROOT);
        below.find(|below| below.name == name).map(|below| below.ino)
    }

    fn place(&self, dir: usize) -> DropPlace {
        let place = self.dirs.get(dir).map(|dir| dir.place);
        place.unwrap_or(DropPlace { server: 0, is_paused: false })
    }

    /// Returns the index of the directory of a place.
    fn dir_of(&self, place: DropPlace) -> usize {
        self.dirs.iter().position(|dir| dir.place == place).unwrap_or(0)
    }

    /// Gives a node a name, which must be free.
    fn link(&mut self, ino: u64, dir: usize, name: &str, now: Duration) {
        self.unlink_name(ino, now);
        let (Some(node), Some(into)) = (self.nodes.get_mut(&ino), self.dirs.get_mut(dir)) else {
            return;
        };
        (node.dir, node.name) = (dir, Some(name.to_owned()));
        into.entries.insert(name.to_owned(), ino);
        into.order.insert(ino);
        into.mtime = now;
    }

    /// Takes the name of a node away. The node stays.
    fn unlink_name(&mut self, ino: u64, now: Duration) {
        let Some(node) = self.nodes.get_mut(&ino) else { return };
        let (Some(name), Some(dir)) = (node.name.take(), self.dirs.get_mut(node.dir)) else {
            return;
        };
        dir.entries.remove(&name);
        dir.order.remove(&ino);
        dir.mtime = now;
    }

    /// Removes the name of a node, and the node if no program has it open.
    fn remove_node(&mut self, ino: u64, now: Duration) {
        self.unlink_name(ino, now);
        self.notes.remove(&ino);
        if self.nodes.get(&ino).is_some_and(|node| node.opens == 0) {
            self.free(ino);
        }
    }

    fn free(&mut self, ino: u64) {
        self.nodes.remove(&ino);
        self.drafting.remove(&ino);
    }

    /// Shows a reason as `NAME.error`, in place of an older one.
    fn write_note(&mut self, dir: usize, name: &str, reason: &str, now: Duration) {
        self.clear_note(dir, name, now);
        while self.notes.len() >= NOTES_MAX {
            let Some((&oldest, ())) = self.notes.first_key_value() else { break };
            self.remove_node(oldest, now);
        }
        let note_name = note_name(name);
        if self.find(dir, &note_name).is_some() {
            // A file of a program: it is not touched.
            return;
        }
        let ino = self.take_ino();
        let note = Some(format!("{name}: {reason}\n"));
        self.nodes.insert(ino, FolderNode { dir, note, mtime: now, ..FolderNode::default() });
        self.notes.insert(ino, ());
        self.link(ino, dir, &note_name, now);
    }

    /// Removes the reason of a name.
    fn clear_note(&mut self, dir: usize, name: &str, now: Duration) {
        let note_name = note_name(name);
        if let Some(ino) = self.find(dir, &note_name).filter(|ino| self.notes.contains_key(ino)) {
            self.remove_node(ino, now);
        }
    }
}

impl FolderDir {
    fn new(ino: u64, parent: usize, name: String, place: DropPlace, mtime: Duration) -> Self {
        let (entries, order) = (HashMap::new(), BTreeSet::new());
        Self { ino, parent, name, place, entries, order, mtime }
    }
}

/// Returns the name of the note of a name, cut if it would be too long.
fn note_name(name: &str) -> String {
    use crate::kind::NOTE_END;

    let mut len = name.len().min(NAME_BYTES_MAX - NOTE_END.len());
    while !name.is_char_boundary(len) {
        len -= 1;
    }
    format!("{}{NOTE_END}", name.get(..len).unwrap_or_default())
}
