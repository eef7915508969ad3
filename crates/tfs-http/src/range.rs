//! Ranges and conditions of requests for files (RFC 9110, sections 13 and 14).

use std::ops::Range;
use std::time::UNIX_EPOCH;

use hyper::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, RANGE,
};

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

/// What tells two versions of a file apart.
#[derive(Debug, Clone, Copy)]
pub struct FileVersion<'a> {
    /// Its strong validator, with its quotes.
    pub etag: &'a str,
    /// When it was changed last, in seconds since 1970; `None` if files have no date.
    pub modified: Option<u64>,
}

/// Returns what a request gets of a file of `len` bytes. `etag` is its strong validator, with its
/// quotes.
///
/// Several ranges get the whole file, as the standard allows; and so does a range that cannot be
/// parsed.
#[must_use]
pub fn select(headers: &HeaderMap, etag: &str, len: u64) -> FileSelection {
    select_of(headers, FileVersion { etag, modified: None }, len)
}

/// As [`select`], for a file that may have a date (RFC 9110, section 13.2.2).
#[must_use]
pub fn select_of(headers: &HeaderMap, version: FileVersion<'_>, len: u64) -> FileSelection {
    let FileVersion { etag, modified } = version;
    let is_newer_than = |name: &HeaderName| {
        let date = headers.get(name).and_then(date_of);
        modified.zip(date).map(|(modified, date)| modified > date)
    };
    if headers.contains_key(IF_MATCH) {
        if !matches(headers, &IF_MATCH, |tag| tag == etag) {
            return FileSelection::Changed;
        }
    } else if is_newer_than(&IF_UNMODIFIED_SINCE) == Some(true) {
        return FileSelection::Changed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if is_known(headers, etag) {
            return FileSelection::NotModified;
        }
    } else if is_newer_than(&IF_MODIFIED_SINCE) == Some(false) {
        return FileSelection::NotModified;
    }
    let is_other = |value: &HeaderValue| {
        value.as_bytes() != etag.as_bytes() && (modified.is_none() || date_of(value) != modified)
    };
    if headers.get(IF_RANGE).is_some_and(is_other) {
        return FileSelection::Whole;
    }
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return FileSelection::Whole };
    range.to_str().ok().and_then(|range| parse(range, len)).unwrap_or(FileSelection::Whole)
}

/// Returns a date in seconds since 1970.
fn date_of(value: &HeaderValue) -> Option<u64> {
    let date = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
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

    #[test]
    fn dates_count_if_there_is_no_validator() {
        use FileSelection::{Changed, NotModified, Part, Whole};
        const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
        const EARLIER: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
        #[track_caller]
        fn check(lines: &[(HeaderName, &str)], expected: &FileSelection) {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, value.parse().unwrap());
            }
            let version = FileVersion { etag: ETAG, modified: Some(1_000_000_000) };
            assert_eq!(select_of(&headers, version, 9), *expected, "{lines:?}");
        }
        let range = (RANGE, "bytes=0-1");
        let part = Part(0..2);
        check(&[(IF_MODIFIED_SINCE, DATE)], &NotModified);
        check(&[(IF_MODIFIED_SINCE, EARLIER)], &Whole);
        check(&[(IF_MODIFIED_SINCE, "yesterday")], &Whole);
        check(&[(IF_MODIFIED_SINCE, DATE), (IF_NONE_MATCH, "\"x\"")], &Whole);
        check(&[(IF_UNMODIFIED_SINCE, DATE)], &Whole);
        check(&[(IF_UNMODIFIED_SINCE, EARLIER)], &Changed);
        check(&[(IF_UNMODIFIED_SINCE, EARLIER), (IF_MATCH, ETAG)], &Whole);
        check(&[range.clone(), (IF_RANGE, DATE)], &part);
        check(&[range.clone(), (IF_RANGE, EARLIER)], &Whole);
        check(&[range.clone(), (IF_RANGE, ETAG)], &part);
        check(&[range, (IF_RANGE, "\"x\"")], &Whole);
    }
}
