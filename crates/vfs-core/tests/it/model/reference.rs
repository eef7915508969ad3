//! The reference: the view of a torrent by the documented rules, rebuilt from its details each time
//! in the simplest way.

use std::collections::{BTreeMap, HashMap, HashSet};

use vfs_core::{FileKind, Layout, NAME_BYTES_MAX, TorrentDetails};

/// A path of shown names from the torrent's top, which has the empty path.
pub(super) type Path = Vec<String>;

/// The identity of a node of a torrent, over the lifetime of all torrents.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Identity {
    /// By its names in the torrent.
    Directory(Vec<String>),
    /// By its position in the torrent.
    File(u32),
}

/// What is shown at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    Directory,
    File { len: u64 },
    Link { target: String },
}

/// Everything that is shown of a torrent.
#[derive(Debug, Default)]
pub(super) struct Reference {
    pub(super) nodes: BTreeMap<Path, (Identity, Shown)>,
    /// The shown paths of directories and of the first of the other nodes, by their names in the
    /// torrent.
    directories: HashMap<Vec<String>, Path>,
    leaves: HashMap<Vec<String>, Path>,
}

impl Reference {
    pub(super) fn new(details: &TorrentDetails) -> Self {
        let mut reference = Self::default();
        let files = (0..).zip(&details.files);
        if !is_shown(details) {
            return reference;
        }
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
        reference.add_links(details);
        reference
    }

    fn add_links(&mut self, details: &TorrentDetails) {
        let mut links = Vec::new();
        for (index, file) in (0..).zip(&details.files) {
            let FileKind::Symlink { target } = &file.kind else { continue };
            let unnamed = vec![String::new()];
            let path = if file.path.is_empty() { unnamed } else { file.path.clone() };
            self.enter(index, &path);
            links.push(Link {
                index,
                path,
                target: target.clone(),
                state: ReferenceState::NotStarted,
            });
        }
        for link in 0..links.len() {
            self.resolve(&mut links, link);
        }
        for link in &mut links {
            let ReferenceState::Resolved { end, .. } = &link.state else { continue };
            if self.directories.contains_key(end) && link.folder().starts_with(end) {
                link.state = ReferenceState::Hidden;
            }
        }
        let returns: Vec<_> = links.iter().map(|link| self.returns(&links, link)).collect();
        for (link, returns) in links.iter_mut().zip(returns) {
            if returns {
                link.state = ReferenceState::Hidden;
            }
        }
        let names: Vec<_> = links.iter().map(|link| self.name_of_link(link)).collect();
        for (link, at) in links.iter().zip(&names) {
            let (Some(at), Some(way)) = (at, self.way(&links, &names, link)) else { continue };
            let folder = &at[..at.len() - 1];
            let common = folder.iter().zip(&way).take_while(|(one, other)| one == other).count();
            let up = std::iter::repeat_n("..", folder.len() - common);
            let down = way[common..].iter().map(String::as_str);
            let target = up.chain(down).collect::<Vec<_>>().join("/");
            let shown = Shown::Link { target };
            self.nodes.insert(at.clone(), (Identity::File(link.index), shown));
        }
    }

    /// Resolves a link: relative to the top, else relative to its own folder.
    fn resolve(&self, links: &mut [Link], link: usize) -> Option<Vec<String>> {
        match &links[link].state {
            ReferenceState::NotStarted => {}
            ReferenceState::Resolved { end, .. } => return Some(end.clone()),
            ReferenceState::Started | ReferenceState::Hidden => return None,
        }
        links[link].state = ReferenceState::Started;
        let folder = links[link].folder().to_vec();
        for start in [Vec::new(), folder] {
            if let Some(end) = self.follow(links, link, start.clone()) {
                links[link].state = ReferenceState::Resolved { start, end: end.clone() };
                return Some(end);
            }
        }
        links[link].state = ReferenceState::Hidden;
        None
    }

    fn follow(&self, links: &mut [Link], link: usize, start: Vec<String>) -> Option<Vec<String>> {
        let target = links[link].target.clone();
        if target.len() > 1 && target[0].is_empty() {
            return None;
        }
        let mut at = start;
        for name in target {
            if !self.directories.contains_key(&at) {
                return None;
            }
            match name.as_str() {
                "" | "." => {}
                ".." => drop(at.pop()?),
                _ => {
                    at.push(name);
                    if !self.directories.contains_key(&at) && !self.leaves.contains_key(&at) {
                        let link = links.iter().position(|link| link.path == at)?;
                        at = self.resolve(links, link)?;
                    }
                }
            }
        }
        Some(at)
    }

    /// Returns whether the path through a link leads back to it.
    fn returns(&self, links: &[Link], link: &Link) -> bool {
        let ReferenceState::Resolved { end, .. } = &link.state else { return false };
        let mut to_do = vec![end.clone()];
        let mut seen = HashSet::new();
        while let Some(folder) = to_do.pop() {
            if !self.directories.contains_key(&folder) || !seen.insert(folder.clone()) {
                continue;
            }
            let is_child =
                |it: &&Vec<String>| it.len() == folder.len() + 1 && it.starts_with(&folder);
            to_do.extend(self.directories.keys().filter(is_child).cloned());
            to_do.extend(links.iter().filter_map(|link| match &link.state {
                ReferenceState::Resolved { end, .. } => {
                    (link.folder() == folder).then(|| end.clone())
                }
                ReferenceState::NotStarted | ReferenceState::Started | ReferenceState::Hidden => {
                    None
                }
            }));
        }
        seen.contains(link.folder())
    }

    /// Assigns a name to a link that is shown.
    fn name_of_link(&mut self, link: &Link) -> Option<Path> {
        let ReferenceState::Resolved { .. } = link.state else { return None };
        let at = self.free_path(&link.path, link.index, false);
        // Its target is set later.
        let shown = Shown::Link { target: String::new() };
        self.nodes.insert(at.clone(), (Identity::File(link.index), shown));
        Some(at)
    }

    /// Returns the path from the top to a target: through other links as it is written, except
    /// through hidden ones.
    fn way(&self, links: &[Link], names: &[Option<Path>], link: &Link) -> Option<Path> {
        let ReferenceState::Resolved { start, end } = &link.state else { return None };
        let shown = |at: &Vec<String>| self.directories.get(at).or_else(|| self.leaves.get(at));
        let (mut at, mut way) = (start.clone(), shown(start)?.clone());
        let mut is_link = vec![false; way.len()];
        for name in &link.target {
            match name.as_str() {
                "" | "." => {}
                ".." => {
                    at.pop()?;
                    way.pop();
                    if is_link.pop() != Some(false) {
                        way = shown(&at)?.clone();
                        is_link = vec![false; way.len()];
                    }
                }
                _ => {
                    at.push(name.clone());
                    if let Some(shown) = shown(&at) {
                        way.push(shown.last()?.clone());
                        is_link.push(false);
                        continue;
                    }
                    let link = links.iter().position(|link| link.path == at)?;
                    let ReferenceState::Resolved { end: next, .. } = &links[link].state else {
                        return shown(end).cloned();
                    };
                    at = next.clone();
                    way.push(names[link].as_ref()?.last()?.clone());
                    is_link.push(true);
                }
            }
        }
        Some(way)
    }

    fn enter(&mut self, index: u32, path: &[String]) {
        for depth in 1..path.len() {
            let folder = &path[..depth];
            if !self.directories.contains_key(folder) {
                let at = self.free_path(folder, index, true);
                let directory = (Identity::Directory(folder.to_vec()), Shown::Directory);
                self.nodes.insert(at.clone(), directory);
                self.directories.insert(folder.to_vec(), at);
            }
        }
    }

    fn add(&mut self, index: u32, path: &[String], shown: Shown) {
        // A file without any name has the empty one.
        let unnamed = [String::new()];
        let path = if path.is_empty() { &unnamed } else { path };
        self.enter(index, path);
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
}

/// A symbolic link as the torrent has it.
#[derive(Debug)]
struct Link {
    index: u32,
    path: Vec<String>,
    target: Vec<String>,
    state: ReferenceState,
}

#[derive(Debug)]
enum ReferenceState {
    NotStarted,
    Started,
    Hidden,
    Resolved { start: Vec<String>, end: Vec<String> },
}

impl Link {
    fn folder(&self) -> &[String] {
        &self.path[..self.path.len() - 1]
    }
}

/// Returns whether a torrent has any node that can be shown in the root.
pub(super) fn is_shown(details: &TorrentDetails) -> bool {
    match (details.layout, details.files.as_slice()) {
        (Layout::SingleFile, [file]) => file.kind == FileKind::Regular,
        (Layout::SingleFile | Layout::Directory, _) => true,
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
    // The longest prefix in whole characters that fits.
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

/// Escapes the first `len` bytes. The bytes after them decide about a `%` at their end.
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
