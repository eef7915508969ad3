//! Reads that wait for their turn. A queued read costs some bytes, a running one a task.

use std::collections::VecDeque;
use std::sync::Arc;

use vfs_core::ReaderOrigin;

use crate::memory::DataClass;
use crate::tree::NfsReadArgs;

/// Maximum number of running reads of a connection and class. Kernels read ahead with fewer.
const RUNNING_MAX: usize = 64;

/// A READ.
#[derive(Debug)]
pub(super) struct QueuedRead {
    pub(super) xid: u32,
    pub(super) args: NfsReadArgs,
    pub(super) origin: Arc<ReaderOrigin>,
    pub(super) class: DataClass,
}

/// The queued reads of a connection, by class: those of missing data do not stop the others.
#[derive(Debug, Default)]
pub(super) struct ReadQueue {
    present: ReadLane,
    missing: ReadLane,
}

#[derive(Debug, Default)]
struct ReadLane {
    running: usize,
    queued: VecDeque<QueuedRead>,
}

impl ReadQueue {
    /// Returns the number of reads that do not run yet.
    pub(super) fn len(&self) -> usize {
        self.present.queued.len() + self.missing.queued.len()
    }

    pub(super) fn push(&mut self, read: QueuedRead) {
        self.lane(read.class).queued.push_back(read);
    }

    /// Returns a read that is to run now.
    pub(super) fn next(&mut self) -> Option<QueuedRead> {
        let can_run = |lane: &&mut ReadLane| lane.running < RUNNING_MAX && !lane.queued.is_empty();
        let lane = [&mut self.present, &mut self.missing].into_iter().find(can_run)?;
        lane.running += 1;
        lane.queued.pop_front()
    }

    /// Records the end of a running read.
    pub(super) fn on_end(&mut self, class: DataClass) {
        let lane = self.lane(class);
        lane.running = lane.running.saturating_sub(1);
    }

    fn lane(&mut self, class: DataClass) -> &mut ReadLane {
        match class {
            DataClass::Present => &mut self.present,
            DataClass::Missing => &mut self.missing,
        }
    }
}
