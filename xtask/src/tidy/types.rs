//! Unique type names: no type name is declared twice in the workspace.
//!
//! A name with two meanings has to be looked up each time it is read. [`SHARED`] lists the names
//! that have a reason to occur more than once.

use std::collections::BTreeMap;

use super::Violation;

/// Names that more than one module declares, each with the reason.
const SHARED: [(&str, &str); 7] = [
    ("Error", "the one error type of a library, as in std"),
    ("Fixture", "what the tests of a module share; never imported by another"),
    ("Result", "with the one error type of a library, as in std"),
    ("Tls", "with and without the feature `tls`"),
    ("TorrentDetails", "rqbit's JSON with its gaps, and the core's model (ADR 36)"),
    ("TorrentFile", "rqbit's JSON with its gaps, and the core's model (ADR 36)"),
    ("TorrentState", "rqbit's word for it, and what a read may expect (ADR 36)"),
];

/// Keywords before the name of a type.
const DECLARES: [&str; 5] = ["struct", "enum", "trait", "type", "union"];

/// Returns a violation for each declaration of a name that another file declares too.
pub(super) fn are_unique(files: &BTreeMap<String, String>) -> Vec<Violation> {
    let mut declared: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        for (line, text) in (1..).zip(text.lines()) {
            // A line of a string is a sample.
            if let Some(name) = declaration(text).filter(|_| !text.ends_with("\\n\\")) {
                let places = declared.entry(name).or_default();
                // Declarations in one file are variants for different features.
                if places.last().is_none_or(|(other, _)| other != path) {
                    places.push((path, line));
                }
            }
        }
    }
    let is_shared = |name: &str| SHARED.iter().any(|(shared, _)| *shared == name);
    let twice = declared.into_iter().filter(|(name, places)| places.len() > 1 && !is_shared(name));
    let mut findings = Vec::new();
    for (name, places) in twice {
        for (path, line) in &places {
            let Some((other, _)) = places.iter().find(|(other, _)| other != path) else { continue };
            let message = format!("the type `{name}` is also in {other}: rename one of them");
            findings.push(Violation::new(path, *line, message));
        }
    }
    findings
}

/// Returns the name of the type that a line declares. An indented `type` belongs to a trait.
pub(crate) fn declaration(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let text = match text.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => text,
    };
    let (keyword, rest) = text.split_once(' ')?;
    let is_associated = keyword == "type" && line.starts_with(' ');
    if !DECLARES.contains(&keyword) || is_associated {
        return None;
    }
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let name = rest.get(..end)?;
    name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::are_unique;

    #[test]
    fn a_name_is_declared_once() {
        let files: BTreeMap<String, String> = [
            ("a/src/lib.rs", "pub struct Plan<T>(T);\npub(crate) enum Way {}\nstruct Own;\n"),
            ("b/src/lib.rs", "struct Plan;\nimpl Trait for Plan {\n    type Item = u8;\n}\n"),
            ("b/src/c.rs", "pub(super) type Way = u8;\n    struct Inner;\nstruct Fixture;\n"),
            ("b/src/d.rs", "impl Trait for u8 {\n    type Item = u8;\n}\nstruct Fixture;\n"),
            ("docs/a.md", "struct Plan;\n"),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
        let mut found = String::new();
        for finding in are_unique(&files) {
            writeln!(found, "{finding}").unwrap();
        }
        expect![[r#"
            a/src/lib.rs:1: the type `Plan` is also in b/src/lib.rs: rename one of them
            b/src/lib.rs:1: the type `Plan` is also in a/src/lib.rs: rename one of them
            a/src/lib.rs:2: the type `Way` is also in b/src/c.rs: rename one of them
            b/src/c.rs:1: the type `Way` is also in a/src/lib.rs: rename one of them
        "#]]
        .assert_eq(&found);
    }
}
