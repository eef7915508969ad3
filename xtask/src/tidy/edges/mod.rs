//! Forbidden dependencies between crates, as listed in docs/ARCHITECTURE.md.
//!
//! Two sources are checked. A manifest: direct dependencies, with any feature and on any platform.
//! The tree of cargo: transitive dependencies, with all features, on this platform.

mod table;
#[cfg(test)]
mod tests;

use table::{
    ABSENCES, ALONE, MACOS_BANNED, MACOS_PACKAGE, ONLY_FOR_TESTS, OWNED, Reach, TEST_PROGRAMS,
};

use super::{
    TidyFile, Violation,
    tree::{self, TreeLine},
};
use crate::workspace::{Dependency, Package};

/// Every crate has a rule, and every rule a crate.
pub(super) fn every_crate_is_in_the_table(packages: &[Package]) -> Vec<Violation> {
    let mut findings = Vec::new();
    for package in packages {
        if !ABSENCES.iter().any(|absence| absence.package == package.name) {
            let message =
                "what this crate never sees is not said: add it to xtask/src/tidy/edges/table.rs";
            findings.push(Violation::new(&package.manifest, 1, message));
        }
    }
    for absence in ABSENCES {
        if !packages.iter().any(|package| package.name == absence.package) {
            let message = format!("ABSENCES names `{}`, which is no crate", absence.package);
            findings.push(Violation::new("xtask/src/tidy/edges/table.rs", 1, message));
        }
    }
    findings
}

/// No manifest depends on a crate that is forbidden to it, or that another crate owns.
pub(super) fn direct(
    package: &Package,
    workspace: &[Package],
    manifest: &TidyFile<'_>,
) -> Vec<Violation> {
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let name = &dependency.name;
        let is_ours = workspace.iter().any(|other| other.name == *name);
        let alone = (package.name == ALONE && is_ours)
            .then_some("it must work while the other crates do not compile");
        if let Some(reason) = alone.or_else(|| reason_against(&package.name, dependency)) {
            let message = format!("`{}` must not depend on `{name}`: {reason}", package.name);
            findings.push(manifest.finding(line_of(manifest, name), message));
        }
    }
    findings
}

/// Returns why the tables forbid the dependency, if they do.
fn reason_against(package: &str, dependency: &Dependency) -> Option<&'static str> {
    let name = dependency.name.as_str();
    let owned = OWNED
        .iter()
        .find(|owned| owned.dependency == name && !owned.owners.contains(&package))
        .map(|owned| owned.reason);
    if dependency.dev || owned.is_some() {
        return owned;
    }
    if ONLY_FOR_TESTS.contains(&name) && !TEST_PROGRAMS.contains(&package) {
        return Some("it is for tests only, move it to [dev-dependencies]");
    }
    ABSENCES
        .iter()
        .find(|absence| absence.package == package && absence.banned.contains(&name))
        .map(|absence| absence.reason)
}

/// Returns whether the tree of the crate must be checked.
pub(super) fn has_indirect_rule(package: &str) -> bool {
    ABSENCES.iter().any(|absence| absence.package == package && absence.reach == Reach::Anywhere)
}

/// The dependency tree of the crate contains no forbidden crate.
pub(super) fn indirect(
    package: &Package,
    tree: &[TreeLine],
    manifest: &TidyFile<'_>,
) -> Vec<Violation> {
    let mut findings = Vec::new();
    for absence in ABSENCES {
        if absence.package != package.name || absence.reach != Reach::Anywhere {
            continue;
        }
        for banned in absence.banned {
            let Some(path) = tree::path_to(tree, banned) else {
                continue;
            };
            // `direct` finds direct ones, with any feature and on any platform.
            let [_, through, _, ..] = path.as_slice() else {
                continue;
            };
            let way = path.join(" -> ");
            let message = format!("`{banned}` is built in ({way}): {}", absence.reason);
            findings.push(manifest.finding(line_of(manifest, through), message));
        }
    }
    findings
}

/// Returns whether the tree of the crate for macOS must be checked.
pub(super) fn has_macos_rule(package: &str) -> bool {
    package == MACOS_PACKAGE
}

/// The dependency tree of the command for macOS contains nothing of FUSE.
pub(super) fn on_macos(
    package: &Package,
    tree: &[TreeLine],
    manifest: &TidyFile<'_>,
) -> Vec<Violation> {
    let mut findings = Vec::new();
    for banned in MACOS_BANNED {
        if let Some(path) = tree::path_to(tree, banned)
            && has_macos_rule(&package.name)
        {
            let way = path.join(" -> ");
            let message =
                format!("`{banned}` is built in on macOS ({way}): tfs mounts by NFS there");
            findings.push(manifest.finding(1, message));
        }
    }
    findings
}

/// Returns the line of the manifest with a dependency, or the first line.
fn line_of(manifest: &TidyFile<'_>, dependency: &str) -> usize {
    let asks = |text: &str| {
        text.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=']))
    };
    manifest.lines().find(|(_, text)| asks(text)).map_or(1, |(line, _)| line)
}
