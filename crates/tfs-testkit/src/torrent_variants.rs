//! One `.torrent` file in many variants, all of which rqbit accepts: the output of other programs,
//! and forms that no standard allows.
//!
//! rqbit 9.1.0, as installed from crates.io, accepts all of them (`POST /torrents` with
//! `list_only`). rqbit 8.1.1 refuses 15: all with integers beyond their type, no digits, or integer
//! keys. A build of rqbit with overflow checks panics at the longest integers.

/// The place of a change.
#[derive(Debug, Clone, Copy)]
enum Spot {
    /// At the start of the outer dictionary.
    Top,
    /// At its end.
    TopEnd,
    /// At the start of `info`.
    Info,
    /// At its end.
    InfoEnd,
    /// At the start of the dictionary of the first file.
    File,
    /// Replaces this text.
    Instead(&'static str),
}

/// A variant of the torrent.
#[derive(Debug)]
pub struct Variant {
    /// Its peculiarity.
    pub what: &'static str,
    /// The `.torrent` file.
    pub torrent: Vec<u8>,
}

use Spot::{File, Info, InfoEnd, Instead, Top, TopEnd};

/// The peculiarity, its place, and the text there. `\u{ff}` stands for the byte 0xff.
const CHANGES: &[(&str, Spot, &str)] = &[
    ("nothing", Top, ""),
    ("an integer of 65 bits", Top, "1:xi18446744073709551616e"),
    ("an integer of 80 bits", Top, "1:xi999999999999999999999999e"),
    ("a negative integer of 80 bits", Top, "1:xi-999999999999999999999999e"),
    ("a minus without digits", Top, "1:xi-e"),
    ("a plus without digits", Top, "1:xi+e"),
    ("minus zero", Top, "1:xi-0e"),
    ("a plus sign", Top, "1:xi+5e"),
    ("leading zeros", Top, "1:xi0007e"),
    ("negative leading zeros", Top, "1:xi-0007e"),
    ("integer keys", Top, "1:xdi1ei2ei-ei3ee"),
    ("a list as a key", Top, "1:xdl1:ae1:be"),
    ("a dictionary as a key", Top, "1:xdd1:a1:be1:ce"),
    ("an empty key", Top, "0:1:a"),
    ("unsorted keys", Top, "1:zi1e1:yi1e"),
    ("a key twice", Top, "1:xi1e1:xi2e"),
    ("a key twice with two types", Top, "1:xi1e1:xl1:ae"),
    ("a nested key twice", Top, "1:xd1:ai1e1:ai2ee"),
    ("a string length with leading zeros", Top, "1:x0003:abc"),
    ("a string length of 65 bits", Top, "1:x18446744073709551619:abc"),
    ("a key that is no UTF-8", Top, "2:\u{ff}\u{fe}i1e"),
    ("a key with NUL", Top, "3:a\0bi1e"),
    ("a string that looks like a torrent", Top, "1:x10:d4:infodee"),
    ("a string of ends", Top, "1:x5:eeeee"),
    ("empty values", Top, "1:ale1:bde1:c0:"),
    ("nodes", Top, "5:nodesll9:127.0.0.1i6881eee"),
    ("url-list as a string", Top, "8:url-list19:http://127.0.0.1/a/"),
    ("url-list as a list", Top, "8:url-listl19:http://127.0.0.1/a/e"),
    ("a comment that is no UTF-8", Top, "7:comment2:\u{ff}\u{fe}"),
    ("piece layers", TopEnd, "12:piece layersd4:\u{ff}\u{fe}\u{fd}\u{fc}4:\u{1}\u{2}\u{3}\u{4}e"),
    ("an integer of 80 bits at the end", TopEnd, "1:xi999999999999999999999999e"),
    ("info: an integer of 80 bits", Info, "1:xi999999999999999999999999e"),
    ("info: a negative integer of 80 bits", Info, "1:xi-999999999999999999999999e"),
    ("info: a minus without digits", Info, "1:xi-e"),
    ("info: minus zero", Info, "1:xi-0e"),
    ("info: leading zeros", Info, "1:xi0007e"),
    ("info: integer keys", Info, "1:xdi1ei2ee"),
    ("info: unsorted keys", Info, "1:zi1e"),
    ("info: a key twice", Info, "1:xi1e1:xi2e"),
    ("info: name.utf-8", Info, "10:name.utf-83:top"),
    ("info: source", InfoEnd, "6:source4:here"),
    ("info: a hybrid torrent", InfoEnd, "12:meta versioni2e9:file treed1:ad0:d6:lengthi5eeee"),
    ("info: private with leading zeros", InfoEnd, "7:privatei01e"),
    ("info: collections", InfoEnd, "11:collectionsl1:a1:be7:similarl20:abcdefghijklmnopqrste"),
    ("file: an integer of 80 bits", File, "5:mtimei999999999999999999999999e"),
    ("file: a negative integer", File, "5:crc32i-5e"),
    ("file: a minus without digits", File, "5:mtimei-e"),
    ("file: minus zero", File, "5:mtimei-0e"),
    ("file: integer keys", File, "1:xdi1ei2ee"),
    ("file: unsorted keys", File, "1:zi1e"),
    ("file: a key twice", File, "1:xi1e1:xi2e"),
    ("file: path.utf-8", File, "10:path.utf-8l1:ae"),
    ("file: ed2k", File, "4:ed2k4:\u{ff}\u{fe}\u{fd}\u{fc}"),
    ("file: an md5sum of another type", File, "6:md5sumi5e"),
    ("a piece length with leading zeros", Instead("i16384e"), "i00016384e"),
    ("a piece length with 33 bits", Instead("i16384e"), "i4294983680e"),
    ("a date with leading zeros", Instead("i1700000000e"), "i001700000000e"),
    ("a date in milliseconds", Instead("i1700000000e"), "i1700000000123e"),
    ("a file length with leading zeros", Instead("i5e"), "i005e"),
    ("a key length with leading zeros", Instead("4:infod"), "04:infod"),
];

/// Returns all variants: a torrent of the time 1,700,000,000 (Unix), with the file `a` of five
/// bytes, the link `l` to it, and one piece of 16 KiB. Each has its own info hash.
#[must_use]
pub fn all() -> Vec<Variant> {
    let mut variants: Vec<_> = (0..)
        .zip(CHANGES)
        .map(|(n, (what, place, text))| Variant { what, torrent: torrent(n, *place, text) })
        .collect();
    let nested = |open: &str, close: &str, depth: usize| {
        format!("1:x{}{}", open.repeat(depth), close.repeat(depth))
    };
    let more = [
        ("lists of lists", nested("l", "e", 100)),
        ("dictionaries of dictionaries", nested("d1:a", "e", 100).replace("d1:ae", "d1:adee")),
        ("a long key", format!("100000:{}i1e", "k".repeat(100_000))),
        ("a long string", format!("1:x1000000:{}", "v".repeat(1_000_000))),
        ("a long integer", format!("1:xi{}e", "9".repeat(10_000))),
    ];
    let first = variants.len();
    variants.extend(
        (first..)
            .zip(more)
            .map(|(n, (what, text))| Variant { what, torrent: torrent(n, Top, &text) }),
    );
    variants
}

fn torrent(n: usize, place: Spot, text: &str) -> Vec<u8> {
    let at = |wanted: fn(Spot) -> bool| if wanted(place) { text } else { "" };
    let (top, top_end) = (at(|it| matches!(it, Top)), at(|it| matches!(it, TopEnd)));
    let (info, info_end) = (at(|it| matches!(it, Info)), at(|it| matches!(it, InfoEnd)));
    let file = at(|it| matches!(it, File));
    let files = format!(
        "5:filesld{file}6:lengthi5e4:pathl1:aeed4:attr1:l6:lengthi0e4:pathl1:le\
         12:symlink pathl1:aeee"
    );
    let pieces = "20:aaaaabbbbbcccccddddd";
    let whole = format!(
        "d{top}13:creation datei1700000000e4:infod{info}{files}4:name4:v{n:03}\
         12:piece lengthi16384e6:pieces{pieces}{info_end}e{top_end}e"
    );
    let whole = if let Instead(old) = place { whole.replacen(old, text, 1) } else { whole };
    // Latin-1: each character is one byte.
    whole.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_change_is_made() {
        let all = all();
        assert!(all.len() >= 60, "{}", all.len());
        let distinct: HashSet<_> = all.iter().map(|variant| &variant.torrent).collect();
        assert_eq!(distinct.len(), all.len());
        for (variant, (what, place, text)) in all.iter().zip(CHANGES) {
            let plain = torrent(0, Top, "");
            let is_changed = text.is_empty() || variant.torrent.len() > plain.len();
            assert!(is_changed, "{what} at {place:?}");
        }
    }
}
