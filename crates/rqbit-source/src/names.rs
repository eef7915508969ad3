//! Names decoded by rqbit: the name of an unnamed torrent, and the components of link targets as
//! rqbit shows them.

use std::collections::HashMap;

use rqbit_client::wire;

use crate::metainfo::RawPath;

/// rqbit's name for the only file of an unnamed torrent.
const UNNAMED_FILE: &str = "torrent-content";

/// Returns the name of a torrent: its own (or that of its magnet link), else its folder on the
/// disk, else its only folder, else its info hash.
pub(crate) fn torrent_name(torrent: &wire::TorrentDetails) -> String {
    if let Some(name) = torrent.name.as_ref().filter(|name| !name.is_empty()) {
        return name.clone();
    }
    let files = torrent.files.as_deref().unwrap_or_default();
    let of_files = match files {
        [file] if file.components == [UNNAMED_FILE] => Some(UNNAMED_FILE),
        _ => folder_on_disk(files, &torrent.output_folder).or_else(|| only_folder(files)),
    };
    of_files.map_or_else(|| torrent.info_hash.to_string(), str::to_owned)
}

/// Returns the name of the files' folder, if rqbit chose it: rqbit uses the name of the longest
/// file without its extension.
fn folder_on_disk<'a>(files: &[wire::TorrentFile], output_folder: &'a str) -> Option<&'a str> {
    if files.len() < 2 {
        return None;
    }
    // The last of the longest, as in rqbit.
    let longest = files.iter().max_by_key(|file| file.length)?.components.last()?;
    let stem = match longest.rfind('.') {
        Some(dot) if dot > 0 => longest.get(..dot)?,
        _ => longest,
    };
    let folder = output_folder.rsplit('/').next()?;
    (!stem.is_empty() && folder == stem).then_some(folder)
}

/// Returns the folder that contains all files.
fn only_folder(files: &[wire::TorrentFile]) -> Option<&str> {
    let mut folders = files.iter().map(|file| match file.components.as_slice() {
        [folder, _, ..] if !folder.is_empty() => Some(folder.as_str()),
        _ => None,
    });
    let first = folders.next()??;
    folders.all(|folder| folder == Some(first)).then_some(first)
}

/// Returns the link targets with their components as rqbit shows them.
///
/// The torrent has names as bytes in any encoding, and rqbit guesses the encoding from all of its
/// names. So the bytes of targets are compared with those of `paths`, which are the same files as
/// `shown`. A target is omitted if rqbit shows one of its components like another name with other
/// bytes: it may refer to another file.
pub(crate) fn link_targets<'a>(
    targets: Vec<Option<RawPath>>,
    paths: &'a [RawPath],
    shown: impl Iterator<Item = &'a [String]>,
) -> Vec<Option<Vec<String>>> {
    let mut decoded: HashMap<&[u8], &str> = HashMap::new();
    let mut encoded: HashMap<&str, Option<&[u8]>> = HashMap::new();
    let same = paths.iter().zip(shown).filter(|(raw, shown)| raw.len() == shown.len());
    for (raw, name) in same.flat_map(|(raw, shown)| raw.iter().zip(shown)) {
        decoded.insert(raw, name);
        encoded
            .entry(name)
            .and_modify(|known| *known = known.filter(|known| *known == raw.as_slice()))
            .or_insert(Some(raw));
    }
    let to_shown = |raw: &Vec<u8>| match decoded.get(raw.as_slice()) {
        Some(name) => encoded.get(name).copied().flatten().map(|_| (*name).to_owned()),
        // `.`, `..` and the like, or a name that no file has.
        None => Some(String::from_utf8_lossy(raw).into_owned()),
    };
    let targets = targets.into_iter();
    targets.map(|target| target?.iter().map(to_shown).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn torrent(name: &str, output_folder: &str, files: &[(&str, u64)]) -> wire::TorrentDetails {
        let file = |(path, length): &(&str, u64)| {
            let components: Vec<_> = path.split('/').collect();
            serde_json::json!({ "components": components, "length": length })
        };
        serde_json::from_value(serde_json::json!({
            "info_hash": HASH,
            "name": (!name.is_empty()).then_some(name),
            "output_folder": output_folder,
            "files": files.iter().map(file).collect::<Vec<_>>(),
        }))
        .unwrap()
    }

    #[test]
    fn a_torrent_without_a_name_gets_that_of_rqbit_or_of_its_only_folder() {
        let check = |output_folder, files: &[(&str, u64)], want| {
            assert_eq!(torrent_name(&torrent("", output_folder, files)), want);
            assert_eq!(torrent_name(&torrent("named", output_folder, files)), "named");
        };
        check("/d", &[("torrent-content", 5)], "torrent-content");
        check("/d/x", &[("x.bin", 500), ("y.bin", 50)], "x");
        check("/d/y", &[("x.bin", 50), ("y.bin", 50)], "y");
        check("/d/.hidden", &[(".hidden", 500), ("y", 50)], ".hidden");
        // The user chose the folder.
        check("/srv/films", &[("x.bin", 500), ("y.bin", 50)], HASH);
        check("/srv/films", &[("A Series/x.bin", 500), ("A Series/1/y.bin", 50)], "A Series");
        check("/srv/films", &[("A Series/x.bin", 500), ("y.bin", 50)], HASH);
        check("/srv/films", &[("A Series/x.bin", 500)], "A Series");
        check("/srv/films", &[("x.bin", 500)], HASH);
        check("", &[], HASH);
    }

    #[test]
    fn targets_are_compared_as_bytes() {
        let raw = |path: &[u8]| path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect();
        let check = |raws: &[&[u8]], shown: &[&str], target: &[u8], want: Option<&str>| {
            let paths: Vec<RawPath> = raws.iter().map(|path| raw(path)).collect();
            let files: Vec<_> = shown.iter().map(|path| (*path, 1)).collect();
            let files = torrent("t", "/d", &files).files.unwrap();
            let shown = files.iter().map(|file| file.components.as_slice());
            let got = link_targets(vec![Some(raw(target)), None], &paths, shown);
            let want: Option<Vec<_>> =
                want.map(|want| want.split('/').map(str::to_owned).collect());
            assert_eq!(got, [want, None]);
        };
        check(&[b"d/film"], &["d/film"], b"../d/./film", Some("../d/./film"));
        // ISO 8859-1, Shift JIS and EUC-JP, which are not UTF-8.
        check(&[b"caf\xe9/a"], &["caf\u{e9}/a"], b"caf\xe9/a", Some("caf\u{e9}/a"));
        let (sjis, euc) = (&b"\x93\xfa\x96{"[..], &b"\xc6\xfc\xcb\xdc"[..]);
        check(&[sjis], &["\u{65e5}\u{672c}"], sjis, Some("\u{65e5}\u{672c}"));
        check(&[euc], &["\u{65e5}\u{672c}"], euc, Some("\u{65e5}\u{672c}"));
        // UTF-8 that rqbit decoded with another encoding.
        check(&[b"\xc3\xa9"], &["\u{c3}\u{a9}"], b"\xc3\xa9", Some("\u{c3}\u{a9}"));
        // Two names that rqbit shows alike.
        let same: [&[u8]; 2] = [b"a\xff", b"a\xfe/b"];
        check(&same, &["a\u{fffd}", "a\u{fffd}/b"], b"a\xff", None);
        check(&same, &["a\u{fffd}", "a\u{fffd}/b"], b"a\xfe/b", None);
        // A list that is not the server's.
        check(&[b"a/b"], &["x"], b"a/b", Some("a/b"));
    }
}
