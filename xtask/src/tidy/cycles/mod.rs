//! Cycles of modules: the modules of one parent depend on each other in one direction only.
//!
//! Each module of a crate is compared with the other children of its parent. A path in a module,
//! or in a module inside it, is an arrow to the module that it leads to, through re-exports. The
//! parent itself is no part of the comparison: it declares and re-exports its children, and has
//! what they share. Tests are left out.

mod syntax;

use std::collections::{BTreeMap, BTreeSet};

use self::syntax::NamedPaths;
use super::{Violation, modules};
use crate::workspace::Package;

/// The limit on re-exports of re-exports. Imports of each other end there.
const IMPORTS_MAX: usize = 16;

/// The path of a module below the root of its crate.
type ModulePath = Vec<String>;

/// Pairs of children of one parent, each with the files and lines whose paths lead from the first
/// to the second.
type Arrows = BTreeMap<(String, String), Vec<(String, usize)>>;

/// The modules of one crate or program.
struct ModuleTree {
    modules: BTreeMap<ModulePath, ModuleText>,
}

/// A module with a file of its own.
struct ModuleText {
    file: String,
    names: NamedPaths,
}

/// Returns a violation for each group of modules that depend on each other.
pub(super) fn are_absent(packages: &[Package], files: &BTreeMap<String, String>) -> Vec<Violation> {
    let mut findings = Vec::new();
    for package in packages {
        for root in package.target_roots.iter().filter(|root| root.contains("/src/")) {
            findings.extend(ModuleTree::read(root, files).cycles());
        }
    }
    findings
}

/// Returns the number of groups of modules that depend on each other, in all crates.
pub(crate) fn count(files: &BTreeMap<String, String>) -> usize {
    let is_root = |path: &&String| path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    files.keys().filter(is_root).map(|root| ModuleTree::read(root, files).cycles().len()).sum()
}

impl ModuleTree {
    fn read(root: &str, files: &BTreeMap<String, String>) -> Self {
        let mut modules = BTreeMap::new();
        let mut queue = vec![(ModulePath::new(), root.to_owned())];
        while let Some((path, file)) = queue.pop() {
            let Some(text) = files.get(&file) else { continue };
            for (name, candidates) in modules::children(&file, path.is_empty(), text) {
                let child = candidates.into_iter().find(|file| files.contains_key(file));
                queue.extend(child.map(|child| (joined(&path, &name), child)));
            }
            modules.insert(path, ModuleText { file, names: syntax::names(text) });
        }
        Self { modules }
    }

    fn cycles(&self) -> Vec<Violation> {
        let mut parents: BTreeMap<&[String], Arrows> = BTreeMap::new();
        for (from, module) in &self.modules {
            for (line, path) in &module.names.paths {
                for to in self.modules_of(from, path) {
                    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                    let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) else { continue };
                    let arrows = parents.entry(from.get(..shared).unwrap_or_default()).or_default();
                    let place = (module.file.clone(), *line);
                    arrows.entry((a.clone(), b.clone())).or_default().push(place);
                }
            }
        }
        let mut findings = Vec::new();
        for (parent, arrows) in &parents {
            let Some(module) = self.modules.get(*parent) else { continue };
            for group in groups(arrows) {
                findings.push(Violation::new(&module.file, 1, message(&group, arrows)));
            }
        }
        findings
    }

    /// Returns the modules that a path leads through, except for the crate and the parents of
    /// `from`, which are no arrow.
    fn modules_of(&self, from: &ModulePath, path: &[String]) -> Vec<ModulePath> {
        let mut through = Vec::new();
        self.follow(from, path, IMPORTS_MAX, &mut through);
        through
    }

    fn follow(
        &self,
        from: &ModulePath,
        path: &[String],
        imports_left: usize,
        through: &mut Vec<ModulePath>,
    ) {
        let mut module = from.clone();
        for (at, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" => module.clear(),
                "self" => {}
                "super" => {
                    module.pop();
                }
                name => {
                    let child = joined(&module, name);
                    if self.modules.contains_key(&child) {
                        module = child;
                        continue;
                    }
                    through.push(module.clone());
                    let names = self.modules.get(&module).map(|module| &module.names);
                    let import = names.and_then(|names| names.imports.iter().find(|i| i.0 == name));
                    // A name that a module imports for itself may be that of another crate.
                    if let (Some((_, target)), Some(left)) = (import, imports_left.checked_sub(1)) {
                        let mut target = target.clone();
                        target.extend(path.iter().skip(at + 1).cloned());
                        if target != path {
                            self.follow(&module, &target, left, through);
                        }
                    }
                    return;
                }
            }
        }
        through.push(module);
    }
}

fn joined(parent: &ModulePath, name: &str) -> ModulePath {
    let mut path = parent.clone();
    path.push(name.to_owned());
    path
}

/// Returns the sets of modules of which each leads to each other.
fn groups(arrows: &Arrows) -> Vec<BTreeSet<&str>> {
    let names: BTreeSet<&str> = arrows.keys().map(|(from, _)| from.as_str()).collect();
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        names.iter().map(|name| (*name, reached_from(name, arrows))).collect();
    let leads = |a: &str, b: &str| reached.get(a).is_some_and(|reached| reached.contains(b));
    let mut groups: Vec<BTreeSet<&str>> = Vec::new();
    for name in &names {
        let group: BTreeSet<&str> = names
            .iter()
            .copied()
            .filter(|other| leads(name, other) && leads(other, name))
            .collect();
        if group.len() > 1 && !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

fn reached_from<'a>(start: &str, arrows: &'a Arrows) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut queue = vec![start];
    while let Some(name) = queue.pop() {
        for (from, to) in arrows.keys() {
            if from == name && reached.insert(to.as_str()) {
                queue.push(to);
            }
        }
    }
    reached
}

/// NamedPaths the arrows inside a group, each with the number of its paths and the first of them.
fn message(group: &BTreeSet<&str>, arrows: &Arrows) -> String {
    let mut lines = vec!["modules depend on each other:".to_owned()];
    for ((from, to), places) in arrows {
        if group.contains(from.as_str()) && group.contains(to.as_str()) {
            let first = places.first().map_or_else(String::new, |(file, line)| {
                let name = file.rsplit_once("/src/").map_or(file.as_str(), |(_, name)| name);
                format!("{name}:{line}")
            });
            lines.push(format!("    {from} -> {to} ({} in {first})", places.len()));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};

    use super::{Package, are_absent};

    #[track_caller]
    fn check(files: &[(&str, &str)], expect: &Expect) {
        let package =
            Package { target_roots: vec!["a/src/lib.rs".to_owned()], ..Package::default() };
        let files: BTreeMap<String, String> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let findings = are_absent(&[package], &files);
        let rendered: Vec<String> = findings.iter().map(ToString::to_string).collect();
        expect.assert_eq(&rendered.join("\n"));
    }

    #[test]
    fn arrows_in_one_direction() {
        check(
            &[
                ("a/src/lib.rs", "mod high;\nmod low;\npub use high::High;\nstruct Shared;\n"),
                ("a/src/high.rs", "use crate::low::Low;\n#[cfg(test)]\nmod tests;\n"),
                ("a/src/high/tests.rs", "use crate::low;\n"),
                ("a/src/low.rs", "use super::Shared;\n#[cfg(test)]\nuse crate::high::High;\n"),
            ],
            &expect![[r#""#]],
        );
    }

    #[test]
    fn arrows_in_both_directions() {
        check(
            &[
                ("a/src/lib.rs", "mod high;\nmod low;\nmod other;\npub use high::High;\n"),
                ("a/src/high/mod.rs", "mod one;\nmod two;\nuse one::One;\n"),
                ("a/src/high/one.rs", "fn f() { super::two::f(); }\n"),
                ("a/src/high/two.rs", "use super::One;\nuse crate::low::Low;\n"),
                ("a/src/low.rs", "use crate::High;\n"),
                ("a/src/other.rs", "use crate::{high, low::Low};\n"),
            ],
            &expect![[r#"
                a/src/lib.rs:1: modules depend on each other:
                    high -> low (1 in high/two.rs:2)
                    low -> high (1 in low.rs:1)
                a/src/high/mod.rs:1: modules depend on each other:
                    one -> two (1 in high/one.rs:1)
                    two -> one (1 in high/two.rs:1)"#]],
        );
    }
}
