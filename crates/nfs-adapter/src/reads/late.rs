//! Reads that continue after their client got `NFS3ERR_JUKEBOX`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::ReadEnd;
use crate::tree::NfsReadArgs;

/// Maximum number of such reads of a connection. Of more, the oldest end.
const LATE_MAX: usize = 256;

/// How long a read continues without a client that asks. Linux asks again after 5 seconds, macOS
/// after 30 at most. Meanwhile it has memory that other reads may need.
const ABANDONED_AFTER: Duration = Duration::from_secs(45);

/// The late reads of a connection: they end with it.
#[derive(Debug, Default)]
pub(crate) struct LateReads {
    /// Protects the reads, by their arguments: a client asks with the same ones. Held for one
    /// access.
    reads: Mutex<HashMap<NfsReadArgs, LateRead>>,
}

#[derive(Debug)]
struct LateRead {
    task: AbortOnDropHandle<ReadEnd>,
    asked_at: Instant,
}

impl LateReads {
    /// Returns a read that runs, or has ended since.
    pub(super) fn take(&self, args: &NfsReadArgs) -> Option<AbortOnDropHandle<ReadEnd>> {
        self.reads().remove(args).map(|late| late.task)
    }

    /// Keeps a read until its client asks again.
    pub(super) fn put(&self, args: NfsReadArgs, task: AbortOnDropHandle<ReadEnd>) {
        let mut reads = self.reads();
        if reads.len() >= LATE_MAX {
            let oldest = reads.iter().min_by_key(|(_, late)| late.asked_at);
            if let Some(oldest) = oldest.map(|(args, _)| *args) {
                reads.remove(&oldest);
            }
        }
        reads.insert(args, LateRead { task, asked_at: Instant::now() });
    }

    pub(super) fn end_abandoned(&self) {
        let now = Instant::now();
        self.reads().retain(|_, late| now.duration_since(late.asked_at) < ABANDONED_AFTER);
    }

    fn reads(&self) -> MutexGuard<'_, HashMap<NfsReadArgs, LateRead>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
