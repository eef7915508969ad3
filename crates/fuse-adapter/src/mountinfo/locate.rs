//! Where a path leads, without a look into a mount of ours.
//!
//! A dead mount answers everything with "Transport endpoint is not connected", and one whose
//! process is stuck with nothing. So a path is followed name by name from the root directory, and
//! what is below a mount of ours by the kernel's table is taken as it is written.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::MountTable;

/// As many symbolic links as the kernel follows (`path_resolution(7)`).
const LINKS_MAX: usize = 40;

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The way without symbolic links: to the end, or to the mount that it ends in.
    pub path: PathBuf,
    /// The names below that mount, without `.` and `..`. `None` if the way is in no mount of ours.
    pub inside: Option<Vec<OsString>>,
}

/// Returns the path that the table has for `path`: absolute and without symbolic links, the last
/// name being followed too, as `mount(2)` and `umount(8)` do. Nothing has to be there, and below a
/// mount of ours nothing is looked at.
///
/// # Errors
/// If a directory on the way is missing or may not be searched, if there are more than 40 symbolic
/// links, or if `/proc` is not mounted.
pub fn locate(path: &Path) -> io::Result<PathBuf> {
    let table = MountTable::read()?;
    let Location { mut path, inside } = table.locate(path)?;
    path.extend(inside.into_iter().flatten());
    Ok(path)
}

impl MountTable {
    /// Returns where a path leads by this table.
    ///
    /// # Errors
    /// As for [`locate`], but for `/proc`.
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
            // This never asks the filesystem whose root `next` is, unlike a look at what it is.
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
                // It is no link, or it is the end of the way, where nothing has to be.
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

/// Takes the names that go back out of those that are left. A path that leads out of the mount is
/// taken as its root.
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

    /// Follows a path in a directory where `mnt` is a mount of ours.
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
        // There is no `mnt`: a look into it would fail.
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
