//! Ranges and conditions of requests for files (RFC 9110, sections 13 and 14).

use std::ops::Range;

use hyper::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};

/// What of a file a request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSelection {
    /// All of it: 200.
    Whole,
    /// A part of it, not empty: 206.
    Part(Range<u64>),
    /// Nothing, since it has no byte of the range: 416.
    Unsatisfiable,
    /// Nothing, since the client has it: 304.
    NotModified,
    /// Nothing, since the client expects another file: 412.
    Changed,
}

/// Returns what a request gets of a file of `len` bytes. `etag` is its strong validator, with its
/// quotes.
///
/// Several ranges get the whole file, as the standard allows; and so does a range that cannot be
/// parsed.
#[must_use]
pub fn select(headers: &HeaderMap, etag: &str, len: u64) -> FileSelection {
    if headers.contains_key(IF_MATCH) && !matches(headers, &IF_MATCH, |tag| tag == etag) {
        return FileSelection::Changed;
    }
    if is_known(headers, etag) {
        return FileSelection::NotModified;
    }
    // A date in `If-Range` matches nothing: files have no date here.
    if headers.get(IF_RANGE).is_some_and(|tag| tag.as_bytes() != etag.as_bytes()) {
        return FileSelection::Whole;
    }
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return FileSelection::Whole };
    range.to_str().ok().and_then(|range| parse(range, len)).unwrap_or(FileSelection::Whole)
}

/// Returns whether the client has the content with this validator.
#[must_use]
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    matches(headers, &IF_NONE_MATCH, |tag| tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Returns whether a list of validators has `*`, or one that fits.
fn matches(headers: &HeaderMap, name: &HeaderName, fits: impl Fn(&str) -> bool) -> bool {
    let lists = headers.get_all(name).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| tag == "*" || fits(tag))
}

/// Returns what one range selects; `None` if it is malformed, or of several.
fn parse(range: &str, len: u64) -> Option<FileSelection> {
    let (unit, ranges) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = ranges.trim().split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // A number of more digits is larger than every file.
        Some(text.parse().unwrap_or(u64::MAX))
    };
    let part = match (first, last) {
        ("", suffix) => len.saturating_sub(number(suffix)?)..len,
        (first, "") => number(first)?..len,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(len)
        }
    };
    Some(if part.start < part.end {
        FileSelection::Part(part)
    } else {
        FileSelection::Unsatisfiable
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"abc-0\"";

    #[track_caller]
    fn check(lines: &[(HeaderName, &str)], len: u64, expected: &FileSelection) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value.parse().unwrap());
        }
        assert_eq!(select(&headers, ETAG, len), *expected, "{lines:?} of {len}");
    }

    #[test]
    fn ranges_are_those_of_the_standard() {
        use FileSelection::{Part, Unsatisfiable, Whole};
        for (range, expected) in [
            ("bytes=0-499", Part(0..500)),
            ("bytes=500-999", Part(500..1000)),
            ("bytes=-500", Part(500..1000)),
            ("bytes=500-", Part(500..1000)),
            ("bytes=0-0", Part(0..1)),
            ("bytes=999-999", Part(999..1000)),
            ("bytes=-1", Part(999..1000)),
            ("bytes=0-1000000", Part(0..1000)),
            ("bytes=-5000", Part(0..1000)),
            ("bytes=0-99999999999999999999999999", Part(0..1000)),
            ("bytes=0-18446744073709551615", Part(0..1000)),
            ("Bytes=0-1", Part(0..2)),
            ("bytes= 0-1 ", Part(0..2)),
            ("bytes=1000-", Unsatisfiable),
            ("bytes=1000-2000", Unsatisfiable),
            ("bytes=99999999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-4", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+0-1", Whole),
            ("bytes=0x0-1", Whole),
            ("bytes=0-1,3-4", Whole),
            ("bytes=--1", Whole),
            ("bytes 0-1", Whole),
            ("items=0-1", Whole),
            ("", Whole),
        ] {
            check(&[(RANGE, range)], 1000, &expected);
        }
        check(&[], 1000, &Whole);
        check(&[(RANGE, "bytes=0-1"), (RANGE, "bytes=5-6")], 1000, &Whole);
        check(&[(RANGE, "bytes=0-")], 0, &Unsatisfiable);
        check(&[(RANGE, "bytes=-5")], 0, &Unsatisfiable);
    }

    #[test]
    fn conditions_come_first() {
        use FileSelection::{Changed, NotModified, Part, Whole};
        let range = (RANGE, "bytes=0-1");
        let part = Part(0..2);
        check(&[range.clone(), (IF_RANGE, ETAG)], 9, &part);
        check(&[range.clone(), (IF_RANGE, "\"other\"")], 9, &Whole);
        check(&[range.clone(), (IF_RANGE, "W/\"abc-0\"")], 9, &Whole);
        check(&[range.clone(), (IF_RANGE, "Wed, 21 Oct 2015 07:28:00 GMT")], 9, &Whole);
        check(&[range.clone(), (IF_NONE_MATCH, ETAG)], 9, &NotModified);
        check(&[(IF_NONE_MATCH, "\"x\", W/\"abc-0\"")], 9, &NotModified);
        check(&[(IF_NONE_MATCH, "*")], 9, &NotModified);
        check(&[range.clone(), (IF_NONE_MATCH, "\"x\"")], 9, &part);
        check(&[range.clone(), (IF_MATCH, "\"x\"")], 9, &Changed);
        check(&[range.clone(), (IF_MATCH, "W/\"abc-0\"")], 9, &Changed);
        check(&[range.clone(), (IF_MATCH, "\"x\", \"abc-0\"")], 9, &part);
        check(&[range, (IF_MATCH, "*")], 9, &part);
    }
}
