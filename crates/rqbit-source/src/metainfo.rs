//! The `.torrent` file (BEP 3): the date, the form and the link targets, which rqbit's JSON lacks.

use std::num::NonZeroU32;

use bt_bencode::{ByteString, Value};
use serde::Deserialize;

/// No torrent was made before 2001, when BitTorrent was.
const CREATED_MIN: i64 = 978_307_200;

/// Dates from 2100 on are mistakes.
const CREATED_MAX: i64 = 4_102_444_800;

/// The deepest nesting that is parsed: a list of files nests five deep, the tree of a version-2
/// torrent (BEP 52) two more for each folder. The parser recurses, so a hostile file must not
/// choose the depth.
const NESTING_MAX: usize = 200;

/// What a mount needs from a `.torrent` file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Metainfo {
    /// `creation date` in seconds since 1970, if it is a sane one.
    pub(crate) created: Option<i64>,
    /// Whether the torrent has a list of files, even of one, and so is a directory.
    pub(crate) has_file_list: bool,
    /// `symlink path` (BEP 47) of each file of the list.
    pub(crate) link_targets: Vec<Option<Vec<String>>>,
    /// `piece length`, if it is one.
    pub(crate) piece_len: Option<NonZeroU32>,
}

#[derive(Deserialize)]
struct Wire {
    /// Any type is taken, for the sake of torrents that write it as a text.
    #[serde(rename = "creation date")]
    creation_date: Option<Value>,
    info: WireInfo,
}

#[derive(Deserialize)]
struct WireInfo {
    files: Option<Vec<WireFile>>,
    /// Any type is taken: without it a mount works, only less well.
    #[serde(rename = "piece length")]
    piece_length: Option<Value>,
}

#[derive(Deserialize)]
struct WireFile {
    #[serde(rename = "symlink path")]
    symlink_path: Option<Vec<ByteString>>,
}

/// Parses a `.torrent` file, or returns `None` where it is none.
pub(crate) fn parse(bytes: &[u8]) -> Option<Metainfo> {
    if nesting(bytes)? > NESTING_MAX {
        return None;
    }
    let Wire { creation_date, info } = bt_bencode::from_slice(bytes).ok()?;
    let created = creation_date.and_then(|date| i64::try_from(date.as_u64()?).ok());
    let piece_len = info.piece_length.and_then(|len| u32::try_from(len.as_u64()?).ok());
    let link_targets = info.files.iter().flatten().map(|file| {
        let names = file.symlink_path.as_ref()?.iter();
        Some(names.map(|name| String::from_utf8_lossy(name.as_slice()).into_owned()).collect())
    });
    Some(Metainfo {
        created: created.filter(|date| (CREATED_MIN..CREATED_MAX).contains(date)),
        link_targets: link_targets.collect(),
        has_file_list: info.files.is_some(),
        piece_len: piece_len.and_then(NonZeroU32::new),
    })
}

/// Returns the length of pieces and their hashes, one after the other, of a `.torrent` file.
pub(crate) fn piece_hashes(bytes: &[u8]) -> Option<(NonZeroU32, Vec<u8>)> {
    #[derive(Deserialize)]
    struct Hashed {
        info: HashedInfo,
    }
    #[derive(Deserialize)]
    struct HashedInfo {
        #[serde(rename = "piece length")]
        piece_length: u32,
        pieces: ByteString,
    }
    if nesting(bytes)? > NESTING_MAX {
        return None;
    }
    let Hashed { info } = bt_bencode::from_slice(bytes).ok()?;
    Some((NonZeroU32::new(info.piece_length)?, info.pieces.into_vec()))
}

/// Returns how deep lists and dictionaries nest, or `None` where the text is no bencode at all.
fn nesting(mut rest: &[u8]) -> Option<usize> {
    let (mut depth, mut deepest) = (0_usize, 0);
    while let [first, tail @ ..] = rest {
        rest = match first {
            b'd' | b'l' => {
                depth += 1;
                deepest = deepest.max(depth);
                tail
            }
            b'e' => {
                depth = depth.checked_sub(1)?;
                tail
            }
            b'i' => tail.get(tail.iter().position(|byte| *byte == b'e')? + 1..)?,
            b'0'..=b'9' => {
                let colon = rest.iter().position(|byte| *byte == b':')?;
                let len: usize = str::from_utf8(rest.get(..colon)?).ok()?.parse().ok()?;
                rest.get(colon.checked_add(1)?.checked_add(len)?..)?
            }
            _ => return None,
        };
    }
    (depth == 0).then_some(deepest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: impl AsRef<[u8]>, want: Option<&Metainfo>) {
        assert_eq!(parse(bytes.as_ref()).as_ref(), want);
    }

    fn dated(created: Option<i64>) -> Metainfo {
        Metainfo { created, ..Metainfo::default() }
    }

    #[test]
    fn dates_are_taken_if_they_are_sane() {
        check("d13:creation datei1700000000e4:infodee", Some(&dated(Some(1_700_000_000))));
        check("d4:infodee", Some(&dated(None)));
        check("d13:creation datei0e4:infodee", Some(&dated(None)));
        check("d13:creation datei-5e4:infodee", Some(&dated(None)));
        check("d13:creation datei99999999999e4:infodee", Some(&dated(None)));
        check("d13:creation date10:2020-01-014:infodee", Some(&dated(None)));
        check("d4:infod4:name1:x6:pieces4:\x00\x01\x02\x036:lengthi3eee", Some(&dated(None)));
    }

    #[test]
    fn a_list_of_files_makes_a_directory_and_names_link_targets() {
        let files = "ld6:lengthi0e4:pathl1:aeed6:lengthi0e12:symlink pathl1:b2:..eee";
        check(
            format!("d4:infod5:files{files}ee"),
            Some(&Metainfo {
                created: None,
                has_file_list: true,
                link_targets: vec![None, Some(vec!["b".to_owned(), "..".to_owned()])],
                ..Metainfo::default()
            }),
        );
    }

    #[test]
    fn a_length_of_pieces_is_taken_if_it_is_one() {
        let with = |len| Metainfo { piece_len: NonZeroU32::new(len), ..Metainfo::default() };
        check("d4:infod12:piece lengthi16384eee", Some(&with(16384)));
        check("d4:infod12:piece lengthi0eee", Some(&with(0)));
        check("d4:infod12:piece lengthi-1eee", Some(&with(0)));
        check("d4:infod12:piece lengthi4294967296eee", Some(&with(0)));
        check("d4:infod12:piece length3:abcee", Some(&with(0)));
    }

    #[test]
    fn garbage_and_bombs_are_no_metadata() {
        for garbage in ["", "<html>", "d4:info", "i5e", "d4:infodeee", "99999999999999999999:x"] {
            check(garbage, None);
        }
        check("l".repeat(1_000_000), None);
        check(format!("d4:info{}{}e", "l".repeat(100_000), "e".repeat(100_000)), None);
        check(format!("d4:infod1:x{}{}ee", "l".repeat(300), "e".repeat(300)), None);
        check(format!("d4:infod1:x{}{}ee", "l".repeat(100), "e".repeat(100)), Some(&dated(None)));
    }
}
