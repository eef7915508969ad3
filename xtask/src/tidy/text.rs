//! Whitespace, and paths that exist on one machine only.

use super::{TidyFile, Violation};

/// Extensions of files that people write. Recordings of a server are kept unchanged.
const WRITTEN: [&str; 8] =
    [".rs", ".toml", ".md", ".yml", ".yaml", ".sh", ".gitignore", ".gitattributes"];

/// Files that people write, without an extension.
const WRITTEN_WITHOUT_ENDING: [&str; 2] = ["LICENSE", ".ci/run"];

/// Directories with machine-specific files. Split in halves, since this table is a source too.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// No line ends with a space, and every file ends with one newline.
pub(super) fn whitespace(source: &TidyFile<'_>) -> Vec<Violation> {
    let is_written = WRITTEN.iter().any(|ending| source.path.ends_with(ending))
        || WRITTEN_WITHOUT_ENDING.contains(&source.path);
    if !is_written {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, text) in source.lines() {
        if text.ends_with(char::is_whitespace) {
            findings.push(source.finding(line, "whitespace at the end of the line: remove it"));
        }
    }
    let last = source.text.lines().count();
    if source.text.contains('\r') {
        findings.push(source.finding(1, "carriage returns: end lines with a newline only"));
    }
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        findings.push(source.finding(last, "no newline at the end of the file: add it"));
    }
    if source.text.ends_with("\n\n") {
        findings.push(source.finding(last, "empty lines at the end of the file: remove them"));
    }
    findings
}

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
    use super::{MACHINE_PATHS, machine_paths, whitespace};

    #[test]
    fn ends_of_lines_and_files() {
        check(
            whitespace,
            &[
                ("good.rs", "a\n\nb\n"),
                ("empty.rs", ""),
                ("spaces.md", "a\nb  \n"),
                ("tab.toml", "a\t\n"),
                ("windows.rs", "a\r\nb\r\n"),
                ("LICENSE", "a"),
                ("two.yml", "a\n\n"),
                ("crates/a/tests/data/list.json", "{} "),
            ],
            &expect![[r#"
                good.rs: fine
                empty.rs: fine
                spaces.md:2: whitespace at the end of the line: remove it
                tab.toml:1: whitespace at the end of the line: remove it
                windows.rs:1: carriage returns: end lines with a newline only
                LICENSE:1: no newline at the end of the file: add it
                two.yml:2: empty lines at the end of the file: remove them
                crates/a/tests/data/list.json: fine"#]],
        );
    }

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
