//! Parser of the `.torrent` file (BEP 3): the date, the form and the link targets, which rqbit's
//! JSON lacks.

use std::num::NonZeroU32;

use sha1::{Digest as _, Sha1};

use crate::bencode::Value;

/// Minimum creation date: 2001, the year of BitTorrent.
const CREATED_MIN: u64 = 978_307_200;

/// Maximum creation date: 2100.
const CREATED_MAX: u64 = 4_102_444_800;

/// Some clients write the date in milliseconds, which as seconds would be after the year 30,000.
const MILLIS_PER_SECOND: u64 = 1000;

/// Maximum number of trackers that are taken of a torrent.
const TRACKERS_MAX: usize = 20;

/// Path components as in the torrent: UTF-8 or any other bytes.
pub(crate) type RawPath = Vec<Vec<u8>>;

/// Fields of a `.torrent` file that a mount needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Metainfo {
    /// `creation date` in seconds since 1970, if plausible.
    pub(crate) created: Option<i64>,
    /// Whether the torrent has a list of files, even of one, and so is a directory.
    pub(crate) has_file_list: bool,
    /// `symlink path` (BEP 47) of each file of the list.
    pub(crate) link_targets: Vec<Option<RawPath>>,
    /// `path` of each file of the list, if any of them is a link.
    pub(crate) paths: Vec<RawPath>,
    /// `piece length`, if valid.
    pub(crate) piece_len: Option<NonZeroU32>,
}

/// Parses a `.torrent` file, or returns `None` if it has no `info`.
///
/// Unused fields are skipped, and a used field of the wrong type counts as missing: so a file that
/// rqbit accepts loses at most that field.
pub(crate) fn parse(bytes: &[u8]) -> Option<Metainfo> {
    let torrent = Value::parse(bytes)?;
    let info = torrent.get(b"info").filter(|info| matches!(info, Value::Dictionary(_)))?;
    let files = info.get(b"files").and_then(Value::as_list);
    let link_targets =
        files.into_iter().flatten().map(|file| file.get(b"symlink path").and_then(to_path));
    let link_targets: Vec<_> = link_targets.collect();
    let has_links = link_targets.iter().any(Option::is_some);
    let paths = files.into_iter().flatten().filter(|_| has_links);
    let paths = paths.map(|file| file.get(b"path").and_then(to_path).unwrap_or_default());
    Some(Metainfo {
        created: torrent.get(b"creation date").and_then(Value::as_u64).and_then(to_seconds),
        paths: paths.collect(),
        link_targets,
        has_file_list: files.is_some(),
        piece_len: piece_len(info),
    })
}

/// Returns the URLs of the trackers of a `.torrent` file, in order. `None` for a private torrent
/// (BEP 27), and for a file without `info`.
pub(crate) fn public_trackers(bytes: &[u8]) -> Option<Vec<&str>> {
    let torrent = Value::parse(bytes)?;
    let private = torrent.get(b"info")?.get(b"private");
    if private.is_some_and(|value| value.as_u64() != Some(0)) {
        return None;
    }
    let tiers = torrent.get(b"announce-list").and_then(Value::as_list);
    let listed = tiers.into_iter().flatten().filter_map(Value::as_list).flatten();
    let mut trackers = Vec::new();
    for url in torrent.get(b"announce").into_iter().chain(listed) {
        let url = url.as_bytes().and_then(|url| str::from_utf8(url).ok());
        if let Some(url) = url.filter(|url| !trackers.contains(url))
            && trackers.len() < TRACKERS_MAX
        {
            trackers.push(url);
        }
    }
    Some(trackers)
}

/// Returns the piece length and the concatenated piece hashes of a `.torrent` file.
pub(crate) fn piece_hashes(bytes: &[u8]) -> Option<(NonZeroU32, Vec<u8>)> {
    let info = Value::parse(bytes)?.get(b"info")?;
    Some((piece_len(info)?, info.get(b"pieces")?.as_bytes()?.to_vec()))
}

/// Returns the info hash of a `.torrent` file: the SHA-1 of its encoded `info` (BEP 3). `None` if
/// it has no `info`. Takes about a second for each gigabyte.
pub(crate) fn info_hash(bytes: &[u8]) -> Option<[u8; 20]> {
    Value::parse(bytes)?.get_encoded(b"info").map(|info| Sha1::digest(info).into())
}

/// Returns `piece length` as rqbit reads it. `None` if it is zero or not an integer.
pub(crate) fn piece_len(info: Value<'_>) -> Option<NonZeroU32> {
    NonZeroU32::new(info.get(b"piece length")?.as_wrapped_u32()?)
}

/// Converts a date in seconds or milliseconds to seconds. `None` if it is implausible.
fn to_seconds(date: u64) -> Option<i64> {
    let is_sane = |date: &u64| (CREATED_MIN..CREATED_MAX).contains(date);
    let date = Some(date).filter(is_sane).or(Some(date / MILLIS_PER_SECOND).filter(is_sane))?;
    i64::try_from(date).ok()
}

fn to_path(names: Value<'_>) -> Option<RawPath> {
    names.as_list()?.map(|name| name.as_bytes().map(<[u8]>::to_vec)).collect()
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
        check("d13:creation datei18446744073709551616e4:infodee", Some(&dated(None)));
        check("d13:creation date10:2020-01-014:infodee", Some(&dated(None)));
        check("d4:infod4:name1:x6:pieces4:\x00\x01\x02\x036:lengthi3eee", Some(&dated(None)));
    }

    /// Real files of a well-known client contain such dates.
    #[test]
    fn dates_in_milliseconds_are_divided() {
        check("d13:creation datei1700000000999e4:infodee", Some(&dated(Some(1_700_000_000))));
        check("d13:creation datei978307200000e4:infodee", Some(&dated(Some(978_307_200))));
        check("d13:creation datei4102444800000e4:infodee", Some(&dated(None)));
    }

    /// Twenty of these were refused as a whole: they lost date, links and local reads.
    #[test]
    fn variants_that_rqbit_accepts_lose_nothing() {
        for variant in tfs_testkit::torrent_variants::all() {
            let parsed = parse(&variant.torrent);
            let want = Metainfo {
                created: Some(1_700_000_000),
                has_file_list: true,
                link_targets: vec![None, Some(vec![b"a".to_vec()])],
                paths: parsed.as_ref().map(|it| it.paths.clone()).unwrap_or_default(),
                piece_len: NonZeroU32::new(16384),
            };
            assert_eq!(parsed, Some(want), "{}", variant.what);
            let hashes = piece_hashes(&variant.torrent);
            assert_eq!(hashes.map(|(_, hashes)| hashes.len()), Some(20), "{}", variant.what);
        }
    }

    #[test]
    fn a_list_of_files_makes_a_directory_and_names_link_targets() {
        let files = "ld6:lengthi0e4:pathl1:aeed6:lengthi0e12:symlink pathl1:b2:..eee";
        check(
            format!("d4:infod5:files{files}ee"),
            Some(&Metainfo {
                created: None,
                has_file_list: true,
                link_targets: vec![None, Some(vec![b"b".to_vec(), b"..".to_vec()])],
                paths: vec![vec![b"a".to_vec()], Vec::new()],
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
        // rqbit takes the lower 32 bits, and so uses pieces of this length.
        check("d4:infod12:piece lengthi4294983680eee", Some(&with(16384)));
        check("d4:infod12:piece length3:abcee", Some(&with(0)));
    }

    #[test]
    fn trackers_are_those_of_public_torrents() {
        #[track_caller]
        fn check(torrent: &str, want: Option<&[&str]>) {
            assert_eq!(public_trackers(torrent.as_bytes()).as_deref(), want);
        }
        check("de", None);
        check("d4:infodee", Some(&[]));
        check("d8:announce3:a:b4:infodee", Some(&["a:b"]));
        check("d8:announce3:a:b4:infod7:privatei0eee", Some(&["a:b"]));
        check("d8:announce3:a:b4:infod7:privatei1eee", None);
        check("d8:announce3:a:b4:infod7:private1:1ee", None);
        let lists = "d8:announce1:a13:announce-listll1:a1:bel1:ci1ee1:xe4:infodee";
        check(lists, Some(&["a", "b", "c"]));
        check("d8:announce1:\u{fc}4:infodee", None);
    }

    #[test]
    fn garbage_and_bombs_are_no_metadata() {
        for garbage in ["", "<html>", "d4:info", "d4:infoe", "d4:infolee", "i5e", "9:x"] {
            check(garbage, None);
        }
        check("l".repeat(1_000_000), None);
        check(format!("d4:info{}{}e", "l".repeat(100_000), "e".repeat(100_000)), None);
        check(format!("d4:infod1:x{}{}ee", "l".repeat(300), "e".repeat(300)), None);
        check(format!("d4:infod1:x{}{}ee", "l".repeat(100), "e".repeat(100)), Some(&dated(None)));
    }
}
