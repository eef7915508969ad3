//! The files of the checkout, and their text.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Result;

/// Directories that are skipped if git is not there to list ignored files.
const SKIPPED_DIRS: [&str; 2] = [".git", "target"];

/// Returns path and text of every text file that is tracked or not ignored.
///
/// A file that is not valid UTF-8 is a recording or an image; no rule applies to it.
///
/// # Errors
/// If a directory or a file cannot be read.
pub(crate) fn read_all(root: &Path) -> Result<BTreeMap<String, String>> {
    let paths = match listed_by_git(root) {
        Some(paths) => paths,
        None => walk(root)?,
    };
    let mut files = BTreeMap::new();
    for path in paths {
        let full = root.join(&path);
        // Git also lists deleted files before the commit. A symlink is checked at its target.
        if !fs::symlink_metadata(&full).is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let bytes = fs::read(&full).map_err(|error| format!("cannot read {path}: {error}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.insert(path, text);
        }
    }
    Ok(files)
}

/// Returns the list of git, without ignored files. `None` if this is not a checkout or git is not
/// installed.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let paths = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<_> = paths.split_terminator('\0').map(str::to_owned).collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

fn walk(root: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut dirs: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let path = entry.path();
            if !entry.file_type()?.is_dir() {
                let path = path.strip_prefix(root)?;
                paths.extend(path.to_str().map(str::to_owned));
            } else if !SKIPPED_DIRS.iter().any(|skipped| entry.file_name() == *skipped) {
                dirs.push(path);
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use crate::workspace;

    use super::{read_all, walk};

    #[test]
    fn this_file_is_found_with_and_without_git() {
        let path = "xtask/src/tidy/files.rs";
        let root = workspace::root();
        assert!(read_all(&root).unwrap().contains_key(path));
        let walked = walk(&root).unwrap();
        assert!(walked.iter().any(|found| found == path));
        assert!(!walked.iter().any(|found| found.starts_with("target/")));
    }
}
