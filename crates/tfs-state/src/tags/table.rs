//! All tags in memory, and their form in the file.

use std::collections::{BTreeMap, BTreeSet};

use tfs_types::Tag;
use vfs_core::InfoHash;

use super::{TagChange, TagError};

/// Maximum number of tags of a torrent. All of them fit into an extended attribute.
pub const TAGS_MAX: usize = 32;

/// Maximum number of torrents with tags, also of those that are on no server.
pub const TORRENTS_MAX: usize = 100_000;

/// The first word of the file; the version follows.
const FORMAT: &[u8] = b"tfs-tags ";

/// The only version that this program reads and writes.
const VERSION: u32 = 1;

/// The tags of all torrents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TagTable {
    /// No torrent has an empty set.
    tags: BTreeMap<InfoHash, BTreeSet<Tag>>,
    /// Lines that are not understood, without their line feeds. They stay in the file.
    others: Vec<Vec<u8>>,
}

impl TagTable {
    /// Returns the tags of a torrent, from A to Z.
    #[must_use]
    pub fn of(&self, torrent: InfoHash) -> Vec<String> {
        let tags = self.tags.get(&torrent).into_iter().flatten();
        tags.map(|tag| tag.as_str().to_owned()).collect()
    }

    /// Returns the torrents that have tags, with their tags, ordered by info hash.
    pub fn iter(&self) -> impl Iterator<Item = (InfoHash, &BTreeSet<Tag>)> {
        self.tags.iter().map(|(torrent, tags)| (*torrent, tags))
    }

    /// Returns all tags from A to Z, each with its torrents.
    #[must_use]
    pub fn by_tag(&self) -> BTreeMap<&Tag, Vec<InfoHash>> {
        let mut by_tag = BTreeMap::<_, Vec<_>>::new();
        for (torrent, tags) in self.iter() {
            tags.iter().for_each(|tag| by_tag.entry(tag).or_default().push(torrent));
        }
        by_tag
    }

    /// Returns the lines of the file that are not understood, readable for people.
    pub fn unreadable(&self) -> impl Iterator<Item = String> {
        self.others.iter().map(|line| String::from_utf8_lossy(line).into_owned())
    }

    /// Parses the content of the file; `None` if a later version wrote it. An empty file has no
    /// tags.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut table = Self::default();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for (number, line) in lines.enumerate() {
            if let Some(version) = line.strip_prefix(FORMAT).filter(|_| number == 0) {
                match str::from_utf8(version).ok().and_then(|text| text.parse::<u32>().ok()) {
                    Some(VERSION) => continue,
                    Some(_later) => return None,
                    None => {}
                }
            }
            match parse_line(line) {
                Some((torrent, tags)) if table.tags.len() < TORRENTS_MAX => {
                    table.tags.entry(torrent).or_default().extend(tags);
                }
                _ => table.others.push(line.to_vec()),
            }
        }
        Some(table)
    }

    /// Returns the content of the file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = FORMAT.to_vec();
        bytes.extend_from_slice(format!("{VERSION}\n").as_bytes());
        for (torrent, tags) in &self.tags {
            let tags: Vec<_> = tags.iter().map(Tag::as_str).collect();
            bytes.extend_from_slice(format!("{torrent} {}\n", tags.join(",")).as_bytes());
        }
        for line in &self.others {
            bytes.extend_from_slice(line);
            bytes.push(b'\n');
        }
        bytes
    }

    /// Applies a change. Returns whether it changed anything.
    ///
    /// # Errors
    /// If there would be too many tags. Then the table may be changed in part.
    pub(super) fn change(&mut self, change: &TagChange) -> Result<bool, TagError> {
        let mut is_changed = false;
        for torrent in &change.torrents {
            let old = self.tags.remove(torrent).unwrap_or_default();
            let mut tags = if change.remove_all { BTreeSet::new() } else { old.clone() };
            tags.extend(change.add.iter().cloned());
            tags.retain(|tag| !change.remove.contains(tag));
            is_changed |= tags != old;
            if tags.len() > TAGS_MAX && tags.len() > old.len() {
                return Err(TagError::TooManyTags { torrent: *torrent });
            }
            if tags.is_empty() {
                continue;
            }
            if self.tags.len() >= TORRENTS_MAX {
                return Err(TagError::TooManyTorrents);
            }
            self.tags.insert(*torrent, tags);
        }
        Ok(is_changed)
    }
}

/// Parses the line of a torrent.
fn parse_line(line: &[u8]) -> Option<(InfoHash, BTreeSet<Tag>)> {
    let (torrent, tags) = str::from_utf8(line).ok()?.split_once(' ')?;
    let tags = tags.split(',').map(str::parse).collect::<Result<BTreeSet<Tag>, _>>().ok()?;
    Some((torrent.parse().ok()?, tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(id: usize) -> InfoHash {
        let mut bytes = [0; InfoHash::BYTES];
        bytes[..8].copy_from_slice(&id.to_be_bytes());
        InfoHash::from_bytes(bytes)
    }

    #[test]
    fn damaged_lines_stay_where_they_can_be_repaired() {
        let good = format!("{} film", hash(1));
        for damage in [
            &b"\xff\xfe"[..],
            b"film",
            b"11b1 film",
            format!("{} ", hash(2)).as_bytes(),
            format!("{} a,,b", hash(2)).as_bytes(),
            b"tfs-tags x",
            b"<<<<<<< HEAD",
        ] {
            let text = [&b"tfs-tags 1\n"[..], damage, b"\n", good.as_bytes(), b"\n"].concat();
            let mut table = TagTable::parse(&text).unwrap();
            assert_eq!(table.of(hash(1)), ["film"], "{damage:?}");
            assert_eq!(table.unreadable().count(), 1, "{damage:?}");
            let change = TagChange {
                torrents: vec![hash(1)],
                add: vec!["kids".parse().unwrap()],
                ..TagChange::default()
            };
            assert!(table.change(&change).unwrap());
            let written = table.to_bytes();
            assert!(written.windows(damage.len()).any(|part| part == damage), "{damage:?}");
            assert_eq!(TagTable::parse(&written), Some(table), "{damage:?}");
        }
    }

    #[test]
    fn each_cut_costs_the_last_line_only() {
        let text = format!("tfs-tags 1\n{} film,kids\n{} music\n", hash(1), hash(2));
        for len in 0..text.len() {
            let cut = &text.as_bytes()[..len];
            let table = TagTable::parse(cut).unwrap();
            let whole_lines = cut.iter().filter(|byte| **byte == b'\n').count();
            assert!(table.iter().count() + 1 >= whole_lines, "{len}");
            assert!(table.unreadable().count() <= 1, "{len}");
        }
    }

    #[test]
    fn the_numbers_of_tags_and_of_torrents_are_bounded() {
        let tags = |count: usize| (0..count).map(|n| format!("t{n}").parse().unwrap()).collect();
        let mut table = TagTable::default();
        let change = |torrents, add| TagChange { torrents, add, ..TagChange::default() };
        table.change(&change(vec![hash(0)], tags(TAGS_MAX))).unwrap();
        let error = table.clone().change(&change(vec![hash(0)], tags(TAGS_MAX + 1))).unwrap_err();
        assert!(matches!(error, TagError::TooManyTags { torrent } if torrent == hash(0)));
        let all = (0..TORRENTS_MAX).map(hash).collect();
        table.change(&change(all, tags(1))).unwrap();
        let one_more = change(vec![hash(TORRENTS_MAX)], tags(1));
        let error = table.clone().change(&one_more).unwrap_err();
        assert!(matches!(error, TagError::TooManyTorrents));
        // Those that have tags can get others.
        assert!(table.change(&change(vec![hash(7)], tags(2))).unwrap());
        assert!(!table.change(&change(vec![hash(7)], tags(2))).unwrap());
        let removed = TagChange { remove_all: true, ..change(vec![hash(8)], Vec::new()) };
        assert!(table.change(&removed).unwrap());
        assert!(table.change(&one_more).unwrap());
    }

    #[test]
    fn tags_are_listed_with_their_torrents() {
        let text = format!("{} kids,film\n{} film\n", hash(1), hash(2));
        let table = TagTable::parse(text.as_bytes()).unwrap();
        let listed: Vec<_> =
            table.by_tag().into_iter().map(|(tag, it)| (tag.to_string(), it)).collect();
        let film = ("film".to_owned(), vec![hash(1), hash(2)]);
        assert_eq!(listed, [film, ("kids".to_owned(), vec![hash(1)])]);
    }
}
