//! The form of a Rust file: its first line, its length, the length of its lines.

use super::{TidyFile, Violation};

/// A longer file has two purposes. Its trailing tests do not count, since they are data.
const LINE_COUNT_MAX: usize = 600;

/// Two files of this width fit side by side on a screen. rustfmt has the same limit.
const LINE_WIDTH_MAX: usize = 100;

/// Every file states its purpose in the first line.
pub(super) fn module_doc(source: &TidyFile<'_>) -> Vec<Violation> {
    let first = source.text.lines().next().unwrap_or_default();
    let has_doc = first.strip_prefix("//! ").is_some_and(|doc| !doc.trim().is_empty());
    if !source.is_rust() || has_doc {
        return Vec::new();
    }
    vec![source.finding(1, "the first line is no `//!`: say there what the file is for")]
}

/// No file is longer than [`LINE_COUNT_MAX`].
pub(super) fn size(source: &TidyFile<'_>) -> Vec<Violation> {
    if !source.is_rust() {
        return Vec::new();
    }
    let end = tests_start(source.text).unwrap_or(usize::MAX);
    let line_count = source.lines().take_while(|(line, _)| *line < end).count();
    if line_count <= LINE_COUNT_MAX {
        return Vec::new();
    }
    let message = format!(
        "{line_count} lines without the trailing tests, {LINE_COUNT_MAX} is the end: \
         find the second purpose and move it to a file of its own"
    );
    vec![source.finding(LINE_COUNT_MAX + 1, message)]
}

/// No line is wider than [`LINE_WIDTH_MAX`], unless it cannot be broken.
pub(super) fn line_width(source: &TidyFile<'_>) -> Vec<Violation> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut in_raw_string = false;
    for (line, text) in source.lines() {
        let starts_raw_string = in_raw_string;
        in_raw_string = in_raw_string_after(text, in_raw_string);
        let width = text.chars().count();
        if width > LINE_WIDTH_MAX && !starts_raw_string && !in_raw_string && can_be_broken(text) {
            findings.push(source.finding(
                line,
                format!("{width} columns, {LINE_WIDTH_MAX} are allowed: break the line"),
            ));
        }
    }
    findings
}

/// Returns the line at which the trailing `#[cfg(test)] mod tests` starts.
pub(super) fn tests_start(text: &str) -> Option<usize> {
    let mut start = None;
    let mut previous = "";
    for (line, text) in (1..).zip(text.lines()) {
        if previous == "#[cfg(test)]" && text.starts_with("mod tests {") {
            start = Some(line - 1);
        }
        previous = text;
    }
    start
}

/// Returns whether the next line is inside a raw string (`r#"..."#`), whose text is data.
fn in_raw_string_after(text: &str, before: bool) -> bool {
    let open = text.rfind("r#\"");
    let close = text.rfind("\"#");
    match (open, close) {
        // In `r#"#...` the quote of `r#"` is followed by `#`. It does not occur at the end of a
        // line.
        (Some(open), Some(close)) => open > close,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => before,
    }
}

/// A URL cannot be broken, and a string on a line of its own is data.
fn can_be_broken(text: &str) -> bool {
    let text = text.trim().trim_end_matches([',', ';', ')']);
    let is_string = text.trim_start_matches(['b', 'r', '#']).starts_with('"')
        && text.trim_end_matches('#').ends_with('"');
    !text.contains("://") && !is_string
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;
    use super::{line_width, module_doc, size, tests_start};

    #[test]
    fn first_line() {
        check(
            module_doc,
            &[
                ("good.rs", "//! Names of files.\n"),
                ("late.rs", "use std::fmt;\n//! Names of files.\n"),
                ("comment.rs", "// Names of files.\n"),
                ("hollow.rs", "//! \n"),
                ("empty.rs", ""),
                ("other.toml", "[package]\n"),
            ],
            &expect![[r#"
                good.rs: fine
                late.rs:1: the first line is no `//!`: say there what the file is for
                comment.rs:1: the first line is no `//!`: say there what the file is for
                hollow.rs:1: the first line is no `//!`: say there what the file is for
                empty.rs:1: the first line is no `//!`: say there what the file is for
                other.toml: fine"#]],
        );
    }

    #[test]
    fn length_of_a_file() {
        let code = |count| "x\n".repeat(count);
        let tests = |count| format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(count));
        check(
            size,
            &[
                ("full.rs", &code(600)),
                ("long.rs", &code(601)),
                ("tested.rs", &format!("{}{}", code(600), tests(500))),
                ("long_and_tested.rs", &format!("{}{}", code(601), tests(1))),
                ("tests_outside.rs", &format!("#[cfg(test)]\nmod tests;\n{}", code(600))),
                ("crates/a/tests/long.rs", &code(601)),
                ("long.md", &code(601)),
            ],
            &expect![[r#"
                full.rs: fine
                long.rs:601: 601 lines without the trailing tests, 600 is the end: find the second purpose and move it to a file of its own
                tested.rs: fine
                long_and_tested.rs:601: 601 lines without the trailing tests, 600 is the end: find the second purpose and move it to a file of its own
                tests_outside.rs:601: 602 lines without the trailing tests, 600 is the end: find the second purpose and move it to a file of its own
                crates/a/tests/long.rs:601: 601 lines without the trailing tests, 600 is the end: find the second purpose and move it to a file of its own
                long.md: fine"#]],
        );
    }

    #[test]
    fn width_of_a_line() {
        let wide = "x".repeat(90);
        let umlauts = "ä".repeat(100);
        let samples = [
            ("full.rs", umlauts.clone()),
            ("wide.rs", format!("fine\n{umlauts}x\n")),
            ("url.rs", format!("// See https://example.org/{wide}\n")),
            ("string.rs", format!("    \"{wide}{wide}\",\n")),
            ("bytes.rs", format!("    br#\"{wide}{wide}\"#;\n")),
            ("call.rs", format!("    call(\"{wide}{wide}\");\n")),
            ("raw.rs", format!("let json = r#\"\n{wide}{wide}\n\"#;\n{wide}{wide}\n")),
            ("expect.rs", format!("expect![[r#\"\n{wide}{wide}\"#]]\n")),
            ("wide.md", wide.repeat(2)),
        ];
        let samples = samples.each_ref().map(|(path, text)| (*path, text.as_str()));
        check(
            line_width,
            &samples,
            &expect![[r#"
            full.rs: fine
            wide.rs:2: 101 columns, 100 are allowed: break the line
            url.rs: fine
            string.rs: fine
            bytes.rs: fine
            call.rs:1: 193 columns, 100 are allowed: break the line
            raw.rs:4: 180 columns, 100 are allowed: break the line
            expect.rs: fine
            wide.md: fine"#]],
        );
    }

    #[test]
    fn only_the_last_module_of_tests_is_trailing() {
        assert_eq!(tests_start("a\n#[cfg(test)]\nmod tests {\n}\n"), Some(2));
        assert_eq!(tests_start("#[cfg(test)]\nuse std::fmt;\n"), None);
        assert_eq!(tests_start("#[cfg(test)]\nmod tests;\n"), None);
    }
}
