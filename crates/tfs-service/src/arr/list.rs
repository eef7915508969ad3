//! The lengths of the files of each torrent, which tell whether it is complete. They never change,
//! and are requested once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use rqbit_client::wire::{TorrentDetails, TorrentFile};
use rqbit_client::{Client, TorrentRef};
use tfs_types::InfoHash;

/// How many torrents are requested at a time.
const REQUESTS_AT_ONCE: usize = 8;

/// The files of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Completion {
    /// The length of each file; 0 for padding, which is never on the disk.
    lengths: Vec<u64>,
    /// The path of the file, if there is only one.
    only_file: Option<String>,
}

/// The files of all torrents of the server.
#[derive(Debug, Default)]
pub(super) struct Completions {
    /// Protects the map; held for one read or change. As large as the server's list.
    known: Mutex<HashMap<InfoHash, Arc<Completion>>>,
}

impl Completion {
    /// Returns the files of a torrent. `None` while a magnet is being resolved.
    pub(super) fn of(files: &[TorrentFile]) -> Option<Self> {
        let length = |file: &TorrentFile| if file.attributes.padding { 0 } else { file.length };
        let mut real = files.iter().filter(|file| !file.attributes.padding);
        let first = real.next()?;
        let only_file = real.next().is_none().then(|| first.components.join("/"));
        let only_file = only_file.filter(|path| !path.is_empty());
        Some(Self { lengths: files.iter().map(length).collect(), only_file })
    }

    /// Returns the path of the file below the folder, if there is only one.
    pub(super) fn only_file(&self) -> Option<&str> {
        self.only_file.as_deref()
    }

    /// Returns the length of all files, whether they are selected or not.
    pub(super) fn total_bytes(&self) -> u64 {
        self.lengths.iter().fold(0, |total, length| total.saturating_add(*length))
    }

    /// Returns the bytes that are there, by the progress of each file.
    pub(super) fn have_bytes(&self, file_progress: &[u64]) -> u64 {
        let have = self.lengths.iter().zip(file_progress);
        have.fold(0, |total, (length, have)| total.saturating_add(*length.min(have)))
    }
}

impl Completions {
    /// Returns the files of each torrent of a list, in its order. Requests those that are not known
    /// yet; `None` for those that the server does not tell.
    pub(super) async fn of_list(
        &self,
        client: &Client,
        torrents: &[TorrentDetails],
    ) -> Vec<Option<Arc<Completion>>> {
        let listed: Vec<_> = torrents.iter().map(|torrent| torrent.info_hash).collect();
        let unknown: Vec<_> = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() > listed.len() {
                let listed: std::collections::HashSet<_> = listed.iter().collect();
                known.retain(|info_hash, _| listed.contains(info_hash));
            }
            listed.iter().copied().filter(|info_hash| !known.contains_key(info_hash)).collect()
        };
        let requested = stream::iter(unknown).map(|info_hash| {
            let client = client.clone();
            async move {
                let details = client.torrent_details(TorrentRef::InfoHash(info_hash)).await;
                let files = details.ok().and_then(|details| details.files)?;
                Some((info_hash, Arc::new(Completion::of(&files)?)))
            }
        });
        let requested = requested.buffer_unordered(REQUESTS_AT_ONCE);
        let requested: Vec<_> = requested.filter_map(|found| async move { found }).collect().await;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(requested);
        listed.iter().map(|info_hash| known.get(info_hash).cloned()).collect()
    }
}
