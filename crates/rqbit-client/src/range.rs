//! Byte ranges: requested ranges, and the `Content-Range` header of an answer.
#![warn(clippy::arithmetic_side_effects)]

use std::fmt;

/// A requested range of bytes of one file.
///
/// Any two values are valid; a range whose end is not past its start is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestedRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte, or `None` for the end of the file.
    pub end: Option<u64>,
}

impl RequestedRange {
    /// Creates the range from `start` up to, not including, `end_exclusive`.
    pub const fn new(start: u64, end_exclusive: u64) -> Self {
        Self { start, end: Some(end_exclusive) }
    }

    /// Creates the range of `length_bytes` from `start`, clamped to the largest offset.
    pub const fn with_length(start: u64, length_bytes: u64) -> Self {
        Self::new(start, start.saturating_add(length_bytes))
    }

    /// Creates the range from `start` to the end of the file.
    pub const fn open_ended(start: u64) -> Self {
        Self { start, end: None }
    }

    /// Returns the range clamped to a file of `file_len` bytes.
    pub(crate) fn clamp(self, file_len: Option<u64>) -> Self {
        let end = match (self.end, file_len) {
            (Some(end), Some(file_len)) => Some(end.min(file_len)),
            (Some(end), None) => Some(end),
            (None, file_len) => file_len,
        };
        Self { start: self.start, end }
    }

    /// Returns the value of the `Range` header, or `None` for an empty range.
    ///
    /// The header counts inclusively. The end is sent unless the caller requested an open range:
    /// rqbit answers both the same way, but a proxy's cache may not.
    pub(crate) fn header(self) -> Option<String> {
        let start = self.start;
        match self.end {
            None => Some(format!("bytes={start}-")),
            Some(end) => {
                let last = end.checked_sub(1).filter(|&last| last >= start)?;
                Some(format!("bytes={start}-{last}"))
            }
        }
    }
}

impl fmt::Display for RequestedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            Some(end) => write!(f, "{}..{end}", self.start),
            None => write!(f, "{}..", self.start),
        }
    }
}

/// A parsed header `Content-Range: bytes a-b/total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
    /// Length of the whole file; `None` if the server sent `*`.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Parses the value of the header, or returns `None` if RFC 9110 does not allow it.
    pub fn parse(value: &str) -> Option<Self> {
        let (unit, rest) = value.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, total) = rest.trim().split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let start = parse_offset(first)?;
        let end = parse_offset(last)?.checked_add(1)?;
        let total = match total {
            "*" => None,
            total => Some(parse_offset(total)?),
        };
        let in_total = total.is_none_or(|total| end <= total);
        (start < end && in_total).then_some(Self { start, end, total })
    }
}

/// Parses digits only: `u64::from_str` would accept a sign as well.
pub(crate) fn parse_offset(text: &str) -> Option<u64> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits_only.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_is_clamped_and_written_inclusively() {
        #[track_caller]
        fn check(range: RequestedRange, file_len: Option<u64>, want: Option<&str>) {
            let header = range.clamp(file_len).header();
            assert_eq!(header.as_deref(), want, "{range} of {file_len:?}");
        }
        check(RequestedRange::new(0, 10), Some(100), Some("bytes=0-9"));
        check(RequestedRange::new(90, 110), Some(100), Some("bytes=90-99"));
        check(RequestedRange::new(100, 110), Some(100), None);
        check(RequestedRange::new(5, 5), Some(100), None);
        check(RequestedRange::new(6, 5), Some(100), None);
        check(RequestedRange::new(0, 10), Some(0), None);
        check(RequestedRange::open_ended(0), Some(0), None);
        check(RequestedRange::open_ended(7), Some(100), Some("bytes=7-99"));
        check(RequestedRange::open_ended(7), None, Some("bytes=7-"));
        check(RequestedRange::new(7, 9), None, Some("bytes=7-8"));
        check(RequestedRange::with_length(u64::MAX, 9), None, None);
        check(RequestedRange::with_length(1, u64::MAX), Some(3), Some("bytes=1-2"));
    }

    #[test]
    fn content_range_takes_only_what_the_rfc_allows() {
        #[track_caller]
        fn check(value: &str, want: Option<(u64, u64, Option<u64>)>) {
            let got = ContentRange::parse(value).map(|it| (it.start, it.end, it.total));
            assert_eq!(got, want, "{value}");
        }
        check("bytes 0-9/100", Some((0, 10, Some(100))));
        check("Bytes 5-5/*", Some((5, 6, None)));
        check("bytes */100", None);
        check("bytes 9-0/100", None);
        check("bytes 0-100/100", None);
        check("bytes 0-9", None);
        check("bytes=0-9/100", None);
        check("items 0-9/100", None);
        check("bytes +0-9/100", None);
        check("bytes 0-18446744073709551615/*", None);
        check("bytes 0-99999999999999999999/*", None);
        check("", None);
    }
}
