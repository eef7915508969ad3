//! Reads on the reader's thread.

use super::{Event, Run};
use crate::ByteRange;
use crate::engine::plan::{DirectEnd, Priority};

impl Run {
    /// Reads on the reader's thread, if the plan grants it.
    pub(super) fn read_directly(&mut self, reader: usize, range: ByteRange) -> bool {
        let (handle, file) = (self.readers[reader].handle, self.readers[reader].file);
        let (id, facts) = (self.server.files[file].id, self.server.facts(file));
        // Reads of lower priority do not use direct reads.
        let is_urgent = self.readers[reader].priority == Priority::Foreground;
        if !is_urgent || !self.core.on_direct(self.now, (handle, id), &facts, range) {
            return false;
        }
        let is_there = (range.start()..range.end()).all(|at| self.server.has(file, at));
        let is_known = is_there || self.has_crashed || facts.is_complete();
        assert!(is_known, "{range:?} is not there");
        self.directs.push(Some((reader, range)));
        self.later(2, Event::Direct(self.directs.len() - 1));
        true
    }

    pub(super) fn direct_end(&mut self, place: usize) {
        let (reader, range) = self.directs[place].take().unwrap();
        let (handle, file) = (self.readers[reader].handle, self.readers[reader].file);
        let is_there = (range.start()..range.end()).all(|at| self.server.has(file, at));
        let is_done = is_there && !self.server.is_down && (self.is_calm || !self.random.chance(10));
        let end = if is_done { DirectEnd::Done } else { DirectEnd::Missed };
        let id = self.server.files[file].id;
        self.core.plan.on_direct_end(self.now, (handle, id), range, end);
        if is_done {
            self.summary.direct_reads += 1;
        } else {
            self.summary.direct_misses += 1;
            self.read(reader, range);
        }
    }
}
