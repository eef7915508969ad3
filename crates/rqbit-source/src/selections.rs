//! Which files the server downloads, from the details of torrents.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rqbit_client::wire::TorrentDetails;
use vfs_core::{Bitfield, InfoHash};

/// Maximum number of selections that wait to be taken. More than a first poll of most servers has;
/// others cost a second request for their details.
const WAITING_MAX: usize = 10_000;

/// The selections of torrents that have one, until they are taken.
#[derive(Debug, Default)]
pub(crate) struct FileSelections {
    /// Held for one access.
    waiting: Mutex<HashMap<InfoHash, Bitfield>>,
}

impl FileSelections {
    /// Keeps the selection in an answer. All files are no selection.
    pub(crate) fn on_details(&self, details: &TorrentDetails) {
        let files = details.files.as_deref().unwrap_or_default();
        let mut waiting = self.waiting();
        waiting.remove(&details.info_hash);
        if files.iter().all(|file| file.included) || waiting.len() >= WAITING_MAX {
            return;
        }
        let is_included = |index: u32| {
            let file = usize::try_from(index).ok().and_then(|index| files.get(index));
            file.is_some_and(|file| file.included)
        };
        let selection = u32::try_from(files.len()).ok();
        let selection = selection.and_then(|count| Bitfield::from_fn(count, is_included));
        waiting.extend(selection.map(|selection| (details.info_hash, selection)));
    }

    pub(crate) fn take(&self, torrent: InfoHash) -> Option<Bitfield> {
        self.waiting().remove(&torrent)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<InfoHash, Bitfield>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(included: &[bool]) -> TorrentDetails {
        let files = included.iter().map(|it| format!(r#"{{"length":1,"included":{it}}}"#));
        let files: Vec<_> = files.collect();
        let (hash, files) = ("07".repeat(20), files.join(","));
        serde_json::from_str(&format!(r#"{{"info_hash":"{hash}","files":[{files}]}}"#)).unwrap()
    }

    #[test]
    fn only_a_part_of_the_files_is_a_selection() {
        let selections = FileSelections::default();
        let hash = InfoHash::from_bytes([7; 20]);
        let taken = |included: &[bool]| {
            selections.on_details(&details(included));
            let taken = selections.take(hash)?;
            assert_eq!(selections.take(hash), None);
            Some((0..taken.piece_count()).map(|file| taken.has(file)).collect::<Vec<_>>())
        };
        assert_eq!(taken(&[true, true]), None);
        assert_eq!(taken(&[]), None);
        assert_eq!(taken(&[true, false]), Some(vec![true, false]));
        assert_eq!(taken(&[false]), Some(vec![false]));
        // A later answer replaces one that was not taken.
        selections.on_details(&details(&[false, true]));
        assert_eq!(taken(&[true, true]), None);
    }
}
