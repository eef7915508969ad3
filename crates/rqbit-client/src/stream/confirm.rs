//! Checks that an answer contains the requested bytes, and finds their position in it.
#![warn(clippy::arithmetic_side_effects)]

use hyper::header::CONTENT_RANGE;
use hyper::{Response, StatusCode};

use crate::http::AnswerBody;
use crate::range::ContentRange;
use crate::{RangeAnswer, RequestedRange};

/// Maximum number of bytes to skip in a whole file that was sent instead of a range.
///
/// The skipped bytes are dropped. Skipping costs at most about as much as a failure with a new
/// connection: less than a second at 40 Mbit/s.
pub(super) const SKIP_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A confirmed answer: it contains the requested bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    /// Offset after the last byte of the range.
    pub(super) end: u64,
    /// Bytes of the body before the range.
    pub(super) skip: u64,
    /// Whether the body legitimately continues after the range.
    pub(super) goes_on: bool,
}

/// What an answer's headers state about its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) status: StatusCode,
    /// The header `Content-Range`.
    pub(super) content_range: Option<&'a str>,
    /// The header `Content-Length`; unknown for a chunked body.
    pub(super) body_bytes: Option<u64>,
}

impl<'a> Claim<'a> {
    /// Reads the headers of an answer.
    pub(super) fn of(response: &'a Response<AnswerBody>) -> Self {
        let content_range = response.headers().get(CONTENT_RANGE);
        Self {
            status: response.status(),
            content_range: content_range.and_then(|it| it.to_str().ok()),
            body_bytes: response.body().length(),
        }
    }

    /// Checks the answer against the request.
    ///
    /// `asked` is clamped to `file_len` and not empty.
    pub(super) fn check(
        self,
        asked: RequestedRange,
        file_len: Option<u64>,
    ) -> Result<Confirmed, RangeAnswer> {
        match self.status {
            StatusCode::PARTIAL_CONTENT => self.check_part(asked, file_len),
            StatusCode::OK => self.check_whole(asked, file_len),
            _ => Err(RangeAnswer::Missing),
        }
    }

    /// Checks an answer with status 206: it must have exactly the requested range.
    fn check_part(
        self,
        asked: RequestedRange,
        file_len: Option<u64>,
    ) -> Result<Confirmed, RangeAnswer> {
        let got = self.content_range.and_then(ContentRange::parse).ok_or(RangeAnswer::Missing)?;
        let ContentRange { start, end, total } = got;
        let same_total = match (total, file_len) {
            (Some(total), Some(file_len)) => total == file_len,
            (None, _) | (_, None) => true,
        };
        let same_end = match asked.end {
            Some(asked_end) => end == asked_end,
            None => total.is_none_or(|total| end == total),
        };
        if start != asked.start || !same_end || !same_total {
            return Err(RangeAnswer::Range { start, end, total });
        }
        match self.body_bytes {
            Some(bytes) if bytes != end.saturating_sub(start) => {
                Err(RangeAnswer::BodyLength { bytes })
            }
            _ => Ok(Confirmed { end, skip: 0, goes_on: false }),
        }
    }

    /// Checks an answer with status 200, the whole file: the range must not be too far into it.
    fn check_whole(
        self,
        asked: RequestedRange,
        file_len: Option<u64>,
    ) -> Result<Confirmed, RangeAnswer> {
        if let (Some(bytes), Some(file_len)) = (self.body_bytes, file_len)
            && bytes != file_len
        {
            return Err(RangeAnswer::BodyLength { bytes });
        }
        let total = file_len.or(self.body_bytes);
        let end = asked.end.or(total).ok_or(RangeAnswer::WholeFile)?;
        if asked.start > SKIP_BYTES_MAX {
            return Err(RangeAnswer::WholeFile);
        }
        if let Some(bytes) = total
            && (bytes < end || bytes <= asked.start)
        {
            return Err(RangeAnswer::BodyLength { bytes });
        }
        Ok(Confirmed { end, skip: asked.start, goes_on: total != Some(end) })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(
        asked: RequestedRange,
        file_len: Option<u64>,
        answers: &[(u16, &str, Option<u64>)],
        want: &Expect,
    ) {
        let rows = answers.iter().map(|&(status, content_range, body_bytes)| {
            let claim = Claim {
                status: StatusCode::from_u16(status).unwrap(),
                content_range: (!content_range.is_empty()).then_some(content_range),
                body_bytes,
            };
            let length = body_bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
            let verdict = match claim.check(asked, file_len) {
                Ok(it) => format!("up to {} skip {} goes on {}", it.end, it.skip, it.goes_on),
                Err(answer) => answer.to_string(),
            };
            format!("{status} {content_range:?} {length}: {verdict}\n")
        });
        want.assert_eq(&rows.collect::<String>());
    }

    #[test]
    fn bounded_range_of_a_known_file() {
        let answers = [
            (206, "bytes 10-19/100", Some(10)),
            (206, "bytes 10-19/*", None),
            (206, "bytes 10-19/101", Some(10)),
            (206, "bytes 10-19/100", Some(11)),
            (206, "bytes 10-18/100", Some(9)),
            (206, "bytes 0-9/100", Some(10)),
            (206, "", Some(10)),
            (206, "bytes */100", Some(10)),
            (200, "", Some(100)),
            (200, "", None),
            (200, "", Some(10)),
            (204, "", None),
        ];
        check(
            RequestedRange::new(10, 20),
            Some(100),
            &answers,
            &expect![[r#"
            206 "bytes 10-19/100" 10: up to 20 skip 0 goes on false
            206 "bytes 10-19/*" -: up to 20 skip 0 goes on false
            206 "bytes 10-19/101" 10: answered bytes 10..20 of 101
            206 "bytes 10-19/100" 11: answered a body of 11 bytes
            206 "bytes 10-18/100" 9: answered bytes 10..19 of 100
            206 "bytes 0-9/100" 10: answered bytes 0..10 of 100
            206 "" 10: answered a range it does not name
            206 "bytes */100" 10: answered a range it does not name
            200 "" 100: up to 20 skip 10 goes on true
            200 "" -: up to 20 skip 10 goes on true
            200 "" 10: answered a body of 10 bytes
            204 "" -: answered a range it does not name
        "#]],
        );
    }

    #[test]
    fn open_range_of_an_unknown_file() {
        let answers = [
            (206, "bytes 10-99/100", Some(90)),
            (206, "bytes 10-49/100", Some(40)),
            (206, "bytes 10-49/*", Some(40)),
            (200, "", Some(100)),
            (200, "", Some(10)),
            (200, "", None),
        ];
        check(
            RequestedRange::open_ended(10),
            None,
            &answers,
            &expect![[r#"
            206 "bytes 10-99/100" 90: up to 100 skip 0 goes on false
            206 "bytes 10-49/100" 40: answered bytes 10..50 of 100
            206 "bytes 10-49/*" 40: up to 50 skip 0 goes on false
            200 "" 100: up to 100 skip 10 goes on false
            200 "" 10: answered a body of 10 bytes
            200 "" -: answered the whole file
        "#]],
        );
    }

    #[test]
    fn whole_file_is_skipped_into_only_so_far() {
        let file_len = SKIP_BYTES_MAX + 10;
        let answers = [(200, "", Some(file_len)), (200, "", None)];
        let near = RequestedRange::new(SKIP_BYTES_MAX, file_len);
        check(
            near,
            Some(file_len),
            &answers,
            &expect![[r#"
            200 "" 4194314: up to 4194314 skip 4194304 goes on false
            200 "" -: up to 4194314 skip 4194304 goes on false
        "#]],
        );
        let far = RequestedRange::new(SKIP_BYTES_MAX + 1, file_len);
        check(
            far,
            Some(file_len),
            &answers,
            &expect![[r#"
            200 "" 4194314: answered the whole file
            200 "" -: answered the whole file
        "#]],
        );
    }
}
