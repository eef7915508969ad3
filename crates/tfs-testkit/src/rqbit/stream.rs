//! The stream of a file: it holds a permit for its whole life, and stalls at a missing piece.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::RqbitShared;
use super::state::RqbitState;
use super::torrent::FakeTorrent;
use crate::content::Content;

/// The longest chunk, as in rqbit.
const CHUNK_BYTES: u64 = 64 * 1024;

/// The range that a stream delivers.
#[derive(Debug)]
pub(super) struct StreamTarget {
    /// The id of the torrent.
    pub(super) id: usize,
    pub(super) torrent: FakeTorrent,
    pub(super) file: usize,
    pub(super) content: Content,
    /// The next offset in the file.
    pub(super) pos: u64,
    /// Its end, exclusive.
    pub(super) end: u64,
}

/// A stream in flight: it counts until it is dropped, and holds its permit as long.
#[derive(Debug)]
pub(super) struct OpenStream {
    shared: Arc<RqbitShared>,
    number: u64,
    permit: Option<OwnedSemaphorePermit>,
}

impl OpenStream {
    /// Waits for a permit, if there is a limit.
    pub(super) async fn open(shared: &Arc<RqbitShared>) -> Option<Self> {
        let queued = QueuedStream::new(shared);
        let permit = match &shared.permits {
            Some(permits) => Some(Arc::clone(permits).acquire_owned().await.ok()?),
            None => None,
        };
        let mut number = 0;
        shared.state.send_modify(|state| number = state.open());
        drop(queued);
        Some(Self { shared: Arc::clone(shared), number, permit })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let (number, permit) = (self.number, self.permit.take());
        // Under the lock, so that a census never shows a free permit that is still held.
        self.shared.state.send_modify(|state| {
            drop(permit);
            state.close(number);
        });
    }
}

/// A request without a permit, while its client waits.
struct QueuedStream<'a> {
    shared: &'a RqbitShared,
}

impl<'a> QueuedStream<'a> {
    fn new(shared: &'a RqbitShared) -> Self {
        shared.state.send_modify(|state| state.queued += 1);
        Self { shared }
    }
}

impl Drop for QueuedStream<'_> {
    fn drop(&mut self) {
        self.shared.state.send_modify(|state| state.queued -= 1);
    }
}

/// The body of a stream.
#[derive(Debug)]
pub(super) struct PieceReader {
    /// `None` after the last chunk.
    stream: Option<OpenStream>,
    states: watch::Receiver<RqbitState>,
    target: StreamTarget,
}

impl PieceReader {
    /// Waits for a permit, and returns the body of a stream that holds it.
    pub(super) async fn open(shared: &Arc<RqbitShared>, target: StreamTarget) -> Option<Self> {
        let stream = Some(OpenStream::open(shared).await?);
        Some(Self { stream, states: shared.state.subscribe(), target })
    }

    /// Returns the next chunk when its piece is present. The permit is released before the last
    /// chunk is sent: otherwise a client that has all bytes could be counted twice.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        let stream = self.stream.as_ref()?;
        let StreamTarget { id, ref torrent, file, content, pos, end } = self.target;
        let file_start = torrent.file_start(file);
        let (piece, piece_end) =
            (torrent.piece_of(file_start + pos), torrent.piece_end(file_start + pos));
        let is_here = |state: &RqbitState| state.has(id, piece);
        stream.shared.state.send_if_modified(|state| {
            let is_missing = !is_here(state);
            if is_missing {
                state.wish(stream.number, id, piece);
            }
            is_missing
        });
        // The sender lives in the shared state, which the stream holds.
        drop(self.states.wait_for(is_here).await);
        let chunk_end = end.min(piece_end - file_start).min(pos + CHUNK_BYTES);
        let bytes = content.bytes(pos, usize::try_from(chunk_end - pos).unwrap_or(usize::MAX));
        self.target.pos = chunk_end;
        if chunk_end == end {
            self.stream = None;
        }
        Some(bytes.into())
    }
}
