//! Changes which files a server downloads of a torrent.

use std::time::Duration;

use rqbit_client::wire::{TorrentDetails, TorrentState};
use rqbit_client::{Client, Error, ErrorKind, TorrentRef};
use tfs_types::{Backoff, InfoHash};
use tokio::time::{Instant, sleep};

/// Pauses while the server checks the files of a torrent: some milliseconds for a new torrent
/// without data.
const CHECK_PAUSES: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(500));

/// Result of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selected {
    /// The server has the selection.
    Done,
    /// The server still checks the files. It changes no selection meanwhile.
    Checking,
}

/// Makes the server download these files only. Waits for `time_max` while it checks the torrent's
/// files.
///
/// # Errors
/// Those of the call.
///
/// # Cancel safety
/// The selection is changed or not.
pub(crate) async fn select_only(
    client: &Client,
    torrent: InfoHash,
    files: &[usize],
    time_max: Duration,
) -> Result<Selected, Error> {
    let which = TorrentRef::InfoHash(torrent);
    let deadline = Instant::now() + time_max;
    let mut pause = Duration::ZERO;
    loop {
        let error = match client.update_only_files(which, files).await {
            Ok(()) => return Ok(Selected::Done),
            Err(error) => error,
        };
        // rqbit answers 500 "can't update initializing torrent".
        let is_refusal = matches!(error.kind(), ErrorKind::Status(answer) if answer.status == 500);
        if !is_refusal {
            return Err(error);
        }
        let state = client.torrent_stats(which).await?.state;
        // The check may have ended between the two calls, so the first refusal is not final.
        if state != TorrentState::Initializing && pause >= CHECK_PAUSES.longest {
            return Err(error);
        }
        pause = CHECK_PAUSES.next(pause);
        if Instant::now() + pause > deadline {
            let is_checking = state == TorrentState::Initializing;
            return if is_checking { Ok(Selected::Checking) } else { Err(error) };
        }
        sleep(pause).await;
    }
}

/// Returns the indices of the files that the server downloads.
pub(crate) fn selected_files(details: &TorrentDetails) -> Vec<usize> {
    let files = details.files.iter().flatten().enumerate();
    files.filter(|(_, file)| file.included).map(|(index, _)| index).collect()
}
