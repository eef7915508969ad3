//! Maps a file of the server to a local path, and opens it without leaving its folder.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::LocalRefusal;
use super::system::{is_of_tfs, open_below, open_folder};

/// How the server's files are found on this machine. They are used on Linux only: on other systems
/// each of these is like [`LocalPaths::Off`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LocalPaths {
    /// Local files are not used.
    #[default]
    Off,
    /// At the paths that the server reports, if it is on this machine. A remote server could learn
    /// from its own reads which local files have which content.
    Auto,
    /// The first path of a pair, on the server, corresponds to the second one here. Other folders
    /// are not used.
    Mapped(Vec<(PathBuf, PathBuf)>),
}

impl LocalPaths {
    /// Returns the local path of a folder of the server.
    pub(crate) fn folder(&self, of_server: &str) -> Result<PathBuf, LocalRefusal> {
        let folder = Path::new(of_server);
        let is_plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
        if !folder.is_absolute() || !folder.components().all(is_plain) {
            return Err(LocalRefusal::Folder(of_server.to_owned()));
        }
        let pairs = match self {
            Self::Off => return Err(LocalRefusal::NotMapped(folder.to_owned())),
            Self::Auto => return Ok(folder.to_owned()),
            Self::Mapped(pairs) => pairs,
        };
        let inside =
            pairs.iter().filter_map(|(from, to)| Some((from, to, folder.strip_prefix(from).ok()?)));
        let nearest = inside.max_by_key(|(from, ..)| from.components().count());
        let (_, to, rest) = nearest.ok_or_else(|| LocalRefusal::NotMapped(folder.to_owned()))?;
        Ok(if rest == Path::new("") { to.clone() } else { to.join(rest) })
    }
}

/// Returns the path below the output folder for the names of a torrent, if they are valid.
pub(super) fn relative_path(names: &[String]) -> Option<PathBuf> {
    let is_name = |name: &String| {
        let path = Path::new(name);
        let mut parts = path.components();
        let first = parts.next() == Some(Component::Normal(OsStr::new(name)));
        first && parts.next().is_none() && !name.contains('\0')
    };
    (!names.is_empty() && names.iter().all(is_name)).then(|| names.iter().collect())
}

/// An open output folder.
#[derive(Debug)]
pub(super) struct OutputFolder {
    fd: OwnedFd,
    path: PathBuf,
}

impl OutputFolder {
    pub(super) fn open(path: PathBuf) -> Result<Self, LocalRefusal> {
        match open_folder(&path) {
            Ok(fd) => Ok(Self { fd, path }),
            Err(error) => Err(LocalRefusal::Open(path, error.into())),
        }
    }

    /// Opens a regular file of `len` bytes below the folder. No link is followed, not even one
    /// inside the folder: the server creates none.
    pub(super) fn open_file(&self, below: &Path, len: u64) -> Result<OwnedFd, LocalRefusal> {
        let failed = |error: Errno| LocalRefusal::Open(self.path.join(below), error.into());
        let fd = open_below(&self.fd, below).map_err(failed)?;
        let stat = fstat(&fd).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(LocalRefusal::NotRegular(self.path.join(below)));
        }
        let found = u64::try_from(stat.st_size).unwrap_or(0);
        if found != len {
            return Err(LocalRefusal::Length { path: self.path.join(below), found, want: len });
        }
        if is_of_tfs(&fd).map_err(|error| LocalRefusal::Open(self.path.join(below), error))? {
            return Err(LocalRefusal::OfTfs(self.path.join(below)));
        }
        Ok(fd)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use std::{fs, os::unix::fs::symlink};

    #[cfg(target_os = "linux")]
    use rustix::fs::{CWD, Mode};

    use super::*;

    #[track_caller]
    fn check_folder(paths: &LocalPaths, of_server: &str, want: Option<&str>) {
        assert_eq!(paths.folder(of_server).ok(), want.map(PathBuf::from), "{of_server}");
    }

    #[test]
    fn folders_are_mapped_by_their_longest_beginning() {
        check_folder(&LocalPaths::Auto, "/downloads/a", Some("/downloads/a"));
        check_folder(&LocalPaths::Auto, "downloads", None);
        check_folder(&LocalPaths::Auto, "/downloads/../etc", None);
        check_folder(&LocalPaths::Auto, "", None);
        check_folder(&LocalPaths::Off, "/downloads", None);
        let pair = |from: &str, to: &str| (PathBuf::from(from), PathBuf::from(to));
        let mapped = LocalPaths::Mapped(vec![
            pair("/downloads", "/srv/torrents"),
            pair("/downloads/films", "/srv/films"),
        ]);
        check_folder(&mapped, "/downloads", Some("/srv/torrents"));
        check_folder(&mapped, "/downloads/", Some("/srv/torrents"));
        check_folder(&mapped, "/downloads/a/b", Some("/srv/torrents/a/b"));
        check_folder(&mapped, "/downloads/films/b", Some("/srv/films/b"));
        check_folder(&mapped, "/downloads/films2", Some("/srv/torrents/films2"));
        check_folder(&mapped, "/downloads2", None);
        check_folder(&mapped, "/downloads/../x", None);
    }

    #[test]
    fn only_names_make_a_path() {
        let path = |names: &[&str]| {
            relative_path(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(path(&["a", "b c"]), Some(PathBuf::from("a/b c")));
        for names in [
            &[][..],
            &[""],
            &["."],
            &["a", ".."],
            &["/etc", "passwd"],
            &["a/b"],
            &["a/"],
            &["a", "./b"],
            &["a\0"],
        ] {
            assert_eq!(path(names), None, "{names:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_way_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        fs::create_dir_all(inside.join("sub")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("secret"), b"secret").unwrap();
        fs::write(inside.join("sub/right"), b"right!").unwrap();
        symlink(outside.join("secret"), inside.join("link")).unwrap();
        symlink(&outside, inside.join("linked")).unwrap();
        symlink("sub/right", inside.join("near")).unwrap();
        fs::create_dir(inside.join("folder")).unwrap();
        let fifo = inside.join("fifo");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let folder = OutputFolder::open(inside.clone()).unwrap();
        let open = |path: &str| folder.open_file(Path::new(path), 6).map(drop);
        assert!(open("sub/right").is_ok());
        for path in [
            "link",
            "linked/secret",
            "near",
            "folder",
            "fifo",
            "../out/secret",
            "absent",
            "/etc/passwd",
        ] {
            assert!(open(path).is_err(), "{path}");
        }
        assert!(matches!(
            folder.open_file(Path::new("sub/right"), 7),
            Err(LocalRefusal::Length { found: 6, want: 7, .. })
        ));

        // A directory that is replaced by a link during lookups.
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    fs::rename(inside.join("sub"), inside.join("aside")).unwrap();
                    symlink(&outside, inside.join("sub")).unwrap();
                    fs::remove_file(inside.join("sub")).unwrap();
                    fs::rename(inside.join("aside"), inside.join("sub")).unwrap();
                }
            });
            for _ in 0..2000 {
                assert!(open("sub/secret").is_err());
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
