//! Names: converts any text from a torrent to a valid Linux file name, visibly and reversibly.
//!
//! | in the torrent | in the mount |
//! |---|---|
//! | `/`, NUL and every other control character | `%` and two upper-case hex digits a byte |
//! | `.` and `..` | `%2E` and `%2E%2E` |
//! | nothing at all | `%empty` |
//! | `%` where it would read as one of these escapes | `%25` |
//! | over 255 bytes | the beginning, `%~`, eight hex digits of a hash, the extension |
//!
//! All other text is kept, including a single `%`. If a name is in use, it gets a mark such as
//! ` [0123abcd]` before its extension, so that players still recognize the type of the file.

use tfs_types::fnv1a_32;

/// Maximum length of a name in bytes (`NAME_MAX` in `linux/limits.h`).
pub const NAME_BYTES_MAX: usize = 255;

/// Maximum length of an extension that is kept when a name is cut, including the dot: enough for
/// `.sha256sum` and the like, but too short for a sentence after a full stop.
const EXTENSION_BYTES_MAX: usize = 16;

/// Replaces the empty name.
const EMPTY: &str = "%empty";

/// Precedes the hash of a cut name.
const CUT: &str = "%~";

/// Returns the file name for a name from a torrent: not empty, not `.` or `..`, without `/` and
/// control characters, at most [`NAME_BYTES_MAX`] bytes. Different names up to that length stay
/// different.
#[must_use]
pub fn escape(raw: &str) -> String {
    let escaped = escape_whole(raw);
    if escaped.len() <= NAME_BYTES_MAX { escaped } else { cut(raw, &split_extension(raw), "") }
}

/// Returns the name from the torrent for an escaped one, or `None` if it was cut and only its start
/// is known.
#[must_use]
pub fn unescape(name: &str) -> Option<String> {
    if name == EMPTY {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'%', [b'~', ..]) => return None,
            (b'%', [high, low, after @ ..]) if is_escape_pair(*high, *low) => {
                bytes.push(hex_value(*high) << 4 | hex_value(*low));
                rest = after;
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Returns the name for `raw` with ` [mark]`, cut if necessary. The mark is at the end of a
/// directory's name, and before the extension of a file's.
pub(crate) fn escape_marked(raw: &str, mark: &str, is_directory: bool) -> String {
    let parts = if is_directory { NameParts::without_extension(raw) } else { split_extension(raw) };
    let NameParts { stem, extension } = parts;
    let marked = format!("{} [{mark}]{}", escape_whole(stem), escape_text(extension));
    if marked.len() <= NAME_BYTES_MAX { marked } else { cut(raw, &parts, &format!(" [{mark}]")) }
}

/// A name from a torrent, not escaped.
struct NameParts<'a> {
    stem: &'a str,
    /// With its dot; may be empty.
    extension: &'a str,
}

impl<'a> NameParts<'a> {
    fn without_extension(raw: &'a str) -> Self {
        Self { stem: raw, extension: "" }
    }
}

/// Returns the longest fitting start of the stem, a hash of `raw`, the mark and the extension.
fn cut(raw: &str, parts: &NameParts<'_>, mark: &str) -> String {
    let NameParts { stem, extension } = *parts;
    let tail = format!("{CUT}{:08x}{mark}{}", fnv1a_32(raw.as_bytes()), escape_text(extension));
    let stem_bytes_max = NAME_BYTES_MAX.saturating_sub(tail.len());
    let mut name = String::with_capacity(NAME_BYTES_MAX);
    // Cut between whole characters, before they are escaped, so that no escape is split.
    for (character, is_escaped) in characters(stem) {
        let len_before = name.len();
        push(character, is_escaped, &mut name);
        if name.len() > stem_bytes_max {
            name.truncate(len_before);
            break;
        }
    }
    name + &tail
}

/// Splits off an extension with its dot, or an empty one if there is none: text with a space after
/// the dot is the end of a sentence.
fn split_extension(raw: &str) -> NameParts<'_> {
    let Some((stem, extension)) = raw.rfind('.').map(|dot| raw.split_at(dot)) else {
        return NameParts::without_extension(raw);
    };
    let is_one = !stem.is_empty()
        && (2..=EXTENSION_BYTES_MAX).contains(&extension.len())
        && !extension.contains(char::is_whitespace);
    if is_one { NameParts { stem, extension } } else { NameParts::without_extension(raw) }
}

fn escape_whole(raw: &str) -> String {
    match raw {
        "" => EMPTY.to_owned(),
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        "%empty" => "%25empty".to_owned(),
        _ => escape_text(raw),
    }
}

/// Fast path: almost all names have nothing to escape and are copied as a whole.
fn escape_text(raw: &str) -> String {
    if !characters(raw).any(|(_, is_escaped)| is_escaped) {
        return raw.to_owned();
    }
    let mut escaped = String::with_capacity(raw.len());
    for (character, is_escaped) in characters(raw) {
        push(character, is_escaped, &mut escaped);
    }
    escaped
}

/// Returns the characters of a text, and whether each is escaped.
fn characters(raw: &str) -> impl Iterator<Item = (char, bool)> {
    raw.char_indices().map(|(at, character)| {
        let is_escaped = match character {
            '/' => true,
            '%' => raw.as_bytes().get(at + 1..).is_some_and(reads_as_escape),
            other => other.is_control(),
        };
        (character, is_escaped)
    })
}

fn push(character: char, is_escaped: bool, name: &mut String) {
    if !is_escaped {
        return name.push(character);
    }
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        name.push('%');
        name.push(hex_digit(byte >> 4));
        name.push(hex_digit(byte & 0xf));
    }
}

/// Returns whether the text after a `%` would make it an escape.
fn reads_as_escape(after: &[u8]) -> bool {
    match after {
        [b'~', ..] => true,
        [high, low, ..] => is_escape_pair(*high, *low),
        _ => false,
    }
}

fn is_escape_pair(high: u8, low: u8) -> bool {
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'A'..=b'F').contains(&digit);
    is_digit(high) && is_digit(low)
}

fn hex_value(digit: u8) -> u8 {
    if digit.is_ascii_digit() { digit - b'0' } else { digit - b'A' + 10 }
}

/// Returns the upper-case digit of a value below 16.
fn hex_digit(value: u8) -> char {
    char::from(if value < 10 { b'0' + value } else { b'A' + value - 10 })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(raw: &str, want: &Expect) {
        let name = escape(raw);
        want.assert_eq(&name);
        assert_is_file_name(&name);
        assert_eq!(unescape(&name).as_deref(), Some(raw));
    }

    #[track_caller]
    fn assert_is_file_name(name: &str) {
        assert!((1..=NAME_BYTES_MAX).contains(&name.len()), "{name:?}");
        assert!(name != "." && name != "..", "{name:?}");
        assert!(!name.chars().any(|c| c == '/' || c.is_control()), "{name:?}");
    }

    #[test]
    fn what_linux_allows_is_kept() {
        check("Big Buck Bunny (2008) [1080p].mkv", &expect!["Big Buck Bunny (2008) [1080p].mkv"]);
        check("Grüße 🎬.mkv", &expect!["Grüße 🎬.mkv"]);
        check("100% real.txt", &expect!["100% real.txt"]);
        check(".hidden", &expect![".hidden"]);
        check("...", &expect!["..."]);
        check(" \\:*?\"<>|", &expect![r#" \:*?"<>|"#]);
    }

    #[test]
    fn what_linux_refuses_is_escaped() {
        check("", &expect!["%empty"]);
        check(".", &expect!["%2E"]);
        check("..", &expect!["%2E%2E"]);
        check("../../etc/passwd", &expect!["..%2F..%2Fetc%2Fpasswd"]);
        check("a\0b", &expect!["a%00b"]);
        check("red\u{1b}[31m\n", &expect!["red%1B[31m%0A"]);
        check("\u{7f}\u{85}", &expect!["%7F%C2%85"]);
    }

    #[test]
    fn what_reads_as_an_escape_is_escaped() {
        check("a%2Fb", &expect!["a%252Fb"]);
        check("a%2fb", &expect!["a%2fb"]);
        check("%empty", &expect!["%25empty"]);
        check("a%~b", &expect!["a%25~b"]);
        check("%%41", &expect!["%%2541"]);
    }

    #[test]
    fn long_names_keep_their_beginning_and_extension() {
        let name = escape(&format!("{}.mkv", "ä".repeat(300)));
        assert_is_file_name(&name);
        assert!(name.starts_with("äää") && name.ends_with(".mkv"), "{name}");
        assert_eq!(unescape(&name), None);
        assert_ne!(name, escape(&format!("{}.mkv", "ä".repeat(301))));

        let marked = escape_marked(&format!("{}.mkv", "ä".repeat(300)), "0123abcd", false);
        assert_is_file_name(&marked);
        assert!(marked.ends_with(" [0123abcd].mkv"), "{marked}");
    }

    #[test]
    fn marks_stand_before_the_extension() {
        assert_eq!(escape_marked("a.tar.gz", "x", false), "a.tar [x].gz");
        assert_eq!(escape_marked("a folder", "x", false), "a folder [x]");
        assert_eq!(escape_marked(".hidden", "x", false), ".hidden [x]");
        assert_eq!(escape_marked("..", "x", false), "%2E%2E [x]");
        assert_eq!(escape_marked("", "x", false), "%empty [x]");
        assert_eq!(
            escape_marked("No. A sentence, no extension", "x", false).as_str(),
            "No. A sentence, no extension [x]"
        );
        assert_eq!(escape_marked("Mr. Smith", "x", false), "Mr. Smith [x]");
        assert_eq!(escape_marked("Show.S01.1080p", "x", true), "Show.S01.1080p [x]");
        let long = escape_marked(&format!("{}.1080p", "ä".repeat(300)), "x", true);
        assert!(long.ends_with(" [x]") && long.len() <= NAME_BYTES_MAX, "{long}");
    }

    proptest! {
        #[test]
        fn escaping_is_reversible(raw in "[a%/.~\u{0}-\u{1f}2FEé\u{85}]{0,12}|%empty|\\PC{0,80}") {
            let name = escape(&raw);
            assert_is_file_name(&name);
            prop_assert_eq!(unescape(&name), Some(raw));
        }

        #[test]
        fn any_length_gives_a_file_name(raw in "[ä%/.\u{1}x🎬]{0,400}", mark in "[a-f0-9]{8}") {
            assert_is_file_name(&escape(&raw));
            let marked = escape_marked(&raw, &mark, false);
            assert_is_file_name(&marked);
            prop_assert!(marked.contains(&mark));
        }
    }
}
