//! From a path inside a mount to the mount and the path from its root.
//!
//! A mount whose process hangs makes hang whoever looks at a path in it. So the way is walked from
//! the root directory, name by name, and ends at the mount by the kernel's table: nothing in it is
//! looked at.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use fuse_adapter::mountinfo::MountTable;
use rustix::io::Errno;

use super::find::{FindError, FoundMount, find_mount};
use crate::blocking::blocking;

/// As many symbolic links as the kernel follows.
const LINKS_MAX: usize = 40;

/// Paths that are in one mount.
#[derive(Debug, Clone)]
pub struct InMount {
    /// The mount.
    pub found: FoundMount,
    /// The paths from its root, without a slash before them; the root is empty.
    pub paths: Vec<String>,
}

/// Returns the mounts that some paths are in, and where in them. Symbolic links on the way to a
/// mount are followed, those in it are not.
///
/// # Errors
/// [`FindError`]; `NotInMount` for a path that is in none.
pub async fn find_mounts_of(paths: &[PathBuf]) -> Result<Vec<InMount>, FindError> {
    let mut mounts: Vec<(PathBuf, Vec<String>)> = Vec::new();
    for path in paths {
        let path = path.clone();
        let (mountpoint, inside) = blocking(move || enter(&path)).await?;
        match mounts.iter_mut().find(|(known, _)| *known == mountpoint) {
            Some((_, all)) => all.push(inside),
            None => mounts.push((mountpoint, vec![inside])),
        }
    }
    let mut found = Vec::new();
    for (mountpoint, paths) in mounts {
        found.push(InMount { found: find_mount(Some(&mountpoint)).await?, paths });
    }
    Ok(found)
}

fn enter(path: &Path) -> Result<(PathBuf, String), FindError> {
    let failed = |source| FindError::Path { path: path.to_owned(), source };
    let table = MountTable::read().map_err(failed)?;
    let absolute = std::path::absolute(path).map_err(failed)?;
    let is_mount = |path: &Path| table.at(path).is_some_and(|entry| entry.is_tfs());
    let Some((mountpoint, rest)) = walk(&absolute, is_mount).map_err(failed)? else {
        return Err(FindError::NotInMount { path: path.to_owned() });
    };
    let names: Option<Vec<_>> = rest.iter().map(|name| name.to_str()).collect();
    // Names in a mount are UTF-8.
    let names = names.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    Ok((mountpoint, names.join("/")))
}

/// Walks along a path until it comes to a mount, and returns that and the names that are left.
fn walk(
    path: &Path,
    is_mount: impl Fn(&Path) -> bool,
) -> io::Result<Option<(PathBuf, Vec<OsString>)>> {
    let mut at = PathBuf::from("/");
    let mut rest: VecDeque<_> = path.components().map(owned).collect();
    let mut link_count = 0;
    while let Some(name) = rest.pop_front() {
        match name.as_os_str() {
            name if name == "/" => at = PathBuf::from("/"),
            name if name == "." => {}
            name if name == ".." => drop(at.pop()),
            name => {
                let next = at.join(name);
                if is_mount(&next) {
                    return Ok(Some((next, lexical(rest))));
                }
                if fs::symlink_metadata(&next)?.is_symlink() {
                    link_count += 1;
                    if link_count > LINKS_MAX {
                        return Err(Errno::LOOP.into());
                    }
                    let target = fs::read_link(&next)?;
                    for name in target.components().map(owned).rev() {
                        rest.push_front(name);
                    }
                } else {
                    at = next;
                }
            }
        }
    }
    Ok(None)
}

fn owned(component: Component<'_>) -> OsString {
    component.as_os_str().to_owned()
}

/// Takes the names that go back out of those that are left. No more than there are: a path that
/// leads out of the mount is taken as its root.
fn lexical(rest: VecDeque<OsString>) -> Vec<OsString> {
    let mut names = Vec::new();
    for name in rest {
        if name == ".." {
            names.pop();
        } else if name != "." {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[track_caller]
    fn check(dir: &Path, path: &str, want: Option<(&str, &str)>) {
        let mount = dir.join("mnt");
        let walked = walk(&dir.join(path), |path| path == mount).unwrap();
        let found = walked.map(|(mountpoint, rest)| {
            let rest: PathBuf = rest.iter().collect();
            (mountpoint.strip_prefix(dir).unwrap().to_owned(), rest)
        });
        assert_eq!(found, want.map(|(at, rest)| (at.into(), rest.into())), "{path}");
    }

    #[test]
    fn ways_end_at_the_mount_and_nothing_in_it_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        // Nothing is there: whoever looked into the mount would see that.
        fs::create_dir_all(dir.join("a/b")).unwrap();
        symlink(dir.join("mnt"), dir.join("absolute")).unwrap();
        symlink("../../mnt/t", dir.join("a/b/relative")).unwrap();
        symlink("loop", dir.join("loop")).unwrap();
        check(&dir, "mnt", Some(("mnt", "")));
        check(&dir, "mnt/t/film.mkv", Some(("mnt", "t/film.mkv")));
        check(&dir, "a/../mnt/./t/../u", Some(("mnt", "u")));
        check(&dir, "absolute/t", Some(("mnt", "t")));
        check(&dir, "a/b/relative/x", Some(("mnt", "t/x")));
        check(&dir, "a/b", None);
        for (path, want) in [("loop", Errno::LOOP), ("nowhere/x", Errno::NOENT)] {
            let error = walk(&dir.join(path), |_| false).unwrap_err();
            assert_eq!(Errno::from_io_error(&error), Some(want), "{path}");
        }
    }
}
