//! Names in documentation: the names in developers' pages exist in the sources, comments name
//! existing pages, and the pages are short.
//!
//! A renamed type, a removed test or a moved file leaves sentences behind that no other check
//! finds.

use std::collections::{BTreeMap, BTreeSet};

use super::{TidyFile, Violation};

/// The longest page; a longer one has two subjects. Programs print figures.
const PAGE_LINES_MAX: usize = 150;

/// This file: its samples are not code.
const THIS_FILE: &str = "xtask/src/tidy/mentions.rs";

/// Keywords before the name of a type.
const DECLARES: [&str; 5] = ["struct", "enum", "trait", "type", "union"];

/// Names of other programs, and of the kernel, that pages put in backticks.
const FOREIGN: [&str; 6] = [
    "DatabaseAlreadyOpen",    // redb
    "KeyboardInterrupt",      // Python
    "Locked",                 // fjall
    "backing_file_read_iter", // Linux
    "epoll_wait",             // Linux
    "fuse_file_read_iter",    // Linux
];

/// Prefixes of the system's constants, whose names in Rust crates differ.
const SYSTEM_PREFIXES: [&str; 4] = ["FUSE_", "PR_", "RESOLVE_", "RWF_"];

/// The names in the sources.
#[derive(Debug, Default)]
pub(super) struct KnownNames<'a> {
    /// Names of declared or imported types.
    types: BTreeSet<&'a str>,
    /// Names of functions, including tests.
    functions: BTreeSet<&'a str>,
    /// All words of Rust files, including those of comments.
    words: BTreeSet<&'a str>,
    paths: Vec<&'a str>,
}

impl<'a> KnownNames<'a> {
    /// Collects the names of the sources.
    pub(super) fn of(files: &'a BTreeMap<String, String>) -> Self {
        let mut known =
            Self { paths: files.keys().map(String::as_str).collect(), ..Self::default() };
        let sources = files.iter().filter(|(path, _)| path.ends_with(".rs") && *path != THIS_FILE);
        for (_, text) in sources {
            known.words.extend(words(text));
            known.read_declarations(text);
        }
        known
    }

    fn read_declarations(&mut self, text: &'a str) {
        let mut is_import = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("//") {
                continue;
            }
            is_import |=
                line.starts_with("use ") || line.starts_with("pub") && line.contains(" use ");
            if is_import {
                self.types.extend(words(line).filter(|word| is_type_name(word)));
            }
            is_import &= !line.contains(';');
            let mut before = "";
            for word in words(line) {
                if DECLARES.contains(&before) && is_type_name(word) {
                    self.types.insert(word);
                } else if before == "fn" {
                    self.functions.insert(word);
                }
                before = word;
            }
        }
    }

    fn has_type(&self, name: &str) -> bool {
        self.types.contains(name) || FOREIGN.contains(&name)
    }

    /// A name with the form of a sentence is that of a test. A comment may still contain it after
    /// the test is removed.
    fn has_word(&self, name: &str) -> bool {
        let is_foreign = FOREIGN.contains(&name)
            || SYSTEM_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let names = if is_sentence(name) { &self.functions } else { &self.words };
        is_foreign || names.contains(name)
    }

    /// Returns whether a path leads to a file or directory: relative to the root, to `crates/`, or
    /// for a Rust file to any directory.
    fn has_path(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.paths.iter().any(|known| {
            let from_crates = known.strip_prefix("crates/").unwrap_or(known);
            let leads = |known: &str| {
                known
                    .strip_prefix(path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let is_end = || known.strip_suffix(path).is_some_and(|rest| rest.ends_with('/'));
            leads(known) || leads(from_crates) || path.ends_with(".rs") && is_end()
        })
    }
}

/// Every type, test, function and path in backticks in a developers' page exists, and every type in
/// a diagram.
pub(super) fn exist(source: &TidyFile<'_>, known: &KnownNames<'_>) -> Vec<Violation> {
    if !is_for_developers(source.path) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut fence = None;
    for (line, text) in source.lines() {
        if let Some(language) = text.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language) };
            continue;
        }
        let missing: Vec<String> = match fence {
            None => code_spans(text).flat_map(|span| missing_of(span, known)).collect(),
            // In a diagram a word with one capital may begin a sentence.
            Some("text") => words(text)
                .filter(|word| is_type_name(word) && has_humps(word) && !known.has_type(word))
                .map(no_type)
                .collect(),
            Some(_) => Vec::new(),
        };
        findings.extend(missing.into_iter().map(|message| source.finding(line, message)));
    }
    findings
}

/// Every page named in a comment exists. The samples of xtask name pages that do not.
pub(super) fn pages(source: &TidyFile<'_>, exists: &dyn Fn(&str) -> bool) -> Vec<Violation> {
    let is_meant = [".rs", ".toml", ".yaml"].iter().any(|end| source.path.ends_with(end));
    if !is_meant || source.path.starts_with("xtask/") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, text) in source.lines() {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
        let pages = text.split(|c| !is_part(c)).map(|word| word.trim_end_matches('.'));
        // `include_str!` has paths relative to its own file, which the compiler checks.
        for page in pages.filter(|word| word.starts_with("docs/") && word.ends_with(".md")) {
            if !exists(page) {
                findings.push(source.finding(line, format!("there is no `{page}`: put it right")));
            }
        }
    }
    findings
}

/// No developers' page is longer than [`PAGE_LINES_MAX`].
pub(super) fn length(source: &TidyFile<'_>) -> Vec<Violation> {
    let is_page = is_for_developers(source.path) && !source.path.starts_with("docs/dev/figures/");
    let line_count = source.lines().count();
    if !is_page || line_count <= PAGE_LINES_MAX {
        return Vec::new();
    }
    let message = format!(
        "{line_count} lines, {PAGE_LINES_MAX} are allowed: cut what is said elsewhere, \
         or move a subject to a page of its own"
    );
    vec![source.finding(PAGE_LINES_MAX + 1, message)]
}

fn is_for_developers(path: &str) -> bool {
    let is_page = path.starts_with("docs/dev/") && path.ends_with(".md");
    is_page || ["docs/ARCHITECTURE.md", "CONTRIBUTING.md"].contains(&path)
}

/// Returns the errors of a code span.
fn missing_of(span: &str, known: &KnownNames<'_>) -> Vec<String> {
    let is_path_char = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if span.chars().all(is_path_char) && is_path(span) {
        let is_missing = !known.has_path(span);
        let message = format!("`{span}` is no path of the checkout: put it right");
        return is_missing.then_some(message).into_iter().collect();
    }
    let is_code_char = |c: char| c.is_ascii_alphanumeric() || "_:<>,&()[]{}; ".contains(c);
    // A single dot occurs in names of files, such as manifests.
    if !span.replace("..", "").chars().all(is_code_char) {
        return Vec::new();
    }
    let mut missing = Vec::new();
    let mut rest = span;
    for word in words(span) {
        let (before, after) = rest.split_once(word).unwrap_or(("", rest));
        rest = after;
        let is_member = before.ends_with("::");
        if is_type_name(word) && !is_member {
            if !known.has_type(word) {
                missing.push(no_type(word));
            }
        } else if (is_member || word.contains('_')) && !known.has_word(word) {
            missing.push(format!("no Rust file has `{word}`: put the name right"));
        }
    }
    missing
}

fn no_type(word: &str) -> String {
    format!("there is no type `{word}`: put the name right")
}

/// Returns whether a span is a path in the checkout, not one of the system or of the user.
fn is_path(span: &str) -> bool {
    let roots = ["crates/", "xtask/", "docs/", "contrib/", "fuzz/"];
    let inside = ["/src/", "/tests/", "/benches/", "/examples/"];
    let is_rust = span.ends_with(".rs") && !span.starts_with('.');
    is_rust
        || roots.iter().any(|root| span.starts_with(root))
        || inside.iter().any(|dir| span.contains(dir) || span.ends_with(dir.trim_end_matches('/')))
}

/// Returns the texts between backticks.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Returns whether a word is in upper camel case. A single capital is a type parameter.
fn is_type_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase())
        && !word.contains('_')
}

/// Returns whether a word has as many parts as only names of tests have.
fn is_sentence(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.matches('_').count() > 2
}

fn has_humps(word: &str) -> bool {
    word.chars().skip(1).any(|c| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;

    use super::super::testing::check;
    use super::{KnownNames, PAGE_LINES_MAX, exist, length, pages};

    const LIB: &str = "//! A crate.\n\
        use std::sync::Arc;\n\
        use std::os::fd::{\n    BorrowedFd,\n    OwnedFd,\n};\n\
        /// No type: struct Comment.\n\
        pub(crate) struct Plan<T>(T);\n\
        impl Plan<u8> { fn on_read(&self) {} }\n\
        enum Validity { Fixed }\n\
        /// Not a_read_that_was_forgotten.\n\
        #[test]\nfn a_read_that_ends() {}\n\
        const READ_MAX: usize = 1;\n";

    #[test]
    fn names_of_code_exist() {
        let files: BTreeMap<String, String> = [("crates/a/src/b/lib.rs", LIB), ("docs/A.md", "")]
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .into();
        let known = KnownNames::of(&files);
        check(
            |source| exist(source, &known),
            &[
                (
                    "docs/ARCHITECTURE.md",
                    "`Plan`, `Plan::on_read`, `Arc<Plan>`, `Validity::Fixed`\n",
                ),
                ("docs/dev/b.md", "`BorrowedFd` is imported, Comment is prose; `READ_MAX`\n"),
                ("docs/dev/b.md", "`Comment`\n`Fixed`\n"),
                ("docs/dev/b.md", "`a_read_that_ends`\n`Plan::on_write`\n`READ_MIN`\n"),
                ("docs/dev/b.md", "`a_read_that_was_forgotten`\n"),
                (
                    "docs/dev/b.md",
                    "`cargo test -p Lost`, `--lost_flag`, `lost`, `Lost.toml`, `FUSE_LOST`\n",
                ),
                ("docs/dev/b.md", "`lib.rs`, `b/lib.rs`, `crates/a/src`, `a/src/b`, `/proc/x`\n"),
                ("docs/dev/b.md", "`lost.rs`, `a/src/lost`, `docs/B.md`\n"),
                ("docs/dev/b.md", "```text\nNo sentence --Plan--> LostPlan\n```\n"),
                ("docs/dev/b.md", "```rust\nLostPlan\n```\n`Lost`\n"),
                ("CONTRIBUTING.md", "`Lost`\n"),
                ("docs/explain/reading.md", "`Lost`\n"),
            ],
            &expect![[r#"
                docs/ARCHITECTURE.md: fine
                docs/dev/b.md: fine
                docs/dev/b.md:1: there is no type `Comment`: put the name right
                docs/dev/b.md:2: there is no type `Fixed`: put the name right
                docs/dev/b.md:2: no Rust file has `on_write`: put the name right
                docs/dev/b.md:3: no Rust file has `READ_MIN`: put the name right
                docs/dev/b.md:1: no Rust file has `a_read_that_was_forgotten`: put the name right
                docs/dev/b.md: fine
                docs/dev/b.md: fine
                docs/dev/b.md:1: `lost.rs` is no path of the checkout: put it right
                docs/dev/b.md:1: `a/src/lost` is no path of the checkout: put it right
                docs/dev/b.md:1: `docs/B.md` is no path of the checkout: put it right
                docs/dev/b.md:2: there is no type `LostPlan`: put the name right
                docs/dev/b.md:4: there is no type `Lost`: put the name right
                CONTRIBUTING.md:1: there is no type `Lost`: put the name right
                docs/explain/reading.md: fine"#]],
        );
    }

    #[test]
    fn pages_that_comments_name_are_there() {
        check(
            |source| pages(source, &|path| path == "docs/dev/plan.md"),
            &[
                ("crates/a/src/lib.rs", "//! See `docs/dev/plan.md`.\n// docs/dev/plan.md.\n"),
                ("crates/a/src/lib.rs", "//! A\n// `docs/PLAN.md`\n"),
                ("Cargo.toml", "# (docs/LOST.md)\n"),
                ("crates/a/src/lib.rs", "include_str!(\"../../docs/LOST.md\");\n"),
                ("xtask/src/a.rs", "// docs/LOST.md\n"),
            ],
            &expect![[r#"
                crates/a/src/lib.rs: fine
                crates/a/src/lib.rs:2: there is no `docs/PLAN.md`: put it right
                Cargo.toml:1: there is no `docs/LOST.md`: put it right
                crates/a/src/lib.rs: fine
                xtask/src/a.rs: fine"#]],
        );
    }

    #[test]
    fn pages_for_developers_are_short() {
        let (full, long) = ("a\n".repeat(PAGE_LINES_MAX), "a\n".repeat(PAGE_LINES_MAX + 1));
        check(
            length,
            &[
                ("docs/dev/plan.md", &full),
                ("docs/dev/plan.md", &long),
                ("docs/dev/figures/bench.md", &long),
                ("docs/explain/reading.md", &long),
            ],
            &expect![[r#"
                docs/dev/plan.md: fine
                docs/dev/plan.md:151: 151 lines, 150 are allowed: cut what is said elsewhere, or move a subject to a page of its own
                docs/dev/figures/bench.md: fine
                docs/explain/reading.md: fine"#]],
        );
    }
}
