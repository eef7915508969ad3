//! Globs: translates them to regular expressions.
//!
//! Existing crates work on bytes, so that `?` matches half an `ä`, or lack `{one,other}`.

use std::iter::Peekable;
use std::str::CharIndices;

/// Syntax error of a glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// A `[` has no `]`.
    #[error("a [ without ]")]
    OpenClass,
    /// A range such as `z-a` is empty.
    #[error("a range from a later to an earlier character")]
    EmptyRange,
    /// A `{` has no `}`.
    #[error("a {{ without }}")]
    OpenChoice,
    /// A `}` has no `{`.
    #[error("a }} without {{")]
    UnopenedChoice,
    /// A `\` has nothing after it.
    #[error("a \\ at the end")]
    LoneEscape,
}

/// State of the translation of a glob to a regular expression.
struct Translation<'a> {
    rest: Peekable<CharIndices<'a>>,
    /// Index of the next character.
    position: usize,
    regex: String,
    /// Positions of the open `{`.
    choices: Vec<usize>,
}

/// Returns the regular expression for a glob, or the error and the index of its character, from 0.
pub(super) fn to_regex(glob: &str) -> Result<String, (usize, GlobError)> {
    let mut translation = Translation {
        rest: glob.char_indices().peekable(),
        position: 0,
        regex: String::from(r"^"),
        choices: Vec::new(),
    };
    while let Some(character) = translation.next() {
        translation.translate(character)?;
    }
    if let Some(position) = translation.choices.pop() {
        return Err((position, GlobError::OpenChoice));
    }
    Ok(translation.regex + "$")
}

impl Translation<'_> {
    fn translate(&mut self, character: char) -> Result<(), (usize, GlobError)> {
        let position = self.position - 1;
        match character {
            '*' if self.takes('*') => self.any_path(),
            '*' => self.regex.push_str("[^/]*"),
            '?' => self.regex.push_str("[^/]"),
            '[' => self.class(position)?,
            '{' => {
                self.choices.push(position);
                self.regex.push_str("(?:");
            }
            '}' => {
                self.choices.pop().ok_or((position, GlobError::UnopenedChoice))?;
                self.regex.push(')');
            }
            ',' if !self.choices.is_empty() => self.regex.push('|'),
            '\\' => {
                let escaped = self.next().ok_or((position, GlobError::LoneEscape))?;
                self.literal(escaped);
            }
            other => self.literal(other),
        }
        Ok(())
    }

    /// `**/` also matches nothing, so that `**/a` finds files in the root.
    fn any_path(&mut self) {
        while self.takes('*') {}
        let is_at_start = self.regex == "^" || self.regex.ends_with('/');
        let any = if is_at_start && self.takes('/') { "(?:.*/)?" } else { ".*" };
        self.regex.push_str(any);
    }

    fn class(&mut self, position: usize) -> Result<(), (usize, GlobError)> {
        let open = (position, GlobError::OpenClass);
        let is_negated = self.takes('!') || self.takes('^');
        // A class never matches a slash.
        self.regex.push_str(if is_negated { "[^/" } else { "[" });
        let mut is_first = true;
        loop {
            let first = self.next().ok_or(open)?;
            match first {
                // A `]` in first position is a literal.
                ']' if !is_first => break,
                '\\' => {
                    let escaped = self.next().ok_or(open)?;
                    self.literal(escaped);
                }
                _ => self.range(first)?,
            }
            is_first = false;
        }
        self.regex.push_str(if is_negated { "]" } else { "&&[^/]]" });
        Ok(())
    }

    /// Translates one character of a class, or a range of them.
    fn range(&mut self, first: char) -> Result<(), (usize, GlobError)> {
        let position = self.position - 1;
        self.literal(first);
        let mut ahead = self.rest.clone();
        let is_range = matches!(ahead.next(), Some((_, '-')));
        let Some((_, last)) = ahead.next().filter(|(_, last)| is_range && *last != ']') else {
            return Ok(());
        };
        if last < first {
            return Err((position, GlobError::EmptyRange));
        }
        (self.rest, self.position) = (ahead, self.position + 2);
        self.regex.push('-');
        self.literal(last);
        Ok(())
    }

    fn literal(&mut self, character: char) {
        self.regex.push_str(&regex_syntax::escape(character.encode_utf8(&mut [0; 4])));
    }

    fn next(&mut self) -> Option<char> {
        let (_, character) = self.rest.next()?;
        self.position += 1;
        Some(character)
    }

    fn takes(&mut self, wanted: char) -> bool {
        let is_there = self.rest.next_if(|(_, character)| *character == wanted).is_some();
        self.position += usize::from(is_there);
        is_there
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::{GlobError, to_regex};

    #[track_caller]
    fn check(glob: &str, matching: &[&str], others: &[&str]) {
        let regex = Regex::new(&to_regex(glob).unwrap()).unwrap();
        for text in matching {
            assert!(regex.is_match(text), "{glob} {regex} {text}");
        }
        for text in others {
            assert!(!regex.is_match(text), "{glob} {regex} {text}");
        }
    }

    #[test]
    fn globs_are_those_of_a_shell() {
        check("*.mkv", &["a.mkv", ".mkv"], &["a.mkv2", "d/a.mkv", "amkv"]);
        check("?.mkv", &["a.mkv", "ä.mkv", "🎬.mkv"], &["ab.mkv", "/.mkv"]);
        check("t/**", &["t/a", "t/d/a"], &["t", "u/a"]);
        check("**/a", &["a", "d/a", "d/e/a"], &["d/ba"]);
        check("t/**/a", &["t/a", "t/d/e/a"], &["ta", "t/da"]);
        check("**a**", &["a", "d/ba/x"], &["d/b"]);
        check("[a-cx]", &["a", "b", "c", "x"], &["d", "-"]);
        check("[!a-c]", &["d", "ä"], &["a", "/"]);
        check("[]a-]", &["]", "a", "-"], &["b"]);
        check("[+-9]", &["5"], &["/"]);
        check("[[:&&~~-]", &["[", ":", "&", "~", "-"], &["a", "]"]);
        check(r"[\]\^]", &["]", "^"], &["\\"]);
        check("*.{mkv,mp[34]}", &["a.mkv", "a.mp4"], &["a.avi", "a.{mkv"]);
        check("{a,{b,c}}d", &["ad", "bd", "cd"], &["d"]);
        check(r"\*\{a,b", &["*{a,b"], &["xa,b"]);
        check("a.b+(c)|^$", &["a.b+(c)|^$"], &["axb"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (glob, want) in [
            ("a[b", (1, GlobError::OpenClass)),
            ("[]", (0, GlobError::OpenClass)),
            (r"ä[\", (1, GlobError::OpenClass)),
            ("ä[z-a]", (2, GlobError::EmptyRange)),
            ("{a,{b}", (0, GlobError::OpenChoice)),
            ("a}", (1, GlobError::UnopenedChoice)),
            (r"ab\", (2, GlobError::LoneEscape)),
        ] {
            assert_eq!(to_regex(glob), Err(want), "{glob}");
        }
    }
}
