//! Resolves paths without accessing a tfs mount.
//!
//! A dead mount answers every request with "Transport endpoint is not connected", and a stuck one
//! does not answer. So a path is resolved name by name from the root directory. The part below a
//! tfs mount, by the kernel's mount table, is not resolved.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::MountTable;

/// Maximum number of symbolic links, as in the kernel (`path_resolution(7)`).
const LINKS_MAX: usize = 40;

/// Result of resolving a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The path without symbolic links: complete, or up to the tfs mount that contains it.
    pub path: PathBuf,
    /// The names below that mount, without `.` and `..`. `None` outside of tfs mounts.
    pub inside: Option<Vec<OsString>>,
}

/// Returns `path` as in the mount table: absolute and without symbolic links. The last name is
/// followed too, as in `mount(2)` and `umount(8)`. The path need not exist, and nothing below a tfs
/// mount is accessed.
///
/// # Errors
/// If a directory of the path is missing or may not be searched, if there are more than 40 symbolic
/// links, or if `/proc` is not mounted.
pub fn locate(path: &Path) -> io::Result<PathBuf> {
    let table = MountTable::read()?;
    let Location { mut path, inside } = table.locate(path)?;
    path.extend(inside.into_iter().flatten());
    Ok(path)
}

impl MountTable {
    /// Resolves a path by this table.
    ///
    /// # Errors
    /// Like [`locate`], except for `/proc`.
    pub fn locate(&self, path: &Path) -> io::Result<Location> {
        let is_ours = |path: &Path| self.at(path).is_some_and(super::MountEntry::is_tfs);
        follow(&std::path::absolute(path)?, is_ours)
    }
}

fn follow(path: &Path, is_ours: impl Fn(&Path) -> bool) -> io::Result<Location> {
    let mut at = PathBuf::from("/");
    let mut rest: VecDeque<_> = path.components().map(owned).collect();
    let mut link_count = 0;
    while let Some(name) = rest.pop_front() {
        if name == "/" {
            at = PathBuf::from("/");
        } else if name == ".." {
            at.pop();
        } else if name != "." {
            let next = at.join(name);
            if is_ours(&next) {
                return Ok(Location { path: next, inside: Some(lexical(rest)) });
            }
            // Unlike a `stat` of `next`, this never sends a request to a filesystem mounted on it.
            match fs::read_link(&next) {
                Ok(target) => {
                    link_count += 1;
                    if link_count > LINKS_MAX {
                        return Err(Errno::LOOP.into());
                    }
                    for name in target.components().map(owned).rev() {
                        rest.push_front(name);
                    }
                }
                // Not a link, or the last name, which need not exist.
                Err(error) if is_no_link(&error) || rest.is_empty() => at = next,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Location { path: at, inside: None })
}

fn is_no_link(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::INVAL)
}

fn owned(component: Component<'_>) -> OsString {
    component.as_os_str().to_owned()
}

/// Resolves `..` in the remaining names. A path that leads out of the mount becomes its root.
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

    /// Resolves a path in a directory where `mnt` is a tfs mount.
    #[track_caller]
    fn check(dir: &Path, path: &str, want: &str) {
        let mount = dir.join("mnt");
        let text = match follow(&dir.join(path), |path| path == mount) {
            Ok(Location { path, inside }) => {
                let path = path.strip_prefix(dir).unwrap().display().to_string();
                let inside = inside.map(|names| names.iter().collect::<PathBuf>());
                inside.map_or(path.clone(), |inside| format!("{path}: {}", inside.display()))
            }
            Err(error) => format!("{}", Errno::from_io_error(&error).unwrap()),
        };
        assert_eq!(text, want, "{path}");
    }

    #[test]
    fn ways_end_at_the_mount_and_nothing_in_it_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        // `mnt` does not exist: accessing it would fail.
        fs::create_dir_all(dir.join("a/b")).unwrap();
        symlink(dir.join("mnt"), dir.join("absolute")).unwrap();
        symlink("../../mnt/t", dir.join("a/b/relative")).unwrap();
        symlink("loop", dir.join("loop")).unwrap();
        check(&dir, "mnt", "mnt: ");
        check(&dir, "mnt/", "mnt: ");
        check(&dir, "mnt/t/film.mkv", "mnt: t/film.mkv");
        check(&dir, "a/../mnt/./t/../u", "mnt: u");
        check(&dir, "absolute/t", "mnt: t");
        check(&dir, "a/b/relative/x", "mnt: t/x");
        check(&dir, "a/b", "a/b");
        check(&dir, "loop", &Errno::LOOP.to_string());
        check(&dir, "nowhere/x", &Errno::NOENT.to_string());
    }

    // util-linux#832: a mount point whose last name is a link.
    #[test]
    fn the_last_name_is_followed_as_mount_does() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir_all(dir.join("d/with space\nand line")).unwrap();
        fs::write(dir.join("file"), "").unwrap();
        symlink(dir.join("d"), dir.join("link")).unwrap();
        symlink("link", dir.join("chain")).unwrap();
        symlink("mnt", dir.join("to_mount")).unwrap();
        symlink("gone", dir.join("dangling")).unwrap();
        check(&dir, "link", "d");
        check(&dir, "link/", "d");
        check(&dir, "chain/.", "d");
        check(&dir, "chain/gone", "d/gone");
        check(&dir, "d/./x/", "d/x");
        check(&dir, "link/..", "");
        check(&dir, "to_mount", "mnt: ");
        check(&dir, "dangling", "gone");
        check(&dir, "file/x", "file/x");
        check(&dir, "link/with space\nand line", "d/with space\nand line");
        assert_eq!(locate(Path::new("/")).unwrap(), Path::new("/"));
    }
}
