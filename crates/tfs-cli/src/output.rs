//! All that is printed: results to stdout, everything else to stderr.
#![expect(clippy::print_stderr, reason = "diagnostics go to stderr, and only from here")]

use std::io::{self, Write as _};

/// Prints a line of the result. Whoever does not want to hear more (`tfs list | head`) closes the
/// pipe, which is no error.
pub(crate) fn line(text: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints an error and what to do about it.
pub(crate) fn error(message: &str, hint: Option<&str>) {
    eprintln!("error: {}", visible(message));
    if let Some(hint) = hint {
        eprintln!("hint: {hint}");
    }
}

/// Prints a warning and what it means.
pub(crate) fn warning(message: &str, hint: &str) {
    eprintln!("warning: {}", visible(message));
    eprintln!("hint: {hint}");
}

/// Returns a text from elsewhere in a form that cannot act on a terminal: control characters and
/// those that change the direction of text are shown as escapes.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                visible.extend(character.escape_unicode());
            }
            other if other.is_control() => visible.extend(other.escape_default()),
            other => visible.push(other),
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_act_on_a_terminal() {
        assert_eq!(visible("Grüße 🎬 [x].mkv"), "Grüße 🎬 [x].mkv");
        assert_eq!(visible("red\u{1b}[31m\n\u{85}"), r"red\u{1b}[31m\n\u{85}");
        assert_eq!(visible("exe.\u{202e}gnp"), r"exe.\u{202e}gnp");
    }
}
