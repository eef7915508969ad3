//! The preload of a file that follows the one that is played.

use vfs_core::{FileParts, PreloadError, TorrentFile, TorrentSource, Vfs};

use super::running::Preloads;

/// Resolves when the parts of a file are on the server. The status shows that it follows the file
/// at the path `follows`.
///
/// # Errors
/// As [`Vfs::preload`].
///
/// # Cancel safety
/// As [`Vfs::preload`]; the status no longer shows it.
pub(crate) async fn preload_next<S: TorrentSource>(
    vfs: &Vfs<S>,
    (file, parts): (&TorrentFile, FileParts),
    preloads: &Preloads,
    follows: &str,
) -> Result<(), PreloadError> {
    let noted = preloads.begin();
    noted.on_start_next(file, parts.bytes_of(file.len), follows);
    vfs.preload(file, parts, |progress| noted.on_progress(file.id, progress)).await
}
