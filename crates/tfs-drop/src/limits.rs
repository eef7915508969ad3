//! Limits of the folder, each with its reason.

use std::time::Duration;

/// Maximum size of a file in bytes: rqbit's limit.
pub const FILE_BYTES_MAX: usize = 10 << 20;

/// Maximum number of drafts: files that are not added yet. A draft that the server has answered is
/// none.
pub const DRAFTS_MAX: usize = 1000;

/// Maximum size of all drafts together, in bytes. They are kept in memory.
pub const DRAFT_BYTES_MAX: usize = 256 << 20;

/// Maximum number of `.error` files. The oldest is removed for a new one.
pub const NOTES_MAX: usize = 1000;

/// Maximum number of links in a file.
pub const LINKS_MAX: usize = 1000;

/// How long an incomplete file may stay closed before it counts as a mistake. Some programs write a
/// file in several steps.
pub const INCOMPLETE_TIME: Duration = Duration::from_secs(5);

/// How long an incomplete file is kept after that: a program may still complete it.
pub const LATE_TIME: Duration = Duration::from_secs(3600);

/// How long a temporary file is kept after its last close. A browser may pause a download.
pub const TEMPORARY_TIME: Duration = Duration::from_secs(24 * 3600);
