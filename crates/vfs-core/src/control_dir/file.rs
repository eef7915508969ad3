//! Control files: text that is rendered on open.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{BY_HASH_NAME, SEARCH_NAME};

/// Maximum number of control files, for which inode numbers are reserved.
const FILES_MAX: usize = 64;

/// A file in `.tfs/` whose content is rendered on open.
///
/// Each open has its own content, which does not change until the close, so that it can be read in
/// parts.
#[derive(Clone)]
pub struct ControlFile {
    /// The name, a valid file name.
    pub name: &'static str,
    /// Renders the content. It runs on a request thread and must not block; it may call any method
    /// of the filesystem that does not block either.
    pub render: Arc<dyn Fn() -> Bytes + Send + Sync>,
}

impl fmt::Debug for ControlFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Returns the files without those of reserved or duplicate names; at most [`FILES_MAX`].
pub(super) fn distinct(files: Vec<ControlFile>) -> Box<[ControlFile]> {
    let mut distinct: Vec<ControlFile> = Vec::new();
    for file in files {
        let is_taken = [BY_HASH_NAME, SEARCH_NAME].contains(&file.name)
            || distinct.iter().any(|other| other.name == file.name);
        if is_taken || distinct.len() == FILES_MAX {
            tracing::error!(name = file.name, "this control file has no inode number");
        } else {
            distinct.push(file);
        }
    }
    distinct.into()
}
