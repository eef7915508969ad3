//! Texts in XML and HTML.

/// Appends a text with the signs of markup escaped. Control characters, U+FFFE and U+FFFF become
/// U+FFFD: XML 1.0 cannot say most of them, and a line break would end a line of an index.
pub fn push_escaped(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            character if character.is_control() => out.push('\u{fffd}'),
            character => out.push(character),
        }
    }
}

/// Returns a text with the signs of markup escaped, as [`push_escaped`].
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_place() {
        assert_eq!(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
        assert_eq!(escaped("\0\n\t\u{7f}\u{85}\u{fffe}"), "\u{fffd}".repeat(6));
        assert_eq!(escaped("\u{1f3ac} \u{e9}"), "\u{1f3ac} \u{e9}");
    }
}
