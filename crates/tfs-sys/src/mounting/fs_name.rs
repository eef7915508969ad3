//! The source name of a mount.

use std::fmt::{self, Write as _};

/// The name of a mount without a source.
const NAME: &str = "tfs";

/// Maximum length of a source name in bytes. The kernel accepts a page; `df` and `mount` show one
/// line.
const FS_NAME_BYTES_MAX: usize = 255;

/// Source name of a mount, such as a server's URL, without characters that end an option or a field
/// of a mount table.
///
/// Such characters become `%` and two hexadecimal digits for each byte, as in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsName(String);

impl FsName {
    /// Returns the name for a text, truncated to 255 bytes. The empty text becomes `tfs`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut name = String::new();
        for character in text.chars() {
            let piece = escape(character);
            if name.len() + piece.len() > FS_NAME_BYTES_MAX {
                break;
            }
            name.push_str(&piece);
        }
        if name.is_empty() { Self::default() } else { Self(name) }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for FsName {
    fn default() -> Self {
        Self(NAME.to_owned())
    }
}

impl fmt::Display for FsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Escapes a character if necessary. A comma ends an option, a backslash is fusermount3's escape,
/// white space ends a field of a mount table, and `#` starts a comment there.
fn escape(character: char) -> String {
    let must_escape = matches!(character, ',' | '\\' | '#')
        || character.is_whitespace()
        || character.is_control();
    let mut piece = String::with_capacity(character.len_utf8());
    if !must_escape {
        piece.push(character);
        return piece;
    }
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        // Writing to a string cannot fail.
        _ = write!(piece, "%{byte:02X}");
    }
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_name(text: &str, want: &str) {
        assert_eq!(FsName::new(text).as_str(), want);
    }

    #[test]
    fn names_cannot_smuggle_options_or_fields() {
        check_name("http://127.0.0.1:3030", "http://127.0.0.1:3030");
        check_name("a,allow_other", "a%2Callow_other");
        check_name("a b\tc\nd", "a%20b%09c%0Ad");
        check_name("back\\slash#hash\0", "back%5Cslash%23hash%00");
        check_name("späti\u{2003}x", "späti%E2%80%83x");
        check_name("", "tfs");
        check_name(&"x".repeat(1000), &"x".repeat(255));
        check_name(&"ä".repeat(1000), &"ä".repeat(127));
        check_name(&format!("{},", "x".repeat(254)), &"x".repeat(254));
    }
}
