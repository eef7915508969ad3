//! Unused files: every Rust file must be compiled by some target.
//!
//! A test file outside all targets looks like a test and never runs. The check follows `mod name;`
//! and the paths in its attributes, under any condition. It does not follow a `mod name;` inside an
//! inline module, since no file of this workspace needs that.

use std::collections::{BTreeMap, BTreeSet};

use super::{Violation, markdown::resolve};
use crate::workspace::Package;

/// Packages that are not part of the workspace: the targets of cargo-fuzz, and the examples.
const OTHER_PACKAGES: [&str; 2] = ["fuzz/fuzz_targets/", "contrib/embed/src/bin/"];

/// Every Rust file is the root of a target, or reachable from one through `mod`.
pub(super) fn all_are_compiled(
    packages: &[Package],
    files: &BTreeMap<String, String>,
) -> Vec<Violation> {
    let roots: BTreeSet<&str> =
        packages.iter().flat_map(|package| &package.target_roots).map(String::as_str).collect();
    let mut reached = BTreeSet::new();
    let mut queue: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
    while let Some(path) = queue.pop() {
        let Some(text) = files.get(&path) else {
            continue;
        };
        let is_root = roots.contains(path.as_str());
        let children =
            declared(text).into_iter().flat_map(|module| candidates(&path, is_root, &module));
        queue.extend(children.filter(|child| !reached.contains(child)));
        reached.insert(path);
    }
    files
        .keys()
        .filter(|path| path.ends_with(".rs"))
        .filter(|path| !OTHER_PACKAGES.iter().any(|package| path.starts_with(package)))
        .filter(|path| !reached.contains(*path))
        .map(|path| {
            Violation::new(
                path,
                1,
                "no target compiles this file: declare it with `mod`, or delete it",
            )
        })
        .collect()
}

/// Returns the modules that a file declares, outside tests, each with the files that may have it.
pub(super) fn children(path: &str, is_root: bool, text: &str) -> Vec<(String, Vec<String>)> {
    declared(text)
        .into_iter()
        .filter(|module| !module.is_test)
        .map(|module| {
            let candidates = candidates(path, is_root, &module);
            (module.name, candidates)
        })
        .collect()
}

/// A module with its own file.
#[derive(Debug, PartialEq, Eq)]
struct Module {
    name: String,
    is_test: bool,
    /// The paths in its attributes, with a condition or without.
    paths: Vec<String>,
}

/// Returns the modules that a file declares with `mod name;`.
fn declared(text: &str) -> Vec<Module> {
    let mut modules = Vec::new();
    let mut paths = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line == "#[cfg(test)]";
            let path = line.split_once("path = \"").and_then(|(_, rest)| rest.split_once('"'));
            paths.extend(path.map(|(path, _)| path.to_owned()));
        } else if let Some(name) = declared_name(line) {
            let paths = std::mem::take(&mut paths);
            modules.push(Module { name: name.to_owned(), is_test, paths });
            is_test = false;
        } else if !line.starts_with("//") {
            paths.clear();
            is_test = false;
        }
    }
    modules
}

/// Returns the name in `mod name;` with any visibility.
fn declared_name(line: &str) -> Option<&str> {
    let item = match line.strip_prefix("pub") {
        None => line,
        Some(rest) => match rest.strip_prefix('(') {
            None => rest,
            Some(rest) => rest.split_once(')')?.1,
        },
    };
    let name = item.trim_start().strip_prefix("mod ")?.strip_suffix(';')?;
    Some(name.strip_prefix("r#").unwrap_or(name))
}

/// Returns the files that the compiler would look for under any of the conditions.
fn candidates(parent: &str, is_root: bool, module: &Module) -> Vec<String> {
    let (dir, file) = parent.rsplit_once('/').unwrap_or(("", parent));
    let dir = if is_root || file == "mod.rs" {
        dir.to_owned()
    } else {
        format!("{dir}/{}", file.trim_end_matches(".rs"))
    };
    let name = &module.name;
    let mut files: Vec<String> =
        module.paths.iter().filter_map(|path| resolve(parent, path)).collect();
    files.extend([format!("{dir}/{name}.rs"), format!("{dir}/{name}/mod.rs")]);
    files
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};

    use super::{Package, all_are_compiled, declared_name};

    #[track_caller]
    fn check(roots: &[&str], files: &[(&str, &str)], expect: &Expect) {
        let target_roots = roots.iter().map(|root| (*root).to_owned()).collect();
        let package = Package { target_roots, ..Package::default() };
        let files: BTreeMap<String, String> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let findings = all_are_compiled(&[package], &files);
        let rendered: Vec<String> = findings.iter().map(ToString::to_string).collect();
        expect.assert_eq(&rendered.join("\n"));
    }

    #[test]
    fn every_way_to_a_file() {
        check(
            &["a/src/lib.rs", "a/tests/whole.rs", "a/tests/set/main.rs"],
            &[
                ("a/src/lib.rs", "mod one;\npub(crate) mod two;\n#[cfg(test)]\nmod tests;\n"),
                ("a/src/no_tls.rs", ""),
                ("a/src/one.rs", "pub mod deep;\n"),
                ("a/src/one/deep.rs", ""),
                ("a/src/two/mod.rs", "mod inner;\n#[path = \"../odd.rs\"]\nmod other;\n"),
                ("a/src/two/inner.rs", ""),
                ("a/src/odd.rs", ""),
                ("a/src/tests.rs", "#[cfg_attr(not(a), path = \"no_tls.rs\")]\nmod tls;\n"),
                ("a/src/tests/tls.rs", ""),
                ("a/tests/whole.rs", "mod support;\n"),
                ("a/tests/support/mod.rs", ""),
                ("a/tests/set/main.rs", "mod part;\n"),
                ("a/tests/set/part.rs", ""),
                ("a/tests/data/list.json", ""),
            ],
            &expect![[r#""#]],
        );
    }

    #[test]
    fn forgotten_files() {
        check(
            &["a/src/lib.rs", "a/tests/set/main.rs"],
            &[
                ("a/src/lib.rs", "// mod lost;\nmod inline {}\n"),
                ("a/src/lost.rs", "mod deeper;\n"),
                ("a/src/deeper.rs", ""),
                ("a/tests/not_a_target.rs", ""),
                ("a/tests/set/main.rs", ""),
                ("a/tests/set/part.rs", ""),
            ],
            &expect![[r#"
                a/src/deeper.rs:1: no target compiles this file: declare it with `mod`, or delete it
                a/src/lost.rs:1: no target compiles this file: declare it with `mod`, or delete it
                a/tests/not_a_target.rs:1: no target compiles this file: declare it with `mod`, or delete it
                a/tests/set/part.rs:1: no target compiles this file: declare it with `mod`, or delete it"#]],
        );
    }

    #[test]
    fn declarations() {
        for (line, name) in [
            ("mod a;", Some("a")),
            ("pub mod a;", Some("a")),
            ("pub(in crate::b) mod a;", Some("a")),
            ("mod r#type;", Some("type")),
            ("mod a {", None),
            ("let mod_a;", None),
        ] {
            assert_eq!(declared_name(line), name, "{line}");
        }
    }
}
