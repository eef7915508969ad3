//! Control files: text that is made when it is read.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{BY_HASH_NAME, SEARCH_NAME};

/// How many control files there are at most: far more than anybody has a use for, and inode
/// numbers are set aside for them.
const FILES_MAX: usize = 64;

/// A file in `.tfs/` whose content is made when somebody opens it.
///
/// Each opening has its own content, which stays the same until it is closed, so that it can be
/// read in parts.
#[derive(Clone)]
pub struct ControlFile {
    /// The name, a valid file name.
    pub name: &'static str,
    /// Makes the content. It runs where the front end takes requests and so must not wait; it may
    /// ask the filesystem anything that does not wait either.
    pub render: Arc<dyn Fn() -> Bytes + Send + Sync>,
}

impl fmt::Debug for ControlFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Returns the files whose names are free, the first of each name.
pub(super) fn distinct(files: Vec<ControlFile>) -> Box<[ControlFile]> {
    let mut distinct: Vec<ControlFile> = Vec::new();
    for file in files {
        let is_taken = [BY_HASH_NAME, SEARCH_NAME].contains(&file.name)
            || distinct.iter().any(|other| other.name == file.name);
        if is_taken || distinct.len() == FILES_MAX {
            tracing::error!(name = file.name, "there is no place for this control file");
        } else {
            distinct.push(file);
        }
    }
    distinct.into()
}
