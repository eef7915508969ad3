//! Paths that exist on one machine only.

use super::{TidyFile, Violation};

/// Directories with machine-specific files. Split in halves, since this table is a source too.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// No file contains a path of its author's machine.
pub(super) fn machine_paths(source: &TidyFile<'_>) -> Vec<Violation> {
    let mut findings = Vec::new();
    for (line, text) in source.lines() {
        for path in MACHINE_PATHS {
            if names_place(text, path) {
                let message = format!("a path below `{path}` is of one machine: make it relative");
                findings.push(source.finding(line, message));
            }
        }
    }
    findings
}

/// Returns whether the text contains an absolute path below `dir`. `a/dir/b` is a relative path,
/// and the name of the directory alone is not a path below it.
fn names_place(text: &str, dir: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '}');
    text.match_indices(dir).any(|(start, _)| {
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let after = text.get(start + dir.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && after.is_some_and(|c| is_part(c) && c != '}')
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;
    use super::{MACHINE_PATHS, machine_paths};

    #[test]
    fn places_on_one_machine() {
        for dir in MACHINE_PATHS {
            let found = |text: String| {
                !machine_paths(&super::TidyFile { path: "a.json", text: &text }).is_empty()
            };
            assert!(found(format!("open(\"{dir}alice/a\")")), "{dir}");
            assert!(found(format!("file://{dir}alice")), "{dir}");
            assert!(!found(format!("crates{dir}a")), "{dir} is relative here");
            assert!(!found(format!("everything below {dir} is")), "{dir} is only a name here");
        }
        let text = concat!("a\nb /ro", "ot/x\n");
        check(
            machine_paths,
            &[("a.md", text)],
            &expect!["a.md:2: a path below `/root/` is of one machine: make it relative"],
        );
    }
}
