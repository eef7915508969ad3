//! Changes of a library.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// Number of changes that a slow receiver may be behind.
pub(crate) const CHANGES_MAX: usize = 1024;

/// A change of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LibraryChange {
    /// A torrent was added.
    Added {
        /// Path of its directory or only file.
        path: String,
    },
    /// A torrent was removed.
    Removed {
        /// Path that its directory or only file had.
        path: String,
    },
    /// All selected files of a torrent have been downloaded.
    Finished {
        /// Path of its directory or only file.
        path: String,
    },
    /// The receiver was too slow: some changes were dropped, and the entries should be read again.
    Missed {
        /// Number of dropped changes.
        count: u64,
    },
}

/// A stream of changes, until the library ends. It holds 1,024 changes that were not taken yet.
pub struct LibraryChanges {
    stream: BoxStream<'static, LibraryChange>,
}

impl LibraryChanges {
    pub(crate) fn new(
        changes: broadcast::Receiver<LibraryChange>,
        stop: CancellationToken,
    ) -> Self {
        let stream = stream::unfold((changes, stop), async |(mut changes, stop)| {
            let change = match stop.run_until_cancelled(changes.recv()).await? {
                Ok(change) => change,
                Err(RecvError::Lagged(count)) => LibraryChange::Missed { count },
                Err(RecvError::Closed) => return None,
            };
            Some((change, (changes, stop)))
        });
        Self { stream: stream.boxed() }
    }

    /// Resolves with the next change; `None` when the library has ended.
    ///
    /// # Cancel safety
    /// No change is lost.
    pub async fn next(&mut self) -> Option<LibraryChange> {
        self.stream.next().await
    }
}

impl Stream for LibraryChanges {
    type Item = LibraryChange;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(context)
    }
}

impl fmt::Debug for LibraryChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibraryChanges").finish_non_exhaustive()
    }
}
