//! Pages for users are easy to read, and the contents list every page.

use std::collections::BTreeMap;

use super::{TidyFile, Violation, markdown};
use crate::prose::{Prose, is_for_users};

/// The table of contents of the site.
pub(super) const CONTENTS: &str = "docs/SUMMARY.md";

/// The longest mean sentence of a page for users, in tenths of words.
const MEAN_TENTHS_MAX: usize = 180;

/// Words that hide who acts, and what to write.
const VAGUE_WORDS: [(&str, &str); 4] = [
    ("somebody", "name the person or the program"),
    ("nobody", "name the person or the program"),
    ("whoever", "name the person or the program"),
    ("anew", "write `again`"),
];

/// The sentences of a page for users are short, and their words plain.
pub(super) fn readable(source: &TidyFile<'_>) -> Vec<Violation> {
    if !is_for_users(source.path) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let prose = Prose::of_page(source.text);
    if prose.mean_tenths() > MEAN_TENTHS_MAX {
        let message = format!(
            "a mean sentence has {} words, {}.0 are allowed: split the long ones",
            prose.mean(),
            MEAN_TENTHS_MAX / 10
        );
        findings.push(source.finding(1, message));
    }
    for (line, text) in source.lines() {
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
        for (word, instead) in VAGUE_WORDS {
            if words.contains(&word) {
                findings.push(source.finding(line, format!("`{word}` is vague: {instead}")));
            }
        }
    }
    findings
}

/// Every page below `docs` is in the contents, once.
pub(super) fn are_listed(files: &BTreeMap<String, String>) -> Vec<Violation> {
    let contents = files.get(CONTENTS).map_or("", String::as_str);
    let source = TidyFile { path: CONTENTS, text: contents };
    let listed = markdown::pages_linked(&source);
    let is_page = |path: &str| path.ends_with(".md") && path.starts_with("docs/");
    let mut findings = Vec::new();
    for path in files.keys().filter(|path| is_page(path) && *path != CONTENTS) {
        let lines: Vec<usize> =
            listed.iter().filter(|(_, page)| page == path).map(|(line, _)| *line).collect();
        match lines[..] {
            [_once] => {}
            [] => findings.push(source.finding(1, format!("`{path}` is missing: add it"))),
            [_, again, ..] => {
                findings.push(source.finding(again, format!("`{path}` is listed twice")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;

    use super::super::testing::check;
    use super::{CONTENTS, are_listed, readable};

    #[test]
    fn pages_for_users_are_readable() {
        let long = format!("{}end.\n", "word ".repeat(18));
        let fair = format!("{}end. Short.\n", "word ".repeat(30));
        check(
            readable,
            &[
                ("docs/guide/a.md", &long),
                ("docs/guide/a.md", &fair),
                ("docs/dev/a.md", &long),
                ("README.md", "# A\n\nNobody reads.\nIt is anewish.\n"),
            ],
            &expect![[r#"
                docs/guide/a.md:1: a mean sentence has 19.0 words, 18.0 are allowed: split the long ones
                docs/guide/a.md: fine
                docs/dev/a.md: fine
                README.md:3: `nobody` is vague: name the person or the program"#]],
        );
    }

    #[test]
    fn the_contents_have_every_page_once() {
        let contents = "[a](../README.md)\n- [b](guide/b.md)\n- [b](guide/b.md)\n- [c](c.md)\n";
        let files: BTreeMap<String, String> = [
            (CONTENTS, contents),
            ("README.md", ""),
            ("docs/guide/b.md", ""),
            ("docs/c.md", ""),
            ("docs/lost.md", ""),
            ("docs/picture.svg", ""),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
        let found: Vec<String> = are_listed(&files).iter().map(ToString::to_string).collect();
        let wanted = [
            "docs/SUMMARY.md:3: `docs/guide/b.md` is listed twice",
            "docs/SUMMARY.md:1: `docs/lost.md` is missing: add it",
        ];
        assert_eq!(found, wanted);
    }
}
