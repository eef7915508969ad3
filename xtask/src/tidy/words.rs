//! Banned words in the sources.

use super::{TidyFile, Violation, rust};

/// A banned word, and its replacement.
struct Banned {
    /// Split in halves, so that the check does not report this table.
    word: &'static str,
    scope: Scope,
    instead: &'static str,
}

/// The scope of a banned word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// Tests only.
    Tests,
    /// All Rust code.
    Rust,
    /// Rust code, manifests, scripts and workflows.
    Sources,
}

/// The table of banned words.
const BANNED: [Banned; 7] = [
    Banned { word: concat!("TO", "DO"), scope: Scope::Sources, instead: OPEN_ENDS },
    Banned { word: concat!("FIX", "ME"), scope: Scope::Sources, instead: OPEN_ENDS },
    Banned { word: concat!("XX", "X"), scope: Scope::Sources, instead: OPEN_ENDS },
    Banned { word: concat!("#[ig", "nore"), scope: Scope::Rust, instead: UNRUN },
    Banned { word: concat!("#[should_", "panic"), scope: Scope::Rust, instead: PANICS },
    // Clippy denies the attribute of an item (`allow_attributes`), but not that of a module.
    Banned { word: concat!("#![al", "low("), scope: Scope::Rust, instead: EXPECT },
    // With the bracket it matches the functions of std's threads and of tokio, imported or not.
    Banned { word: concat!("sle", "ep("), scope: Scope::Tests, instead: WAITING },
];

const OPEN_ENDS: &str = "do it now, or open an issue";
const UNRUN: &str = "a test runs or is not there";

/// The end of the attribute of a function that is no test: it is ignored, so that it does not count
/// as one.
const NO_TEST: &str = "= \"a process that other tests start\"]";
const PANICS: &str = "return an error and compare it";
const EXPECT: &str = "use `#[expect(..., reason = \"...\")]`, which ends with its cause";
const WAITING: &str = "let the test hold the trigger, or pause the time";

/// No source contains a banned word.
pub(super) fn banned(source: &TidyFile<'_>) -> Vec<Violation> {
    let Some(scope) = scope_of(source.path) else {
        return Vec::new();
    };
    let tests_start = match scope {
        Scope::Tests => 1,
        Scope::Rust | Scope::Sources => rust::tests_start(source.text).unwrap_or(usize::MAX),
    };
    let mut findings = Vec::new();
    for (line, text) in source.lines() {
        // The tests are the narrowest scope: words that are banned in a wider one are banned there
        // too.
        let here = if line >= tests_start { Scope::Tests } else { scope };
        for banned in BANNED.iter().filter(|banned| banned.scope >= here) {
            if contains_word(text, banned.word) && !text.ends_with(NO_TEST) {
                let message = format!("`{}` is banned here: {}", banned.word, banned.instead);
                findings.push(source.finding(line, message));
            }
        }
    }
    findings
}

fn scope_of(path: &str) -> Option<Scope> {
    if path.ends_with(".rs") {
        let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
        return Some(if is_test { Scope::Tests } else { Scope::Rust });
    }
    let is_source = [".toml", ".yml", ".yaml", ".sh"].iter().any(|end| path.ends_with(end));
    (is_source || path.starts_with(".ci/")).then_some(Scope::Sources)
}

/// Returns whether the word occurs as a whole word: the repeated letter of `mktemp` templates is no
/// marker.
fn contains_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let after = text.get(start + word.len()..).and_then(|text| text.chars().next());
        let glued_before = word.starts_with(is_part) && before.is_some_and(is_part);
        let glued_after = word.ends_with(is_part) && after.is_some_and(is_part);
        !glued_before && !glued_after
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::{TidyFile, Violation, testing::check};
    use super::{BANNED, Scope, banned};

    /// The rule, with the words masked, since the expected text is a source too.
    fn masked(source: &TidyFile<'_>) -> Vec<Violation> {
        let mut findings = banned(source);
        for finding in &mut findings {
            for entry in &BANNED {
                finding.message = finding.message.replace(entry.word, "...");
            }
        }
        findings
    }

    #[test]
    fn processes_that_tests_start_are_no_tests() {
        let attribute = concat!("#[ig", "nore = \"a process that other tests start\"]");
        check(masked, &[("a/tests/a.rs", attribute)], &expect!["a/tests/a.rs: fine"]);
    }

    #[test]
    fn each_word_is_found_in_each_of_its_places() {
        for entry in &BANNED {
            let places = [
                ("Cargo.toml", Scope::Sources),
                ("crates/a/src/lib.rs", Scope::Rust),
                ("crates/a/tests/b.rs", Scope::Tests),
            ];
            for (path, scope) in places {
                let text = format!("fine\nbefore {} after\n", entry.word);
                let count = banned(&TidyFile { path, text: &text }).len();
                let expected = usize::from(entry.scope >= scope);
                assert_eq!(count, expected, "`{}` in {path}", entry.word);
            }
        }
    }

    #[test]
    fn a_word_stands_alone() {
        let word = concat!("XX", "X");
        check(
            masked,
            &[
                ("marker.rs", &format!("// {word}: later\n")),
                ("mktemp.rs", &format!("let template = \"tfs-{word}{word}\";\n")),
                ("bracket.rs", &format!("({word})")),
                (".ci/run", &format!("# {word}\n")),
                ("notes.md", &format!("{word}\n")),
                ("name.rs", concat!("let now_", "sle", "ep(1);\n")),
            ],
            &expect![[r#"
                marker.rs:1: `...` is banned here: do it now, or open an issue
                mktemp.rs: fine
                bracket.rs:1: `...` is banned here: do it now, or open an issue
                .ci/run:1: `...` is banned here: do it now, or open an issue
                notes.md: fine
                name.rs: fine"#]],
        );
    }

    #[test]
    fn the_code_may_wait_but_its_tests_may_not() {
        let call = concat!("    tokio::time::sle", "ep(idle).await;\n");
        let text = format!("{call}#[cfg(test)]\nmod tests {{\n{call}}}\n");
        check(
            masked,
            &[
                ("crates/a/src/pool.rs", &text),
                ("crates/a/src/pool/tests.rs", call),
                ("crates/a/tests/pool.rs", concat!("std::thread::sle", "ep(SECOND);\n")),
            ],
            &expect![[r#"
                crates/a/src/pool.rs:4: `...` is banned here: let the test hold the trigger, or pause the time
                crates/a/src/pool/tests.rs:1: `...` is banned here: let the test hold the trigger, or pause the time
                crates/a/tests/pool.rs:1: `...` is banned here: let the test hold the trigger, or pause the time"#]],
        );
    }
}
