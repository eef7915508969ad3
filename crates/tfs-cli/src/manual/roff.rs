//! Text in the language of manual pages, man(7), for `man -l` and mandoc without a message. Writing
//! to a string cannot fail.

use std::fmt::Write as _;

/// Maximum length of an input line; mandoc reports longer ones.
const LINE_CHARS_MAX: usize = 76;

/// A manual page in the making.
#[derive(Debug, Default)]
pub(super) struct Roff {
    text: String,
}

impl Roff {
    /// Begins a page. It is left-aligned and without hyphens, so that examples can be typed as
    /// printed.
    pub(super) fn new(title: &str, section: u8, date: &str, source: &str, manual: &str) -> Self {
        let title = escaped(&title.to_uppercase());
        let head = format!(".TH {title} {section} {date} \"{source}\" \"{manual}\"\n.ad l\n.nh\n");
        Self { text: head }
    }

    /// Begins a section.
    pub(super) fn section(&mut self, title: &str) {
        _ = writeln!(self.text, ".SH \"{}\"", escaped(title));
    }

    /// Begins a part of a section.
    pub(super) fn subsection(&mut self, title: &str) {
        _ = writeln!(self.text, ".SS \"{}\"", escaped(title));
    }

    /// Begins a paragraph, except directly below a heading.
    pub(super) fn paragraph(&mut self, markup: &str) {
        self.begin_paragraph();
        self.words(markup);
    }

    fn begin_paragraph(&mut self) {
        let last = self.text.lines().next_back();
        if !last.is_some_and(|line| line.starts_with(".S")) {
            self.text.push_str(".PP\n");
        }
    }

    /// Appends a term with its description.
    pub(super) fn item(&mut self, term: &str, markup: &str) {
        self.text.push_str(".TP\n");
        self.text.push_str(&formatted(term));
        self.text.push('\n');
        self.words(markup);
    }

    /// Appends lines as they are, such as examples. Appends nothing without lines.
    pub(super) fn verbatim(&mut self, lines: &[&str]) {
        if lines.is_empty() {
            return;
        }
        self.begin_paragraph();
        self.text.push_str(".nf\n");
        for line in lines {
            // A line that is empty would be a paragraph.
            let line = if line.is_empty() { "\\&".to_owned() } else { escaped(line) };
            self.line(&line);
        }
        self.text.push_str(".fi\n");
    }

    /// Appends words with markup, in lines of a limited length.
    fn words(&mut self, markup: &str) {
        let text = formatted(markup);
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() && line.len() + 1 + word.len() > LINE_CHARS_MAX {
                if line.ends_with(['.', ':', '?', '!']) {
                    // roff would print two spaces behind this end of a sentence, but not behind
                    // those within lines.
                    line.push_str("\\&");
                }
                self.line(&line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        if !line.is_empty() {
            self.text.push_str(&at_line_start(line.to_owned()));
            self.text.push('\n');
        }
    }

    /// Returns the page.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }
}

/// Returns text in which no character has a meaning for roff.
fn escaped(text: &str) -> String {
    let mut result = String::new();
    for char in text.chars() {
        match char {
            '\\' => result.push_str("\\e"),
            '-' => result.push_str("\\-"),
            '\'' => result.push_str("\\(aq"),
            '"' => result.push_str("\\(dq"),
            '`' => result.push_str("\\(ga"),
            '~' => result.push_str("\\(ti"),
            '^' => result.push_str("\\(ha"),
            '…' => result.push_str("..."),
            other => result.push(other),
        }
    }
    result
}

/// Returns a line that is not taken for a command.
fn at_line_start(line: String) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

/// Returns text with `code` in bold and `<VALUES>` in italics.
fn formatted(markup: &str) -> String {
    let mut result = String::new();
    let mut rest = markup;
    while let Some(start) = rest.find(['`', '<']) {
        let (before, marked) = rest.split_at(start);
        result.push_str(&escaped(before));
        let (open, close, font) =
            if marked.starts_with('`') { ('`', '`', 'B') } else { ('<', '>', 'I') };
        let inner = marked.strip_prefix(open).unwrap_or_default();
        let Some((inside, after)) = inner.split_once(close) else {
            rest = marked;
            break;
        };
        _ = write!(result, "\\f{font}{}\\fR", escaped(inside));
        rest = after;
    }
    result.push_str(&escaped(rest));
    result
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn nothing_of_a_text_is_a_command() {
        let mut roff = Roff::new("tfs-x", 1, "2026-01-02", "tfs 1", "Manual");
        roff.section("NAME");
        roff.paragraph(".hidden isn't \\fB `--flag` <FILE> a < b");
        roff.paragraph(&"long ".repeat(20));
        roff.item("`-o` <OPTIONS>", "'quoted'");
        roff.verbatim(&["tfs x", "", ".y -z"]);
        roff.verbatim(&[]);
        let text = String::from_utf8(roff.into_bytes()).unwrap();
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        expect![[r#"
            .TH TFS\-X 1 2026-01-02 "tfs 1" "Manual"
            .ad l
            .nh
            .SH "NAME"
            \&.hidden isn\(aqt \efB \fB\-\-flag\fR \fIFILE\fR a < b
            .PP
            long long long long long long long long long long long long long long long
            long long long long long
            .TP
            \fB\-o\fR \fIOPTIONS\fR
            \(aqquoted\(aq
            .PP
            .nf
            tfs x
            \&
            \&.y \-z
            .fi
        "#]]
        .assert_eq(&text);
    }
}
