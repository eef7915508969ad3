//! `cargo xtask docs`: the site of the documentation.
//!
//! mdbook reads one directory, but the pages link to files outside `docs`. So the pages are copied
//! to a directory of their own first, with the links of the site.

mod links;
mod pages;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Result, tidy, workspace};

/// The copy of the pages and the built site, relative to the target directory.
const PAGES: &str = "site-pages";
const SITE: &str = "site";

/// The directory whose files mdbook reads, and that of the pictures in it.
const DOCS: &str = "docs";
const PICTURES: &str = "docs/pictures";

/// Builds the site and checks its links. Returns whether all lead somewhere.
///
/// # Errors
/// If mdbook is not installed or fails, or a file cannot be read or written.
pub(crate) fn run() -> Result<bool> {
    if !has_mdbook() {
        return Err("mdbook is not installed: cargo install mdbook".into());
    }
    let root = workspace::root();
    let target = workspace::target_dir()?;
    let (copy, site) = (target.join(PAGES), target.join(SITE));
    for dir in [&copy, &site] {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
    }
    let mut files = tidy::read_all(&root)?;
    let pictures = pictures_without_text(&root, &files)?;
    // Links to them lead to the site: their text does not matter.
    files.extend(pictures.iter().map(|path| (path.clone(), String::new())));
    let manifest = files.get("Cargo.toml").map_or("", String::as_str);
    let repository = pages::repository(manifest).ok_or("Cargo.toml names no repository")?;
    for (path, text) in pages::of_site(&files, repository) {
        write(&copy.join(path), text.as_bytes())?;
    }
    for path in &pictures {
        write(&copy.join(Path::new(path).strip_prefix(DOCS)?), &fs::read(root.join(path))?)?;
    }
    let mut mdbook = Command::new("mdbook");
    let status = mdbook.arg("build").arg(&copy).arg("--dest-dir").arg(&site).status()?;
    if !status.success() {
        return Err(format!("{mdbook:?} failed: {status}").into());
    }
    let built = read_site(&site)?;
    let lost = links::lost(&built);
    for link in &lost {
        println!("{link}");
    }
    println!("{}: {} pages, {} lost links", site.display(), built.len(), lost.len());
    Ok(lost.is_empty())
}

/// Returns whether the program that builds the site is installed.
pub(crate) fn has_mdbook() -> bool {
    Command::new("mdbook").arg("--version").stdout(Stdio::null()).status().is_ok()
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(())
}

/// Returns the paths of pictures such as WebP, which are not among the texts of the checkout.
fn pictures_without_text(root: &Path, texts: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let mut pictures = Vec::new();
    for entry in fs::read_dir(root.join(PICTURES))? {
        let path = format!("{PICTURES}/{}", entry?.file_name().display());
        if !texts.contains_key(&path) {
            pictures.push(path);
        }
    }
    Ok(pictures)
}

/// Returns the files of the site by their paths in it. The text of a file that is not HTML is
/// empty.
fn read_site(site: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let mut dirs = vec![site.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let is_page = path.extension().is_some_and(|extension| extension == "html");
            let text = if is_page { fs::read_to_string(&path)? } else { String::new() };
            let name = path.strip_prefix(site)?.display().to_string();
            files.insert(name, text);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use crate::workspace;

    use super::{PICTURES, pictures_without_text};

    #[test]
    fn pictures_are_those_that_are_not_texts() {
        let root = workspace::root();
        let texts = BTreeMap::from([(format!("{PICTURES}/terminal.svg"), String::new())]);
        let found = pictures_without_text(&root, &texts).unwrap();
        assert_eq!(found.len() + 1, fs::read_dir(root.join(PICTURES)).unwrap().count());
        assert!(!found.iter().any(|path| path.ends_with(".svg")), "{found:?}");
    }
}
