//! Piece maps of files.

use super::Vfs;
use crate::piece_shares::{MappedFile, PieceShares};
use crate::{FileId, TorrentSource};

impl<S: TorrentSource> Vfs<S> {
    /// Returns what is there of a file, at any server or verified on the local disk, in at most
    /// `buckets_max` buckets; `None` if its torrent was removed.
    ///
    /// A complete file needs no request. Otherwise each server that has the torrent is asked for
    /// its bitfield, at most once a second and torrent, shared with reads. Waits for them for at
    /// most half a second; then the last known bitfield counts.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn piece_map(&self, file: FileId, buckets_max: usize) -> Option<PieceShares> {
        let (file, states) = {
            let tree = self.tree();
            (tree.file_by_id(file)?, tree.file_states(file))
        };
        let parts = self.engine.shown_pieces(file, &states).await;
        let mapped = MappedFile { len: file.len, geometry: file.geometry };
        Some(PieceShares::new(mapped, buckets_max, &parts))
    }

    /// Returns the path of a file from the root, without a leading slash; `None` if its torrent was
    /// removed, or if the file is not shown.
    #[must_use]
    pub fn path_of(&self, file: FileId) -> Option<String> {
        self.tree().path_of_file(file)
    }
}
