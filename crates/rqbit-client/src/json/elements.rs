//! Incremental parser of a JSON list: parses element by element, without holding the whole text.
//!
//! The text is an object with a list of objects at one key. Each object of the list is extracted
//! and parsed alone. The remaining text, with a `0` for each object, is parsed at the end: so a
//! truncated or malformed text is an error, never a shorter list.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _};

use crate::error::CallFailure;
use crate::{ErrorKind, json};

/// Nesting depth of the list elements: in an object, in a list.
const LIST_DEPTH: u32 = 2;

/// Text before the list, except for white space. A server that writes it differently gets a parse
/// error, since its elements are not extracted.
const LIST_KEY: &[u8] = br#""torrents""#;

/// Placeholder for an extracted element.
const PLACE: u8 = b'0';

/// Maximum size of an element and of the frame: a torrent of a million files.
const PART_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Extracts the elements of a text that arrives in parts.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    /// The text without the elements.
    frame: Vec<u8>,
    /// The start of an element that continues in the next part.
    element: Vec<u8>,
    depth: u32,
    is_in_string: bool,
    is_after_backslash: bool,
    is_in_list: bool,
    count: usize,
}

/// The text without its elements.
#[derive(Deserialize)]
struct Frame {
    torrents: Vec<u8>,
}

impl Elements {
    /// Processes the next part of the text, and calls `each` with the index and the text of each
    /// element that ends in it.
    ///
    /// # Errors
    /// Those of `each`, and [`ErrorKind::BodyTooLarge`] for an element without an end.
    pub(crate) fn feed(
        &mut self,
        part: &[u8],
        each: &mut impl FnMut(usize, &[u8]) -> Result<(), CallFailure>,
    ) -> Result<(), CallFailure> {
        // Start of the text not yet stored, and the position of the next search.
        let (mut start, mut next) = (0, 0);
        while let Some((at, byte)) = self.mark(part, next) {
            next = at + 1;
            match byte {
                b'"' => self.is_in_string = !self.is_in_string,
                b'\\' => self.is_after_backslash = true,
                b'{' | b'[' => {
                    let begins = self.is_in_list && self.depth == LIST_DEPTH && byte == b'{';
                    if begins || self.depth == LIST_DEPTH - 1 {
                        self.frame.extend_from_slice(part.get(start..at).unwrap_or_default());
                        start = at;
                    }
                    if self.depth == LIST_DEPTH - 1 {
                        self.is_in_list = byte == b'[' && self.is_after_key();
                    }
                    self.depth = self.depth.saturating_add(1);
                }
                _ => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.is_in_list && self.depth == LIST_DEPTH && byte == b'}' {
                        self.on_element(part.get(start..next).unwrap_or_default(), each)?;
                        start = next;
                    }
                    self.is_in_list &= self.depth >= LIST_DEPTH;
                }
            }
        }
        let rest = part.get(start..).unwrap_or_default();
        let is_inside = self.is_in_list && self.depth > LIST_DEPTH;
        let to = if is_inside { &mut self.element } else { &mut self.frame };
        to.extend_from_slice(rest);
        if to.len() > PART_BYTES_MAX {
            return Err(ErrorKind::BodyTooLarge { limit_bytes: PART_BYTES_MAX }.into());
        }
        Ok(())
    }

    /// Ends the text.
    ///
    /// # Errors
    /// As for any answer that is not JSON, or not of the expected format.
    pub(crate) fn finish(mut self) -> Result<(), CallFailure> {
        // An unfinished element makes the frame invalid.
        self.frame.append(&mut self.element);
        let Frame { torrents } = json::parse(&self.frame)?;
        // serde also accepts a list of values for an object, but `[[]]` is not an empty list of
        // torrents.
        let is_object = self.frame.trim_ascii_start().first() == Some(&b'{');
        if is_object && torrents.len() == self.count {
            return Ok(());
        }
        let what = if is_object { "an element of the list" } else { "what has the list" };
        let error = serde_json::Error::custom(format_args!("{what} is no object"));
        Err(CallFailure::new(ErrorKind::MalformedJson { path: "torrents".into() }, error))
    }

    /// Returns the next structural byte at or after `from`, and its position.
    ///
    /// Two tight loops: the list of ten thousand torrents has eight million bytes, at every poll.
    fn mark(&mut self, part: &[u8], mut from: usize) -> Option<(usize, u8)> {
        if std::mem::take(&mut self.is_after_backslash) {
            // An escaped byte does not end a string; it may be the first byte of the next part.
            self.is_after_backslash = from >= part.len();
            from += 1;
        }
        let rest = part.get(from..)?;
        let found = if self.is_in_string {
            rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))
        } else {
            rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'))
        };
        let at = from + found?;
        Some((at, *part.get(at)?))
    }

    /// Processes the end of an element.
    fn on_element(
        &mut self,
        text: &[u8],
        each: &mut impl FnMut(usize, &[u8]) -> Result<(), CallFailure>,
    ) -> Result<(), CallFailure> {
        if self.element.is_empty() {
            each(self.count, text)?;
        } else {
            self.element.extend_from_slice(text);
            each(self.count, &self.element)?;
            self.element.clear();
        }
        self.frame.push(PLACE);
        self.count += 1;
        Ok(())
    }

    /// Returns whether the frame ends with the key of the list.
    fn is_after_key(&self) -> bool {
        let before = self.frame.trim_ascii_end().strip_suffix(b":").map(<[u8]>::trim_ascii_end);
        before.is_some_and(|before| before.ends_with(LIST_KEY))
    }
}

/// Parses an element of the list.
///
/// # Errors
/// [`ErrorKind::MalformedJson`] with its index.
pub(crate) fn parse_element<T: DeserializeOwned>(
    idx: usize,
    text: &[u8],
) -> Result<T, CallFailure> {
    json::parse(text).map_err(|failure| failure.below(format_args!("torrents[{idx}]")))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::Value;

    use super::*;

    /// Splits a text into parts of equal length, for every length.
    #[track_caller]
    fn check(text: &str, want: &Expect) {
        let whole = run(text, text.len().max(1));
        want.assert_eq(&whole);
        for part_bytes in 1..text.len().min(40) {
            assert_eq!(run(text, part_bytes), whole, "parts of {part_bytes}");
        }
    }

    fn run(text: &str, part_bytes: usize) -> String {
        let mut elements = Elements::default();
        let mut found = Vec::new();
        let fed = text.as_bytes().chunks(part_bytes).try_for_each(|part| {
            elements.feed(part, &mut |idx, text| {
                found.push(parse_element::<Value>(idx, text)?.to_string());
                Ok(())
            })
        });
        match fed.and_then(|()| elements.finish()) {
            Ok(()) => found.join(" "),
            Err(failure) => format!("{:?}", failure.kind),
        }
    }

    #[test]
    fn elements_come_one_by_one() {
        check(r#"{"torrents":[]}"#, &expect![""]);
        check(r#"{"torrents":[{"a":1},{"b":[{}]}]}"#, &expect![r#"{"a":1} {"b":[{}]}"#]);
        check(
            r#" { "x" : [{"torrents":[{}]}], "torrents" : [ {"a":"}]\"{["} , {} ] , "y":{"z":[1]}} "#,
            &expect![r#"{"a":"}]\"{["} {}"#],
        );
    }

    #[test]
    fn a_broken_text_is_no_list() {
        check("", &expect![[r#"NotRqbit { reason: "not json" }"#]]);
        check("<html>{}", &expect![[r#"NotRqbit { reason: "html" }"#]]);
        check("{}", &expect![[r#"MalformedJson { path: "." }"#]]);
        check("[{}]", &expect![[r#"MalformedJson { path: "[0]" }"#]]);
        for broken in [
            r#"{"torrents":[{"a":1},{"b":1}"#,
            r#"{"torrents":[{"a":1},{"b":1}]"#,
            r#"{"torrents":[{"a":1}{"b":1}]}"#,
            r#"{"torrents":[{"a":1},]}"#,
            r#"{"torrents":[{"a":1},{"b":1]}"#,
            r#"{"torrents":[{"a":1},7]}"#,
            r#"{"torrents":[{"a":1},null]}"#,
            r#"{"torrents":[{"a":1}]}}"#,
            r#"{"torrents":{"a":{}}}"#,
            r#"{"torrents":null}"#,
            r#"{"torrents":[{"a":1}],"torrents":[]}"#,
            r#"{"torr\u0065nts":[{"a":1}]}"#,
            r#"{"torrents":[{"a":1}]] }"#,
            r#"{"torrents":[{"a"}]}"#,
            "[[]]",
            r#"[[{"a":1}]]"#,
        ] {
            for part_bytes in 1..broken.len() {
                let got = run(broken, part_bytes);
                assert!(got.starts_with("MalformedJson"), "{broken} in {part_bytes}: {got}");
            }
        }
        check(
            r#"{"torrents":[{},{"a":x}]}"#,
            &expect![[r#"MalformedJson { path: "torrents[1].a" }"#]],
        );
    }
}
