//! Reads on the requesting thread, where the plan grants them.

use std::time::Duration;

use bytes::Bytes;

use super::driver::EngineDriver;
use super::plan::{DirectEnd, FileFacts};
use super::{Engine, ReadTarget};
use crate::tree::FileState;
use crate::{InlineUnavailable, TorrentSource};

/// How long a thread waits for the bytes of a short read. A local server needs a small fraction of
/// it; requests that wait for the thread are delayed only imperceptibly.
const READ_NOW_TIME_MAX: Duration = Duration::from_millis(2);

impl<S: TorrentSource> Engine<S> {
    /// Returns whether a range of `len` bytes may be read inline: it is short enough, and the
    /// source supports it.
    pub(super) fn may_read_inline(&self, len: u64) -> bool {
        len <= self.direct_bytes_max && self.source().can_read_now()
    }

    /// Returns the bytes of a short range that the server has, if it sends them at once. Blocks for
    /// at most [`READ_NOW_TIME_MAX`], without holding a lock.
    ///
    /// Returns `None` if it is not attempted or fails.
    pub(super) fn read_inline(&self, target: ReadTarget, state: FileState) -> Option<Bytes> {
        let ReadTarget { file, range, .. } = target;
        let here = self.locals.here(self.shared.now(), file.id);
        let is_here = here.is_some_and(|here| here.covers(file.geometry, range));
        let is_asleep = || self.is_reopenable(file, state);
        if is_here || is_asleep() {
            // The local disk has it.
            return None;
        }
        let limit = self.shared.limit.as_deref();
        if limit.is_some_and(|limit| !limit.is_idle()) {
            return None;
        }
        let facts = FileFacts { len: file.len, geometry: file.geometry, state: Some(state) };
        let who = (target.handle, file.id);
        let is_granted =
            self.shared.apply_quietly(|core, now| core.on_direct(now, who, &facts, range));
        if !is_granted {
            return None;
        }
        if let Some(limit) = limit {
            limit.charge(range.len());
        }
        let mut permit = InlinePermit { shared: &*self.shared, target, end: DirectEnd::Missed };
        let answer = self.source().read_inline(file.id, file.len, range, READ_NOW_TIME_MAX);
        let bytes = match answer {
            Ok(bytes) if bytes.len() as u64 == range.len() => bytes,
            Ok(bytes) => {
                tracing::error!(
                    off = range.start(),
                    len = range.len(),
                    got = bytes.len(),
                    "length"
                );
                return None;
            }
            Err(why) => {
                tracing::trace!(off = range.start(), len = range.len(), ?why, "not read at once");
                if why == InlineUnavailable::NoWay {
                    permit.end = DirectEnd::NoWay;
                }
                return None;
            }
        };
        permit.end = DirectEnd::Done;
        drop(permit);
        self.look_for_local(file, Some(state), range.len());
        Some(bytes)
    }
}

/// The permit of a direct read, returned on drop.
struct InlinePermit<'a, S> {
    shared: &'a EngineDriver<S>,
    target: ReadTarget,
    end: DirectEnd,
}

impl<S> Drop for InlinePermit<'_, S> {
    fn drop(&mut self) {
        let ReadTarget { handle, file, range, .. } = self.target;
        self.shared.apply_if(|core, now| {
            core.plan.on_direct_end(now, (handle, file.id), range, self.end).then_some(())
        });
    }
}
