//! Counts what was downloaded because programs read missing data.

use std::sync::Weak;
use std::time::Duration;

use tfs_sys::process::shown_name;
use vfs_core::{ReaderOrigin, TorrentSource, Vfs};

use super::downloads::{HandleDownload, UNKNOWN, client};
use super::info::MountInfo;

/// How often the downloads of open and closed files are counted. The core keeps those of 1,024
/// closed files, and the kernel's side their programs for half a minute.
const INTERVAL: Duration = Duration::from_secs(5);

/// Counts the downloads of a mount until its filesystem is dropped.
///
/// # Cancel safety
/// Dropping the future ends the counting.
pub(crate) async fn log_downloads<S: TorrentSource>(vfs: Weak<Vfs<S>>, about: MountInfo) {
    let mut counted = 0;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(vfs) = vfs.upgrade() else { return };
        let closed = vfs.take_closed_readers();
        let total = vfs.counters().bytes_downloaded_by_readers;
        if total == counted && closed.is_empty() {
            continue;
        }
        counted = total;
        let now = about.started.elapsed();
        let name = |handle, origin: Option<&ReaderOrigin>| match origin {
            Some(origin) => client(origin),
            None => about
                .kernel
                .get()
                .and_then(|kernel| kernel.program_of(handle))
                .map_or_else(|| UNKNOWN.to_owned(), |program| shown_name(&program.command)),
        };
        for reader in vfs.readers() {
            let download = HandleDownload {
                handle: reader.handle,
                file: reader.file,
                bytes: reader.bytes_downloaded,
                is_closed: false,
            };
            about.downloads.add(now, download, |handle| name(handle, reader.origin.as_deref()));
        }
        for reader in closed {
            let download = HandleDownload {
                handle: reader.handle,
                file: reader.file,
                bytes: reader.bytes_downloaded,
                is_closed: true,
            };
            about.downloads.add(now, download, |handle| name(handle, reader.origin.as_deref()));
        }
        about.downloads.forget_closed(now);
    }
}
