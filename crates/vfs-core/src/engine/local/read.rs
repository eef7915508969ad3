//! Reads that are answered from the local disk, wholly or in part.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{DISK_TIME_MAX, OpenLocal, ReadWay};
use crate::engine::{Engine, ReadTarget, WaitUntil, join};
use crate::tree::FileState;
use crate::{
    ByteRange, FileId, Geometry, LocalError, LocalFile, Timestamp, TorrentSource, VfsError,
};

impl<S: TorrentSource> Engine<S> {
    /// Returns the bytes of a range if they are on the local disk and in the page cache. Never
    /// blocks.
    pub(in crate::engine) fn try_local(&self, now: Timestamp, target: ReadTarget) -> Option<Bytes> {
        let ReadTarget { file, range, .. } = target;
        let here = self.locals.here(now, file.id)?;
        if !here.covers(file.geometry, range) {
            return None;
        }
        match here.file.try_read(range) {
            Ok(None) => None,
            Ok(Some(bytes)) if bytes.len() as u64 == range.len() => {
                self.shared.apply_quietly(|core, now| {
                    core.plan.on_local(now, target.handle, file.id, range);
                });
                Some(bytes)
            }
            Ok(Some(_)) => self.invalidate(file.id, &here, &LocalError::Changed),
            Err(fault) => self.invalidate(file.id, &here, &fault),
        }
    }

    /// Reads the present parts from the local disk, and the rest like
    /// [`read_source`](Self::read_source).
    pub(in crate::engine) async fn read_local(
        &self,
        target: ReadTarget,
        state: Option<FileState>,
        here: Arc<OpenLocal>,
        until: WaitUntil<'_>,
    ) -> Result<Bytes, VfsError> {
        let Some(geometry) = target.file.geometry else {
            return self.read_source(target, state, until).await;
        };
        let is_beside = has_bytes(&here, geometry, target.range);
        let (mut rest, mut here) = (target.range, Some(here));
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let cut = |end| ByteRange::clamped(rest.start(), end - rest.start(), end);
            let local =
                here.as_ref().map_or(rest.start(), |here| here.pieces.have_until(geometry, rest));
            let part = if local > rest.start() {
                let part = target.part(cut(local), false);
                match self.read_disk(part, here.as_ref(), until.deadline.first).await {
                    Some(bytes) => bytes,
                    None => {
                        here = None;
                        continue;
                    }
                }
            } else {
                let end = here
                    .as_ref()
                    .map_or(rest.end(), |here| here.pieces.missing_until(geometry, rest));
                // Beyond the last piece: the source decides how to answer.
                let end = if end > rest.start() { end } else { rest.end() };
                let gap = target.part(cut(end), is_beside);
                self.read_source(gap, state, until).await?
            };
            rest = rest.from(rest.start().saturating_add(part.len() as u64));
            parts.push(part);
        }
        Ok(join(parts))
    }

    /// Returns how a file is read at present.
    pub(in crate::engine) fn way(&self, file: FileId) -> ReadWay {
        if self.locals.peek(file).is_some() { ReadWay::Local } else { ReadWay::Source }
    }

    /// Returns a range from the disk, all of it, or `None` on any failure.
    async fn read_disk(
        &self,
        target: ReadTarget,
        here: Option<&Arc<OpenLocal>>,
        deadline: Timestamp,
    ) -> Option<Bytes> {
        let (here, ReadTarget { handle, file, range, .. }) = (here?, target);
        let permit = Arc::clone(&self.locals.disk_reads).try_acquire_owned().ok()?;
        let disk: Arc<dyn LocalFile> = Arc::clone(&here.file);
        let read = spawn_blocking(move || {
            let bytes = disk.read(range);
            drop(permit);
            bytes
        });
        // Half of the remaining time is reserved for the source.
        let time_max = deadline.duration_since(self.shared.now()) / 2;
        let bytes = match timeout(time_max.min(DISK_TIME_MAX), read).await {
            Ok(Ok(Ok(bytes))) if bytes.len() as u64 == range.len() => bytes,
            Ok(Ok(Ok(_))) => return self.invalidate(file.id, here, &LocalError::Changed),
            Ok(Ok(Err(fault))) => return self.invalidate(file.id, here, &fault),
            // The read panicked, or the runtime ends.
            Ok(Err(error)) => {
                let error = std::io::Error::other(error);
                return self.invalidate(file.id, here, &LocalError::Disk(error));
            }
            Err(elapsed) => {
                return self.invalidate(file.id, here, &LocalError::Disk(elapsed.into()));
            }
        };
        self.shared.apply_quietly(|core, now| core.plan.on_local(now, handle, file.id, range));
        Some(bytes)
    }

    /// Closes a local file after a fault. Returns `None`: there is no answer then.
    fn invalidate(&self, file: FileId, here: &Arc<OpenLocal>, fault: &LocalError) -> Option<Bytes> {
        self.locals.invalidate(self.shared.now(), file, here, fault);
        None
    }
}

/// Returns whether any bytes of a range are on the disk. They are whole pages, except at the
/// boundaries of pieces.
fn has_bytes(here: &OpenLocal, geometry: Geometry, range: ByteRange) -> bool {
    here.pieces.missing_until(geometry, range) < range.end()
}
