//! Table of local files by state: without async, disk or clock.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{OpenLocal, is_settled};
use crate::tree::FileState;
use crate::{FileId, LocalError, LocalPieces, NoLocalFile, Timestamp};

/// The maximum number of files in the table.
const SLOTS_MAX: usize = 8192;

/// The cost of a verification in pieces. A file is probed after as many bytes were read from the
/// source, so a verification at most doubles the disk reads, and a scan of the headers of a
/// thousand files causes none.
const PROOF_PIECES: u64 = 8;

/// The maximum of that cost in bytes, for large pieces.
const PROOF_BYTES_MAX: u64 = 32 << 20;

/// The maximum number of open local files, for any number of readers. Each is a descriptor; the
/// default limit of a process is 1,024.
const FILES_MAX: usize = 256;

/// How long a file that is not read stays open: a deleted file takes disk space as long as it is
/// open.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// How long a file that was absent or did not match is not probed again. Long enough that a library
/// on another machine costs nothing; short enough that a disk that is mounted late is found.
const REFUSED_TIME: Duration = Duration::from_secs(60);

/// How long a file without present pieces, or without a bitfield, is not probed again.
const NOT_YET_TIME: Duration = Duration::from_secs(5);

/// How long a file that has changed or lost pieces is not probed again. A file that changes all the
/// time is not verified for each read. By then the last bitfield is too old to be used.
const CHANGED_TIME: Duration = Duration::from_secs(2);

/// How often a downloading file is verified again: pieces that arrive in between are streamed.
const GROWTH_TIME: Duration = Duration::from_secs(2);

/// What a probe may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LookKind {
    /// Hash pieces that the source has.
    Verify,
    /// Open a file that was verified before, and hash pieces if its identity has changed.
    ReopenOrVerify,
    /// Open a file that was verified before, and nothing else: the source reports no bitfield.
    ReopenOnly,
}

/// The state of one file.
#[derive(Debug, Default)]
struct Slot {
    here: Option<Arc<OpenLocal>>,
    /// The running probe.
    look: Option<LookKind>,
    /// Whether the bitfield of its torrent was unreliable at the last listing.
    is_unsettled: bool,
    /// When it may be probed again.
    look_at: Timestamp,
    used_at: Timestamp,
    /// Bytes that were read from the source since the last probe.
    source_bytes: u64,
    /// The number of invalidations. The result of a probe that began before the last one is
    /// dropped.
    generation: u64,
}

/// A probe to start.
#[derive(Debug)]
pub(super) struct ProbeOrder {
    pub(super) generation: u64,
    /// The pieces that were verified last.
    pub(super) proven: Option<LocalPieces>,
}

/// All files that were read recently.
#[derive(Debug, Default)]
pub(super) struct LocalFileTable {
    slots: HashMap<FileId, Slot>,
}

impl LocalFileTable {
    pub(super) fn here(&mut self, now: Timestamp, file: FileId) -> Option<Arc<OpenLocal>> {
        let slot = self.slots.get_mut(&file)?;
        slot.used_at = now;
        slot.here.clone()
    }

    /// Returns an open file, without counting as use of it.
    pub(super) fn peek(&self, file: FileId) -> Option<Arc<OpenLocal>> {
        self.slots.get(&file)?.here.clone()
    }

    /// Returns a file that is complete on the local disk.
    pub(super) fn whole(&mut self, now: Timestamp, file: FileId) -> Option<Arc<OpenLocal>> {
        self.here(now, file).filter(|here| here.pieces == LocalPieces::All)
    }

    /// Returns whether a probe of a file is running.
    pub(super) fn is_looking(&self, file: FileId) -> bool {
        self.slots.get(&file).is_some_and(|slot| slot.look.is_some())
    }

    pub(super) fn files(&self) -> Vec<FileId> {
        self.slots.keys().copied().collect()
    }

    /// Records that bytes of a file are read from the source.
    pub(super) fn on_source(&mut self, now: Timestamp, file: FileId, bytes: u64) {
        if !self.slots.contains_key(&file) && self.slots.len() >= SLOTS_MAX {
            self.drop_idle(now);
            if self.slots.len() >= SLOTS_MAX {
                return;
            }
        }
        let slot = self.slots.entry(file).or_default();
        slot.used_at = now;
        slot.source_bytes = slot.source_bytes.saturating_add(bytes);
    }

    /// Returns an order to probe a file if it is due and worth its cost, and records that the probe
    /// is running. Opening a file that was verified before is free.
    pub(super) fn order(
        &mut self,
        now: Timestamp,
        file: FileId,
        piece_len: NonZeroU32,
        kind: LookKind,
    ) -> Option<ProbeOrder> {
        let slot = self.slots.get(&file)?;
        let cost = u64::from(piece_len.get()).saturating_mul(PROOF_PIECES).min(PROOF_BYTES_MAX);
        let is_worth_it = kind != LookKind::Verify || slot.source_bytes >= cost;
        if slot.look.is_some() || now < slot.look_at || !is_worth_it {
            return None;
        }
        let is_open = |slot: &&Slot| slot.look.is_some() || slot.here.is_some();
        if slot.here.is_none() && self.slots.values().filter(is_open).count() >= FILES_MAX {
            return None;
        }
        let slot = self.slots.get_mut(&file)?;
        slot.look = Some(kind);
        slot.source_bytes = 0;
        let proven = slot.here.as_ref().map(|here| here.pieces.clone());
        Some(ProbeOrder { generation: slot.generation, proven })
    }

    /// Handles the end of a probe.
    pub(super) fn on_looked(
        &mut self,
        now: Timestamp,
        file: FileId,
        generation: u64,
        found: Result<OpenLocal, NoLocalFile>,
    ) {
        let Some(slot) = self.slots.get_mut(&file) else { return };
        slot.look = None;
        if slot.generation != generation {
            // The state of the torrent has changed meanwhile: verified pieces may be lost.
            slot.look_at = now;
            return;
        }
        let wait = match found {
            Ok(here) => {
                slot.here = Some(Arc::new(here));
                GROWTH_TIME
            }
            Err(error) => {
                slot.here = None;
                match error {
                    NoLocalFile::Off => Duration::MAX,
                    NoLocalFile::Changed => CHANGED_TIME,
                    NoLocalFile::NotYet | NoLocalFile::Unknown(_) => NOT_YET_TIME,
                    NoLocalFile::Refused(_) => REFUSED_TIME,
                }
            }
        };
        slot.look_at = now.saturating_add(wait);
    }

    /// Closes `here`, unless it was replaced already.
    pub(super) fn invalidate(
        &mut self,
        now: Timestamp,
        file: FileId,
        here: &Arc<OpenLocal>,
        fault: &LocalError,
    ) {
        let Some(slot) = self.slots.get_mut(&file) else { return };
        if slot.here.as_ref().is_some_and(|known| Arc::ptr_eq(known, here)) {
            let wait = match fault {
                LocalError::Changed => CHANGED_TIME,
                LocalError::Disk(_) => REFUSED_TIME,
            };
            slot.give_up(now.saturating_add(wait));
        }
    }

    /// Updates the state of a file from a listing; `None` if its torrent is gone. Returns whether
    /// pieces may be lost that were known to be present.
    pub(super) fn on_state(
        &mut self,
        now: Timestamp,
        file: FileId,
        state: Option<FileState>,
    ) -> bool {
        let Some(slot) = self.slots.get_mut(&file) else { return false };
        let here = slot.here.as_deref();
        let is_part = here.is_some_and(|here| here.pieces != LocalPieces::All);
        let is_unsettled = state.is_some_and(|state| !is_settled(state.torrent));
        let is_lost = match state {
            // No more bitfields will arrive. A complete file stays complete.
            None => is_part,
            // The same while it is checked; earlier bitfields are invalid.
            Some(_) if is_unsettled => {
                is_part || slot.look.is_some_and(|look| look != LookKind::ReopenOnly)
            }
            Some(state) => {
                here.is_some_and(|here| state.have_bytes < here.have_bytes)
                    || slot.look == Some(LookKind::ReopenOnly)
            }
        };
        let was_known = slot.here.is_some() || slot.look.is_some();
        let is_check_begun = is_unsettled && !slot.is_unsettled;
        slot.is_unsettled = is_unsettled;
        if is_lost {
            slot.give_up(now.saturating_add(CHANGED_TIME));
        }
        (is_lost || is_check_begun) && was_known
    }

    /// Forgets the files that are not read.
    pub(super) fn drop_idle(&mut self, now: Timestamp) {
        self.slots
            .retain(|_, slot| slot.look.is_some() || slot.used_at.saturating_add(IDLE_MAX) > now);
    }

    pub(super) fn clear(&mut self) {
        for slot in self.slots.values_mut() {
            slot.give_up(Timestamp::ZERO);
        }
    }
}

impl Slot {
    fn give_up(&mut self, look_at: Timestamp) {
        self.here = None;
        self.generation = self.generation.wrapping_add(1);
        self.look_at = look_at;
    }
}
