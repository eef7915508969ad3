//! Validators and dates of nodes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vfs_core::{Attr, FileId};

/// Returns the strong validator of a file, with its quotes: the bytes of a file of a torrent never
/// change.
pub(crate) fn etag_of(file: FileId) -> String {
    format!("\"{}-{}\"", file.torrent, file.index.0)
}

/// Returns the modification time in seconds since 1970, as far as HTTP can say it.
pub(crate) fn modified_secs(attr: &Attr) -> u64 {
    /// The end of the year 9999.
    const LAST: u64 = 253_402_300_799;
    u64::try_from(attr.mtime).unwrap_or(0).min(LAST)
}

/// Returns the modification time.
pub(crate) fn modified_at(attr: &Attr) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(modified_secs(attr))
}
