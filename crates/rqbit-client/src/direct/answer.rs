//! Parser of response heads: accepts only the expected range.

use httparse::{EMPTY_HEADER, Header, Response, Status};

use super::DirectError;
use crate::RequestedRange;
use crate::range::{ContentRange, parse_offset};

/// Maximum size of a head. rqbit sends about 300 bytes, and a proxy may add several times as much.
/// Body bytes that arrive with the head are copied once more, so it is no larger.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Maximum number of headers.
const HEADERS_MAX: usize = 64;

/// Head of an answer whose body is exactly the requested range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RangeHead {
    pub(super) head_bytes: usize,
    /// Whether the connection stays open after the answer.
    pub(super) may_keep: bool,
}

impl RangeHead {
    /// Parses a head, or returns `None` if it is incomplete.
    pub(super) fn parse(
        received: &[u8],
        asked: RequestedRange,
        file_len: u64,
    ) -> Result<Option<Self>, DirectError> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut response = Response::new(&mut headers);
        let parsed = response.parse(received).map_err(|_malformed| DirectError::Unexpected)?;
        let head_bytes = match parsed {
            Status::Complete(head_bytes) => head_bytes,
            Status::Partial if received.len() < HEAD_BYTES_MAX => return Ok(None),
            Status::Partial => return Err(DirectError::Unexpected),
        };
        // 206: partial content. HTTP/1.0 servers close their connections.
        if response.code != Some(206) || response.version != Some(1) {
            return Err(DirectError::Unexpected);
        }
        let may_keep = check(response.headers, asked, file_len).ok_or(DirectError::Unexpected)?;
        Ok(Some(Self { head_bytes, may_keep }))
    }
}

/// Checks that the body is exactly the range. Returns whether the connection stays open.
fn check(headers: &[Header<'_>], asked: RequestedRange, file_len: u64) -> Option<bool> {
    let (mut is_range, mut is_length, mut may_keep) = (false, false, true);
    for Header { name, value } in headers {
        let value = std::str::from_utf8(value).ok()?.trim();
        let is = |known| name.eq_ignore_ascii_case(known);
        if is("content-range") {
            let range = ContentRange::parse(value)?;
            let is_same = range.start == asked.start && Some(range.end) == asked.end;
            let is_same_file = range.total.is_none_or(|total| total == file_len);
            is_range = is_same && is_same_file && !is_range;
            is_range.then_some(())?;
        } else if is("content-length") {
            let len = asked.end?.checked_sub(asked.start)?;
            is_length = parse_offset(value) == Some(len) && !is_length;
            is_length.then_some(())?;
        } else if is("transfer-encoding") || (is("content-encoding") && value != "identity") {
            return None;
        } else if is("connection") {
            may_keep &= value.eq_ignore_ascii_case("keep-alive");
        }
    }
    (is_range && is_length).then_some(may_keep)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(heads: &[&str], want: &Expect) {
        let rows = heads.iter().map(|head| {
            let head = head.replace('\n', "\r\n");
            let verdict = match RangeHead::parse(head.as_bytes(), RequestedRange::new(10, 20), 100)
            {
                Ok(None) => "goes on".to_owned(),
                Ok(Some(it)) => {
                    format!("{} of {}, keep {}", it.head_bytes, head.len(), it.may_keep)
                }
                Err(error) => error.to_string(),
            };
            format!("{:?}: {verdict}\n", head.replace("\r\n", "|"))
        });
        want.assert_eq(&rows.collect::<String>());
    }

    #[test]
    fn only_the_very_range_is_taken() {
        let ok = "HTTP/1.1 206 Partial Content\ncontent-range: bytes 10-19/100\n";
        let with = |more: &str| format!("{ok}content-length: 10\n{more}\nbody");
        let heads = [
            with(""),
            with("Connection: Keep-Alive\n"),
            with("connection: close\n"),
            with("connection: keep-alive, upgrade\n"),
            with("content-encoding: identity\n"),
            with("content-encoding: gzip\n"),
            with("transfer-encoding: chunked\n"),
            with("content-length: 10\n"),
            with("content-range: bytes 10-19/100\n"),
            with("x: \u{e4}\n"),
            with("no colon\n"),
            format!("{ok}\n"),
            format!("{ok}content-length: 11\n\n"),
            format!("{ok}content-length: +10\n\n"),
            ok.to_owned(),
            "HTTP/1.1 206 Partial Content\ncontent-length: 10\n\n".to_owned(),
            with("").replace("10-19/100", "10-19/*"),
            with("").replace("10-19/100", "10-19/101"),
            with("").replace("10-19/100", "11-20/100"),
            with("").replace("206", "200"),
            with("").replace("1.1", "1.0"),
            "HTTP/1.1 404 Not Found\n\n".to_owned(),
            "SSH-2.0\n".to_owned(),
        ];
        check(
            &heads.each_ref().map(String::as_str),
            &expect![[r#"
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10||body": 84 of 88, keep true
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|Connection: Keep-Alive||body": 108 of 112, keep true
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|connection: close||body": 103 of 107, keep false
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|connection: keep-alive, upgrade||body": 117 of 121, keep false
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|content-encoding: identity||body": 112 of 116, keep true
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|content-encoding: gzip||body": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|transfer-encoding: chunked||body": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|content-length: 10||body": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|content-range: bytes 10-19/100||body": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|x: ä||body": 91 of 95, keep true
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 10|no colon||body": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100||": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: 11||": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|content-length: +10||": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/100|": goes on
            "HTTP/1.1 206 Partial Content|content-length: 10||": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/*|content-length: 10||body": 82 of 86, keep true
            "HTTP/1.1 206 Partial Content|content-range: bytes 10-19/101|content-length: 10||body": the answer was not a range of known length
            "HTTP/1.1 206 Partial Content|content-range: bytes 11-20/100|content-length: 10||body": the answer was not a range of known length
            "HTTP/1.1 200 Partial Content|content-range: bytes 10-19/100|content-length: 10||body": the answer was not a range of known length
            "HTTP/1.0 206 Partial Content|content-range: bytes 10-19/100|content-length: 10||body": the answer was not a range of known length
            "HTTP/1.1 404 Not Found||": the answer was not a range of known length
            "SSH-2.0|": the answer was not a range of known length
        "#]],
        );
    }

    #[test]
    fn a_head_that_does_not_end_is_refused() {
        let mut head = b"HTTP/1.1 206 Partial Content\r\nx: ".to_vec();
        head.resize(HEAD_BYTES_MAX - 1, b'x');
        let parse = |head: &[u8]| RangeHead::parse(head, RequestedRange::new(10, 20), 100).ok();
        assert_eq!(parse(&head), Some(None));
        head.push(b'x');
        assert_eq!(parse(&head), None);
    }
}
