//! Tags: words that a user gives to torrents.

use std::fmt;
use std::str::FromStr;

/// Maximum length of a tag in characters: more than a word, and few enough for a column.
const CHARS_MAX: usize = 64;

/// A word that a user gives to torrents, in lower case: `Kids` and `kids` are one tag.
///
/// It has no comma, which separates tags, and no line feed or other control character, so that it
/// can stand in a line of a file. It has no spaces at its ends, and no two in a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Box<str>);

/// Why a text is not a tag. The message follows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseTagError {
    /// It is empty, or only spaces.
    #[error("a tag must not be empty")]
    Empty,
    /// It is too long.
    #[error("a tag may have at most {CHARS_MAX} characters")]
    TooLong,
    /// It has a comma.
    #[error("a tag must not contain a comma, which separates tags")]
    Comma,
    /// It has a control character, such as a line feed.
    #[error("a tag must not contain control characters")]
    Control,
    /// It begins with `-`, as a flag does.
    #[error("a tag must not begin with a hyphen")]
    Hyphen,
}

impl Tag {
    /// Returns the tag in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ParseTagError;

    fn from_str(text: &str) -> Result<Self, ParseTagError> {
        if text.chars().any(char::is_control) {
            return Err(ParseTagError::Control);
        }
        if text.contains(',') {
            return Err(ParseTagError::Comma);
        }
        let words: Vec<_> = text.split_whitespace().collect();
        let tag = words.join(" ").to_lowercase();
        match tag.chars().count() {
            0 => Err(ParseTagError::Empty),
            _ if tag.starts_with('-') => Err(ParseTagError::Hyphen),
            1..=CHARS_MAX => Ok(Self(tag.into())),
            _ => Err(ParseTagError::TooLong),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_words_in_lower_case() {
        for (text, want) in [
            ("kids", Ok("kids")),
            ("Kids", Ok("kids")),
            ("  To   Watch ", Ok("to watch")),
            ("\u{c4}PFEL", Ok("\u{e4}pfel")),
            ("4k/hdr+", Ok("4k/hdr+")),
            ("", Err(ParseTagError::Empty)),
            ("   ", Err(ParseTagError::Empty)),
            ("a,b", Err(ParseTagError::Comma)),
            ("a\nb", Err(ParseTagError::Control)),
            ("a\tb", Err(ParseTagError::Control)),
            ("-x", Err(ParseTagError::Hyphen)),
            ("a-x", Ok("a-x")),
        ] {
            let tag = text.parse::<Tag>();
            assert_eq!(tag.as_ref().map(Tag::as_str), want.as_ref().map(|it| *it), "{text:?}");
        }
        assert!("\u{e4}".repeat(64).parse::<Tag>().is_ok());
        assert_eq!("x".repeat(65).parse::<Tag>(), Err(ParseTagError::TooLong));
    }

    #[test]
    fn a_tag_is_parsed_from_its_own_text() {
        // Some characters have longer lower-case forms.
        for text in ["\u{130}".repeat(20), "A B".to_owned(), "\u{1e9e}".to_owned()] {
            let tag: Tag = text.parse().unwrap();
            assert_eq!(tag.as_str().parse(), Ok(tag.clone()), "{text}");
        }
    }
}
