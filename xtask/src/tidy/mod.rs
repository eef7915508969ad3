//! Rules that neither rustfmt nor clippy checks.
//!
//! A rule is a pure function from its input (a file's text, or the crates and their dependencies)
//! to violations. Only this module and [`files`] read the disk or run cargo. Every rule is tested
//! on good and bad samples, with `testing::check`.

mod cycles;
mod edges;
mod files;
mod manifest;
mod markdown;
mod mentions;
mod modules;
mod pages;
mod rust;
#[cfg(test)]
mod testing;
mod text;
mod tree;
mod types;
mod words;

use std::{collections::BTreeMap, fmt, path::Path};

use crate::{Result, workspace};
pub(crate) use cycles::count as count_cycles;
pub(crate) use files::read_all;
pub(crate) use markdown::{map_targets, resolve};
pub(crate) use types::declaration;

/// One file, as input of the rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TidyFile<'a> {
    /// Its path relative to the root, with `/`.
    path: &'a str,
    /// The whole text.
    text: &'a str,
}

/// One violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    message: String,
}

impl Violation {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

impl<'a> TidyFile<'a> {
    /// Returns the lines with their numbers, which start at 1 as in editors.
    fn lines(&self) -> impl Iterator<Item = (usize, &'a str)> {
        (1..).zip(self.text.lines())
    }

    fn finding(&self, line: usize, message: impl Into<String>) -> Violation {
        Violation::new(self.path, line, message)
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Checks the checkout and prints the violations. Returns whether there are none.
///
/// # Errors
/// If the checkout cannot be read, or cargo rejects the workspace.
pub(crate) fn run() -> Result<bool> {
    let root = workspace::root();
    let files = read_all(&root)?;
    let packages = workspace::packages()?;

    let mut findings = check_files(&root, &files);
    findings.extend(modules::all_are_compiled(&packages, &files));
    findings.extend(cycles::are_absent(&packages, &files));
    findings.extend(types::are_unique(&files));
    findings.extend(pages::are_listed(&files));
    findings.extend(check_dependencies(&packages, &files)?);
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy: {} files, nothing to put right", files.len()),
        count => println!("tidy: {count} to put right"),
    }
    Ok(findings.is_empty())
}

fn check_files(root: &Path, files: &BTreeMap<String, String>) -> Vec<Violation> {
    let exists = |path: &str| root.join(path).exists();
    let text_of = |path: &str| files.get(path).map(String::as_str);
    let known = mentions::KnownNames::of(files);
    let address = text_of(manifest::ROOT_MANIFEST).and_then(manifest::repository);
    let root_clippy = files.get(manifest::ROOT_CLIPPY).map_or("", String::as_str);
    let mut findings = Vec::new();
    for (path, text) in files {
        let source = TidyFile { path, text };
        findings.extend(rust::module_doc(&source));
        findings.extend(rust::size(&source));
        findings.extend(rust::line_width(&source));
        findings.extend(words::banned(&source));
        findings.extend(text::machine_paths(&source));
        findings.extend(markdown::links(&source, &exists));
        findings.extend(markdown::anchors(&source, &text_of));
        findings.extend(pages::readable(&source));
        findings.extend(mentions::exist(&source, &known));
        findings.extend(mentions::length(&source));
        findings.extend(mentions::pages(&source, &exists));
        findings.extend(manifest::lints(&source));
        findings.extend(manifest::address_is_in_one_place(&source, address));
        findings.extend(manifest::clippy_keys(&source, root_clippy));
    }
    findings
}

fn check_dependencies(
    packages: &[workspace::Package],
    files: &BTreeMap<String, String>,
) -> Result<Vec<Violation>> {
    let mut findings = edges::every_crate_is_in_the_table(packages);
    for package in packages {
        let manifest = files.get(&package.manifest).map_or("", String::as_str);
        let manifest = TidyFile { path: &package.manifest, text: manifest };
        findings.extend(edges::direct(package, packages, &manifest));
        if edges::has_indirect_rule(&package.name) {
            let tree =
                workspace::output_of(workspace::cargo().args(tree::ARGS).arg(&package.name))?;
            findings.extend(edges::indirect(package, &tree::parse(&tree), &manifest));
        }
        if edges::has_macos_rule(&package.name) {
            let mut cargo = workspace::cargo();
            cargo.args(tree::ARGS).arg(&package.name).args(tree::MACOS_ARGS);
            let tree = workspace::output_of(&mut cargo)?;
            findings.extend(edges::on_macos(package, &tree::parse(&tree), &manifest));
        }
    }
    Ok(findings)
}
