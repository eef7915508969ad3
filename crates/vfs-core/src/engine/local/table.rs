//! What is known of each file: a table without async, disk or clock.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{OpenLocal, is_settled};
use crate::engine::Timestamp;
use crate::tree::FileState;
use crate::{FileId, LocalError, LocalPieces, NoLocalFile};

/// How many files are counted whose readers have not read enough yet.
const SLOTS_MAX: usize = 8192;

/// How many pieces a proof may cost. A file is looked for when so much of it came from the source:
/// then looking at most doubles what disks have to read, and somebody who scans the heads of a
/// thousand files causes no proof at all.
const PROOF_PIECES: u64 = 8;

/// What a proof may cost however large the pieces are.
const PROOF_BYTES_MAX: u64 = 32 << 20;

/// How many files are open here at most, whatever the number of readers; each is a descriptor, and
/// a process has 1,024 where nobody raised that.
const FILES_MAX: usize = 256;

/// How long a file stays open that nobody reads: a file that the server deletes takes space as long
/// as somebody has it open.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// How long a file is left alone that was not there or not the same: long enough that a library
/// on another machine costs nothing, short enough that a disk that was mounted late is found.
const REFUSED_TIME: Duration = Duration::from_secs(60);

/// How long a file is left alone of which nothing was there, or about which nobody said anything.
const NOT_YET_TIME: Duration = Duration::from_secs(5);

/// How long a file is left alone that has changed, or of which pieces are gone: one that changes
/// all the time is not proven for each read of it, and what the source said of pieces before is
/// older than anybody takes for an answer by then.
const CHANGED_TIME: Duration = Duration::from_secs(2);

/// How often a file is proven anew that is downloading: what came in between is streamed.
const GROWTH_TIME: Duration = Duration::from_secs(2);

/// What a look may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LookKind {
    /// Hash pieces that the source has.
    Verify,
    /// Open a file that was verified before, and hash pieces if it is not what it was.
    ReopenOrVerify,
    /// Open a file that was verified before, and nothing else: the source does not say which
    /// pieces it has.
    ReopenOnly,
}

/// What is known of one file.
#[derive(Debug, Default)]
struct Slot {
    here: Option<Arc<OpenLocal>>,
    /// The look that is under way.
    look: Option<LookKind>,
    /// Whether the last listing said nothing of the pieces of its torrent.
    is_unsettled: bool,
    /// When it may be looked for again.
    look_at: Timestamp,
    used_at: Timestamp,
    /// Bytes that were read from the source since the last look.
    source_bytes: u64,
    /// Counts how often what was known was given up: what a look began before that is worth
    /// nothing.
    generation: u64,
}

/// A look that is to be made.
#[derive(Debug)]
pub(super) struct ProbeOrder {
    pub(super) generation: u64,
    /// What was proven the last time.
    pub(super) proven: Option<LocalPieces>,
}

/// All files that were read of late.
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

    /// Returns whether a file is here, without counting as use of it.
    pub(super) fn is_here(&self, file: FileId) -> bool {
        self.slots.get(&file).is_some_and(|slot| slot.here.is_some())
    }

    /// Returns a file that is here as a whole.
    pub(super) fn whole(&mut self, now: Timestamp, file: FileId) -> Option<Arc<OpenLocal>> {
        self.here(now, file).filter(|here| here.pieces == LocalPieces::All)
    }

    /// Returns whether a look for a file is under way.
    pub(super) fn is_looking(&self, file: FileId) -> bool {
        self.slots.get(&file).is_some_and(|slot| slot.look.is_some())
    }

    pub(super) fn files(&self) -> Vec<FileId> {
        self.slots.keys().copied().collect()
    }

    /// Takes note that so many bytes of a file are read from the source.
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

    /// Returns the order to look for a file, if it is time for that and worth its cost, and takes
    /// note that it is carried out. To open a file that was verified before costs nothing.
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

    /// Takes the end of a look.
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
            // The state of the torrent has changed meanwhile: what was proven may be gone.
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

    /// Gives up `here`, unless it was replaced already.
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

    /// Takes over what a listing says of a file; `None` if its torrent is gone. Returns whether
    /// pieces of it may be gone that somebody believed to be there.
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
            // Nobody will say any more what is there. A file that was complete stays what it was.
            None => is_part,
            // The same while it is checked; what was said of pieces before counts no more.
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

    /// Forgets the files that nobody reads.
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
