//! A downloader that has some ranges of a torrent and no peers.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::Swarm;
use super::error::{Result, SwarmError};
use super::torrent::SwarmTorrent;
use crate::content::Content;

/// The buffer size of writes.
const BUF_BYTES: usize = 256 * 1024;

impl Swarm {
    /// Leaves the downloader only these ranges of the only file of a torrent, and no peer, so that
    /// this state lasts. The rest are holes on its disk, and its check finds the present pieces. A
    /// restart keeps the state. Returns when the check is done.
    ///
    /// # Errors
    /// If the server refuses, or the file cannot be written.
    pub async fn keep_only(
        &mut self,
        torrent: &SwarmTorrent,
        keeps: &[Range<u64>],
    ) -> Result<SwarmTorrent> {
        let [file] = torrent.files.as_slice() else {
            return Err(SwarmError::NoSuchFile(torrent.name.clone()));
        };
        self.forget(torrent).await?;
        let path = torrent.disk_path(file);
        write(&path, file.content, keeps).map_err(|error| SwarmError::file(&path, error))?;
        let mut torrent = torrent.clone();
        torrent.download.is_alone = true;
        self.add_again(&torrent).await?;
        self.wait_checked(&torrent).await?;
        Ok(torrent)
    }
}

/// Overwrites a file with ranges of a content, and holes between them.
fn write(path: &Path, content: Content, keeps: &[Range<u64>]) -> io::Result<()> {
    let file = File::create(path)?;
    file.set_len(content.len())?;
    let mut buf = vec![0; BUF_BYTES];
    for range in keeps {
        let mut offset = range.start;
        while offset < range.end {
            let left = usize::try_from(range.end - offset).unwrap_or(usize::MAX);
            let filled =
                content.fill(offset, buf.get_mut(..left.min(BUF_BYTES)).unwrap_or(&mut []));
            if filled == 0 {
                break;
            }
            file.write_all_at(buf.get(..filled).unwrap_or(&[]), offset)?;
            offset += filled as u64;
        }
    }
    Ok(())
}
