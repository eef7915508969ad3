//! The reference: what a torrent looks like by the documented rules, made anew from its details
//! each time, in the plainest way.

use std::collections::{BTreeMap, HashMap};

use vfs_core::{FileKind, Layout, NAME_BYTES_MAX, TorrentDetails};

/// A path of shown names from the torrent's top on, which is the empty path.
pub(super) type Path = Vec<String>;

/// What a node of a torrent is, for as long as there are torrents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// By the names in the torrent.
    Directory(Vec<String>),
    /// By the position in the torrent.
    File(u32),
}

/// What a path shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    Directory,
    File { len: u64 },
    Link { target: String },
}

/// Everything that a torrent shows.
#[derive(Debug, Default)]
pub(super) struct Reference {
    pub(super) nodes: BTreeMap<Path, (Identity, Shown)>,
    /// The shown paths of directories and of the first of the other nodes, by names in the torrent.
    directories: HashMap<Vec<String>, Path>,
    leaves: HashMap<Vec<String>, Path>,
}

impl Reference {
    pub(super) fn new(details: &TorrentDetails) -> Self {
        let mut reference = Self::default();
        let files = (0..).zip(&details.files);
        if let (Layout::SingleFile, [file]) = (details.layout, details.files.as_slice()) {
            let file = (Identity::File(0), Shown::File { len: file.len });
            reference.nodes.insert(Path::new(), file);
            return reference;
        }
        let top = (Identity::Directory(Vec::new()), Shown::Directory);
        reference.nodes.insert(Path::new(), top);
        reference.directories.insert(Vec::new(), Path::new());
        for (index, file) in files.clone().filter(|(_, file)| file.kind == FileKind::Regular) {
            reference.add(index, &file.path, Shown::File { len: file.len });
        }
        for (index, file) in files {
            let FileKind::Symlink { target } = &file.kind else { continue };
            let Some(target) = reference.find(target) else { continue };
            // Up from each folder that the link is in, then down to the target.
            let up = std::iter::repeat_n("..", file.path.len().saturating_sub(1));
            let down = target.iter().map(String::as_str);
            let target = up.chain(down).collect::<Vec<_>>().join("/");
            reference.add(index, &file.path, Shown::Link { target });
        }
        reference
    }

    fn add(&mut self, index: u32, path: &[String], shown: Shown) {
        // A file without any name has the empty one.
        let unnamed = [String::new()];
        let path = if path.is_empty() { &unnamed } else { path };
        for depth in 1..path.len() {
            let folder = &path[..depth];
            if !self.directories.contains_key(folder) {
                let at = self.free_path(folder, index, true);
                let directory = (Identity::Directory(folder.to_vec()), Shown::Directory);
                self.nodes.insert(at.clone(), directory);
                self.directories.insert(folder.to_vec(), at);
            }
        }
        let at = self.free_path(path, index, false);
        self.nodes.insert(at.clone(), (Identity::File(index), shown));
        self.leaves.entry(path.to_vec()).or_insert(at);
    }

    fn free_path(&self, path: &[String], index: u32, is_directory: bool) -> Path {
        let (raw, folder) = path.split_last().unwrap();
        let mark = format!("#{index}");
        let marks = (2..).map(|n| format!("{mark} {n}"));
        let names = std::iter::once(name(raw, None, is_directory)).chain(
            std::iter::once(mark.clone()).chain(marks).map(|m| name(raw, Some(&m), is_directory)),
        );
        let mut paths = names.map(|name| {
            let mut path = self.directories[folder].clone();
            path.push(name);
            path
        });
        paths.find(|path| !self.nodes.contains_key(path)).unwrap()
    }

    fn find(&self, path: &[String]) -> Option<&Path> {
        if path.is_empty() {
            return None;
        }
        self.directories.get(path).or_else(|| self.leaves.get(path))
    }
}

/// Returns the file name for a name from a torrent, with a mark if it collides.
pub(super) fn name(raw: &str, mark: Option<&str>, is_directory: bool) -> String {
    let extension = if is_directory && mark.is_some() { "" } else { extension(raw) };
    let stem = &raw[..raw.len() - extension.len()];
    let whole = match mark {
        None => escape_whole(raw),
        Some(mark) => format!("{} [{mark}]{}", escape_whole(stem), escape(extension)),
    };
    if whole.len() <= NAME_BYTES_MAX {
        return whole;
    }
    let mark = mark.map(|mark| format!(" [{mark}]")).unwrap_or_default();
    let end = format!("%~{:08x}{mark}{}", fnv(raw), escape(extension));
    // The longest beginning in whole characters that fits.
    let beginnings = stem.char_indices().map(|(at, _)| escape_in(raw, at));
    let mut fits = beginnings.filter(|name| name.len() + end.len() <= NAME_BYTES_MAX);
    fits.next_back().unwrap_or_default() + &end
}

fn extension(raw: &str) -> &str {
    let at = raw.rfind('.').filter(|at| *at > 0).unwrap_or(raw.len());
    let extension = &raw[at..];
    let is_one = (2..=16).contains(&extension.len()) && !extension.contains(char::is_whitespace);
    if is_one { extension } else { "" }
}

fn escape_whole(raw: &str) -> String {
    match raw {
        "" => "%empty".to_owned(),
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        "%empty" => "%25empty".to_owned(),
        _ => escape(raw),
    }
}

fn escape(raw: &str) -> String {
    escape_in(raw, raw.len())
}

/// Escapes the first `len` bytes. What follows them decides about a `%` at their end.
fn escape_in(raw: &str, len: usize) -> String {
    let is_hex = |c: char| c.is_ascii_digit() || ('A'..='F').contains(&c);
    let mut escaped = String::new();
    for (at, char) in raw[..len].char_indices() {
        let after: Vec<char> = raw[at..].chars().skip(1).take(2).collect();
        let reads_as_escape =
            after.first() == Some(&'~') || (after.len() == 2 && after.iter().all(|c| is_hex(*c)));
        if char == '/' || char.is_control() || (char == '%' && reads_as_escape) {
            for byte in char.to_string().bytes() {
                escaped += &format!("%{byte:02X}");
            }
        } else {
            escaped.push(char);
        }
    }
    escaped
}

fn fnv(raw: &str) -> u32 {
    raw.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
