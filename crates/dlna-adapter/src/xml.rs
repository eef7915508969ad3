//! Text in XML 1.0.

/// Appends a text with the characters escaped that mean something in XML. Those that XML cannot say
/// become U+FFFD.
pub(crate) fn push_text(xml: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            character if is_allowed(character) => xml.push(character),
            _ => xml.push('\u{fffd}'),
        }
    }
}

/// Returns a text as [`push_text`] appends it.
pub(crate) fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    push_text(&mut xml, text);
    xml
}

/// Returns whether a character is a `Char` of XML 1.0. Line breaks and tabs are not in names that
/// people read: parsers change them.
fn is_allowed(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_element() {
        for (text, expected) in [
            ("film.mkv", "film.mkv"),
            ("</a>&\"'", "&lt;/a&gt;&amp;&quot;&apos;"),
            ("a\0b\r\n\u{1b}\u{85}\u{ffff}", "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            ("\u{1f3ac} é", "\u{1f3ac} é"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
