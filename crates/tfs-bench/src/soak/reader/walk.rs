//! Everything except reads: listings, attributes, names that do not exist, views, holes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, getxattr, listxattr, seek};

use super::RunningTask;

/// The maximum number of files of a walk.
const FILES_MAX: usize = 300;

/// How many of them are checked.
const LOOKS: usize = 30;

pub(super) fn run(running: &mut RunningTask) {
    let root = running.task.path.clone();
    let mut dirs = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(dir) = dirs.pop() {
        let Some(entries) = running.outcome.timed("readdir", || list(&dir)) else { continue };
        for (path, is_dir) in entries {
            if is_dir { dirs.push(path) } else { files.push(path) }
        }
        lookup_nothing(running, &dir);
        if files.len() > FILES_MAX || !running.goes_on() {
            break;
        }
    }
    for _ in 0..LOOKS {
        let Some(file) = running.random.pick(&files).cloned() else { break };
        look_at(running, &file);
        if !running.goes_on() {
            break;
        }
    }
    views(running, &root);
}

fn list(dir: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    fs::read_dir(dir)?
        .map(|entry| {
            let entry = entry?;
            Ok((entry.path(), entry.file_type()?.is_dir()))
        })
        .collect()
}

fn look_at(running: &mut RunningTask, file: &Path) {
    running.outcome.timed("stat", || fs::symlink_metadata(file));
    running.outcome.timed("listxattr", || Ok(listxattr(file, &mut [0_u8; 4096])?));
    running.outcome.timed("getxattr", || Ok(getxattr(file, "user.tfs.state", &mut [0_u8; 256])?));
    if running.random.chance(10) {
        let Some(file) = running.outcome.timed("open", || File::open(file)) else { return };
        // In a file without bytes, no offset is valid.
        running.outcome.timed("lseek", || match seek(&file, SeekFrom::Hole(0)) {
            Err(rustix::io::Errno::NXIO) => Ok(0),
            result => Ok(result?),
        });
    }
}

fn lookup_nothing(running: &mut RunningTask, dir: &Path) {
    for number in 0..running.random.range(0, 5) {
        let name = format!("nothing-{number}-{}", running.random.range(0, 20));
        running.outcome.timed("lookup", || match fs::symlink_metadata(dir.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(io::Error::other("there is such a file")),
        });
    }
}

fn views(running: &mut RunningTask, root: &Path) {
    let views = root.join(".tfs");
    for name in ["status.json", "metrics", "healthy"] {
        running.outcome.timed("view", || fs::read(views.join(name)));
    }
    running.outcome.timed("readdir", || list(&views.join("by-hash")));
    let words = ["bin", "odd", "new", "film", "nothing like it"];
    let word = running.random.pick(&words).copied().unwrap_or_default();
    running.outcome.timed("readdir", || list(&views.join("search").join(word)));
}
