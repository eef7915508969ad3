//! Required contents of every crate's manifest and clippy.toml.

use super::{TidyFile, Violation};

/// The clippy.toml whose keys the others repeat.
pub(super) const ROOT_CLIPPY: &str = "clippy.toml";

/// The manifest of the workspace, the only file with the address of the repository.
pub(super) const ROOT_MANIFEST: &str = "Cargo.toml";

/// Returns the address of the repository without its scheme, from the manifest of the workspace.
pub(super) fn repository(root_manifest: &str) -> Option<&str> {
    let value = root_manifest.lines().find_map(|line| value_of(line, "repository"))?;
    let address = value.trim_matches('"').trim_end_matches('/');
    Some(address.split_once("://").map_or(address, |(_, rest)| rest))
}

/// No other file has the address of the repository, so that its owner sets it in one place.
pub(super) fn address_is_in_one_place(
    source: &TidyFile<'_>,
    address: Option<&str>,
) -> Vec<Violation> {
    let Some(address) = address.filter(|_| source.path != ROOT_MANIFEST) else { return Vec::new() };
    let lines = source.lines().filter(|(_, text)| text.contains(address));
    let message = "the address of the repository belongs into the manifest of the workspace alone";
    lines.map(|(line, _)| source.finding(line, message)).collect()
}

/// Every crate uses the lints of the workspace, except one that is a workspace of its own.
pub(super) fn lints(source: &TidyFile<'_>) -> Vec<Violation> {
    if !is_of_a_crate(source) {
        return Vec::new();
    }
    let mut section = "";
    for (_, text) in source.lines() {
        if text.starts_with('[') {
            section = text.trim_end();
        }
        if section == "[workspace]" {
            return Vec::new();
        }
        let inherits = section == "[lints]" && value_of(text, "workspace") == Some("true");
        if inherits || value_of(text, "lints.workspace") == Some("true") {
            return Vec::new();
        }
    }
    vec![source.finding(1, "not under the lints of the workspace: add `lints.workspace = true`")]
}

/// A crate's clippy.toml repeats the keys of the root, since clippy reads only the nearest file.
pub(super) fn clippy_keys(source: &TidyFile<'_>, root_clippy: &str) -> Vec<Violation> {
    if source.path == ROOT_CLIPPY || !source.path.ends_with("/clippy.toml") {
        return Vec::new();
    }
    let own: Vec<&str> = source.text.lines().filter_map(key_of).collect();
    let missing = root_clippy.lines().filter_map(key_of).filter(|key| !own.contains(key));
    missing
        .map(|key| source.finding(1, format!("the key `{key}` of the root is missing: repeat it")))
        .collect()
}

fn is_of_a_crate(source: &TidyFile<'_>) -> bool {
    source.path.ends_with("/Cargo.toml")
}

/// Returns the value of a `key = value` line.
fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?;
    Some(value.trim())
}

/// Returns the key of a line that starts with one. Lines inside a list are indented.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim_end();
    (!key.is_empty() && !key.starts_with([' ', '\t', '#', '['])).then_some(key)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;
    use super::{address_is_in_one_place, clippy_keys, lints, repository};

    #[test]
    fn the_address_of_the_repository_is_in_one_place() {
        let root = "[workspace.package]\nrepository = \"https://host.example/owner/name\"\n";
        assert_eq!(repository(root), Some("host.example/owner/name"));
        assert_eq!(repository("[workspace]\n"), None);
        check(
            |source| address_is_in_one_place(source, repository(root)),
            &[
                ("Cargo.toml", root),
                ("a.md", "See https://host.example/owner/other.\n"),
                ("b.service", "[Unit]\nDocumentation=http://host.example/owner/name/wiki\n"),
            ],
            &expect![[r#"
                Cargo.toml: fine
                a.md: fine
                b.service:2: the address of the repository belongs into the manifest of the workspace alone"#]],
        );
    }

    #[test]
    fn lints_of_the_workspace() {
        check(
            lints,
            &[
                ("crates/a/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n"),
                ("crates/b/Cargo.toml", "[package]\nlints.workspace = true\n"),
                ("crates/c/Cargo.toml", "[lints]\n\n[dependencies]\nworkspace = true\n"),
                ("crates/d/Cargo.toml", "[lints.rust]\nunsafe_code = \"deny\"\n"),
                ("Cargo.toml", "[workspace]\n"),
            ],
            &expect![[r#"
                crates/a/Cargo.toml: fine
                crates/b/Cargo.toml: fine
                crates/c/Cargo.toml:1: not under the lints of the workspace: add `lints.workspace = true`
                crates/d/Cargo.toml:1: not under the lints of the workspace: add `lints.workspace = true`
                Cargo.toml: fine"#]],
        );
    }

    #[test]
    fn keys_of_clippy() {
        let root = "# A comment = no key.\nbools-max = 1\nunwrap = true\n";
        check(
            |source| clippy_keys(source, root),
            &[
                ("clippy.toml", ""),
                ("crates/a/clippy.toml", "unwrap = true\nbools-max = 1\nmore = 2\n"),
                ("crates/b/clippy.toml", "types = [\n    { unwrap = 1 },\n]\nbools-max = 2\n"),
            ],
            &expect![[r#"
                clippy.toml: fine
                crates/a/clippy.toml: fine
                crates/b/clippy.toml:1: the key `unwrap` of the root is missing: repeat it"#]],
        );
    }
}
