//! The stream of a file: it holds a permit for its whole life, and stalls at a missing piece.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::state::PermitState;
use super::{Body, PermitShared};
use crate::content::Content;

/// The longest chunk, as in rqbit.
const CHUNK_BYTES: u64 = 64 * 1024;

/// The range that a stream delivers.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamTarget {
    pub(super) torrent: usize,
    /// The offset of the file in the torrent.
    pub(super) file_start: u64,
    pub(super) content: Content,
    /// The next offset in the file.
    pub(super) pos: u64,
    /// Its end, exclusive.
    pub(super) end: u64,
}

/// Waits for a permit, and returns the body of a stream that holds it.
pub(super) async fn open(shared: &Arc<PermitShared>, target: StreamTarget) -> Option<Body> {
    let queued = Queued::new(shared);
    let permit = Arc::clone(&shared.permits).acquire_owned().await.ok()?;
    let mut number = 0;
    shared.state.send_modify(|state| number = state.open());
    drop(queued);
    let seat = Seat { shared: Arc::clone(shared), number, _permit: permit };
    let reading = Reading { seat, states: shared.state.subscribe(), target };
    Some(StreamBody::new(stream::unfold(Some(reading), next)).boxed())
}

/// A request without a permit, while its client waits.
struct Queued<'a> {
    shared: &'a PermitShared,
}

impl<'a> Queued<'a> {
    fn new(shared: &'a PermitShared) -> Self {
        shared.state.send_modify(|state| state.queued += 1);
        Self { shared }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.shared.state.send_modify(|state| state.queued -= 1);
    }
}

/// A permit held by a stream, until the client has closed the connection or has all bytes.
struct Seat {
    shared: Arc<PermitShared>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.state.send_modify(|state| state.close(self.number));
    }
}

struct Reading {
    seat: Seat,
    states: watch::Receiver<PermitState>,
    target: StreamTarget,
}

/// Returns the next chunk when its piece is present. The permit is released before the last chunk
/// is sent: otherwise a client that has all bytes could be counted twice.
async fn next(
    reading: Option<Reading>,
) -> Option<(Result<Frame<Bytes>, Infallible>, Option<Reading>)> {
    let mut reading = reading?;
    let StreamTarget { torrent, file_start, content, pos, end } = reading.target;
    let offset = file_start + pos;
    let (piece, piece_end) = {
        let state = reading.states.borrow();
        let torrent = state.torrents.get(torrent)?;
        (torrent.piece_of(offset), torrent.piece_end(offset))
    };
    let is_here = |state: &PermitState| state.torrents.get(torrent).is_some_and(|it| it.has(piece));
    reading.seat.shared.state.send_if_modified(|state| {
        let is_missing = !is_here(state);
        if is_missing {
            state.wish(reading.seat.number, torrent, piece);
        }
        is_missing
    });
    // The sender lives in the state, which the seat holds.
    drop(reading.states.wait_for(is_here).await);
    let chunk_end = end.min(piece_end - file_start).min(pos + CHUNK_BYTES);
    let bytes = content.bytes(pos, usize::try_from(chunk_end - pos).unwrap_or(usize::MAX));
    reading.target.pos = chunk_end;
    let rest = (chunk_end < end).then_some(reading);
    Some((Ok(Frame::data(bytes.into())), rest))
}
