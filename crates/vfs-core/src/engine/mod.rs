//! The engine: how a read of an open file becomes a stream of its source.
//!
//! Each read takes a turn, asks for exactly its bytes, checks the offset of every chunk, and ends
//! by its deadline. The permit that a turn needs is what protects the server: there are never more
//! open streams than [`SourceLimits::streams_max`](crate::SourceLimits), in the order of arrival.

mod fill;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::tree::FileRef;
use crate::{ByteRange, TorrentSource, VfsError};

/// How reads behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadPolicy {
    /// How long a read may take, waiting for its turn included.
    pub timeout: Duration,
}

impl Default for ReadPolicy {
    /// One minute: longer than a piece takes from a slow peer, shorter than a user's patience.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60) }
    }
}

/// Reads of all open files.
#[derive(Debug)]
pub(crate) struct Engine<S> {
    source: Arc<S>,
    policy: ReadPolicy,
    /// One permit for each stream that may be open; fair, in the order of arrival.
    turns: Semaphore,
    /// Becomes true once, when the filesystem shuts down.
    is_shut_down: watch::Sender<bool>,
}

impl<S: TorrentSource> Engine<S> {
    pub(crate) fn new(source: Arc<S>, policy: ReadPolicy) -> Self {
        let streams_max = source.limits().streams_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            source,
            policy,
            turns: Semaphore::new(streams_max),
            is_shut_down: watch::Sender::new(false),
        }
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    pub(crate) fn shut_down(&self) {
        self.is_shut_down.send_replace(true);
    }

    /// Returns the bytes of `range`, all of them, or an error by the deadline.
    pub(crate) async fn read(&self, file: FileRef, range: ByteRange) -> Result<Bytes, VfsError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let mut shut_down = self.is_shut_down.subscribe();
        tokio::select! {
            biased;
            // The sender lives as long as the engine, so this ends only by a shutdown.
            _ = shut_down.wait_for(|is_shut_down| *is_shut_down) => Err(VfsError::ShuttingDown),
            bytes = timeout(self.policy.timeout, self.read_in_turn(file, range)) => {
                bytes.unwrap_or(Err(VfsError::TimedOut))
            }
        }
    }

    async fn read_in_turn(&self, file: FileRef, range: ByteRange) -> Result<Bytes, VfsError> {
        // The semaphore is never closed.
        let Ok(_turn) = self.turns.acquire().await else { return Err(VfsError::ShuttingDown) };
        let stream = self.source.open_at(file.id, file.len, range).await?;
        Ok(fill::read_to_end(stream, range).await?)
    }
}
