//! A target: configuration files.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use tempfile::TempDir;
use tfs_config::Sources;

/// In memory where there is such a place: a file is written for each input.
static DIR: LazyLock<TempDir> = LazyLock::new(|| {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("there is a directory")
});

/// Any file: settings, or problems with a place in the file each.
///
/// # Panics
/// If there is neither, or if what is shown cannot be said.
pub(crate) fn config(data: &[u8]) {
    // Inputs may run in several threads of one process.
    let path: PathBuf = DIR.path().join(format!("{:?}", std::thread::current().id()));
    fs::write(&path, data).expect("a file in memory can be written");
    let sources = Sources { named_file: Some(path), ..Sources::default() };
    match sources.load() {
        Ok(loaded) => {
            for shown in loaded.values() {
                assert!(!shown.key.is_empty());
            }
            drop(loaded.choose_server(&[]));
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(error.problems.iter().all(|problem| !problem.message.is_empty()));
        }
    }
}
