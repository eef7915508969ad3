//! A probe for a file on the local disk, in its own task.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::table::LookKind;
use super::{DISK_TIME_MAX, LocalFileCache, OpenLocal, is_settled};
use crate::engine::driver::EngineDriver;
use crate::engine::{Engine, PIECES_TIME_MAX};
use crate::tree::{FileRef, FileState};
use crate::{
    ByteRange, FileId, Geometry, LocalFile, LocalPieces, LocalWanted, NoLocalFile, SourceError,
    SourceErrorKind, Timestamp, TorrentSource,
};

/// The time-out of a probe. A disk that spins up needs seconds; one that hangs never answers.
const LOOK_TIME_MAX: Duration = Duration::from_secs(30);

impl<S: TorrentSource> Engine<S> {
    /// Records that bytes of a file are read from the source, and starts a probe for a local file
    /// if one is due and worth its cost. Needs a runtime; does not block.
    pub(in crate::engine) fn look_for_local(
        &self,
        file: FileRef,
        state: Option<FileState>,
        bytes: u64,
    ) {
        let (Some(state), Some(geometry)) = (state, file.geometry) else { return };
        if self.locals.is_disabled() {
            return;
        }
        if file.len == 0 || self.locals.is_shut_down() {
            return;
        }
        let kind = match (self.is_reopenable(file, state), is_settled(state.torrent)) {
            (true, true) => LookKind::ReopenOrVerify,
            (true, false) => LookKind::ReopenOnly,
            (false, true) => LookKind::Verify,
            (false, false) => return,
        };
        let (now, piece_len) = (self.shared.now(), geometry.piece_len);
        let order = {
            let mut table = self.locals.table();
            table.on_source(now, file.id, bytes);
            table.order(now, file.id, piece_len, kind)
        };
        let Some(order) = order else { return };
        let look = LocalProbe {
            shared: Arc::clone(&self.shared),
            locals: Arc::clone(&self.locals),
            file: file.id,
            generation: order.generation,
            found: Err(NoLocalFile::Refused("the probe ended early".into())),
        };
        let wanted = ProbeTarget {
            len: file.len,
            geometry,
            is_complete: state.may_be_whole(file.len),
            may_verify: kind != LookKind::ReopenOnly,
        };
        let mut looks = self.locals.lock_looks();
        while looks.try_join_next().is_some() {}
        looks.spawn(look.run(wanted, order.proven));
    }
}

impl<S: TorrentSource> Engine<S> {
    /// Returns whether a file was complete when it was verified, and the source does not contradict
    /// that: then it is only opened, which needs nothing from the source.
    pub(in crate::engine) fn is_reopenable(&self, file: FileRef, state: FileState) -> bool {
        state.may_be_whole(file.len) && self.source().is_local_known(file.id)
    }

    /// Returns a file that is complete on the local disk.
    pub(in crate::engine) fn whole_local(&self, file: FileId) -> Option<Arc<dyn LocalFile>> {
        let here = self.locals.table().whole(self.shared.now(), file)?;
        Some(Arc::clone(&here.file))
    }

    /// Starts a probe for a local file that was verified before, and waits for its end.
    pub(in crate::engine) async fn find_local(&self, file: FileRef, state: Option<FileState>) {
        self.look_for_local(file, state, 0);
        self.looked(file.id).await;
    }

    /// Returns a file that was verified before, and waits if it is being opened: if the source is
    /// down, no other copy may be reachable. Returns `None` at once for other files.
    pub(in crate::engine) async fn reopened(
        &self,
        file: FileRef,
        state: Option<FileState>,
        deadline: Timestamp,
    ) -> Option<Arc<OpenLocal>> {
        if !state.is_some_and(|state| self.is_reopenable(file, state)) {
            return None;
        }
        // Half of the remaining time is reserved for the source.
        let time_max = deadline.duration_since(self.shared.now()) / 2;
        if timeout(time_max.min(DISK_TIME_MAX), self.looked(file.id)).await.is_err() {
            tracing::debug!(torrent = %file.id.torrent, "a local file is too slow to open");
        }
        self.locals.here(self.shared.now(), file.id)
    }

    /// Resolves when no probe of a file is running.
    async fn looked(&self, file: FileId) {
        loop {
            // Before the table is read, so that no wake-up is lost in between.
            let mut woken = pin!(self.locals.looked.notified());
            woken.as_mut().enable();
            if !self.locals.table().is_looking(file) {
                return;
            }
            woken.await;
        }
    }
}

/// The target of a probe.
struct ProbeTarget {
    len: u64,
    geometry: Geometry,
    is_complete: bool,
    may_verify: bool,
}

/// A running probe. It always reports its end to the table, on drop.
struct LocalProbe<S> {
    shared: Arc<EngineDriver<S>>,
    locals: Arc<LocalFileCache>,
    file: FileId,
    generation: u64,
    found: Result<OpenLocal, NoLocalFile>,
}

impl<S: TorrentSource> LocalProbe<S> {
    async fn run(mut self, wanted: ProbeTarget, proven: Option<LocalPieces>) {
        let look = self.find(wanted, proven);
        let found = timeout(LOOK_TIME_MAX, look).await.unwrap_or_else(|_elapsed| {
            Err(NoLocalFile::Refused("the disk or the server does not answer".into()))
        });
        self.found = found;
    }

    async fn find(
        &self,
        ProbeTarget { len, geometry, is_complete, may_verify }: ProbeTarget,
        proven: Option<LocalPieces>,
    ) -> Result<OpenLocal, NoLocalFile> {
        let whole = ByteRange::clamped(0, len, len);
        // The bitfield is requested before the file is opened or read.
        let (pieces, have_bytes) = if is_complete {
            (LocalPieces::All, len)
        } else {
            let torrent = self.file.torrent;
            let pieces = timeout(PIECES_TIME_MAX, self.shared.pieces(torrent)).await;
            let Some(have) = pieces.ok().flatten() else {
                let context = format!("report the pieces of {torrent}");
                let error = SourceError::new(SourceErrorKind::Failed, context);
                return Err(NoLocalFile::Unknown(error.into()));
            };
            let have_bytes = geometry.have_bytes(&have, whole);
            (LocalPieces::Some(have), have_bytes)
        };
        if have_bytes == 0 {
            return Err(NoLocalFile::NotYet);
        }
        if proven.as_ref() == Some(&pieces)
            && let Some(known) = self.known()
        {
            return Ok(OpenLocal { file: known, pieces, have_bytes });
        }
        let wanted = LocalWanted { len, geometry, pieces: pieces.clone(), proven, may_verify };
        let file = self.shared.source.local_file(self.file, wanted).await?;
        Ok(OpenLocal { file, pieces, have_bytes })
    }

    fn known(&self) -> Option<Arc<dyn LocalFile>> {
        let here = self.locals.here(self.shared.now(), self.file)?;
        Some(Arc::clone(&here.file))
    }
}

impl<S> Drop for LocalProbe<S> {
    fn drop(&mut self) {
        let early = Err(NoLocalFile::NotYet);
        let found = std::mem::replace(&mut self.found, early);
        let (torrent, file) = (self.file.torrent, self.file.index.0);
        match &found {
            Ok(here) => {
                let is_complete = here.pieces == LocalPieces::All;
                tracing::debug!(%torrent, file, is_complete, "read from this machine's disk");
            }
            Err(NoLocalFile::Off) => self.locals.is_disabled.store(true, Ordering::Relaxed),
            Err(error) => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::debug!(%torrent, file, %error, cause, "not read from this machine's disk");
            }
        }
        let now = self.shared.now();
        self.locals.table().on_looked(now, self.file, self.generation, found);
        self.locals.looked.notify_waiters();
    }
}
