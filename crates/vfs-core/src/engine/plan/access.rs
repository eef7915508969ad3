//! Access detection: whether a handle is read sequentially.

use crate::ByteRange;

/// How far ahead of the expected offset a request may be. The kernel sends two or more of 1 MiB at
/// once, in any order.
const AHEAD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How many requests ahead of the expected offset are remembered; one more starts a new run.
const AHEAD_COUNT_MAX: usize = 8;

/// The present run of adjoining reads of a handle.
#[derive(Debug, Default, Clone)]
pub(crate) struct Access {
    start: u64,
    /// The end of the run.
    frontier: u64,
    read_count: u32,
    /// Reads beyond the end of the run, which may adjoin later.
    ahead: Vec<ByteRange>,
    /// The end of the most recent read, whether in this run or not.
    last_end: u64,
}

impl Access {
    /// Records a read.
    pub(crate) fn on_read(&mut self, range: ByteRange) {
        self.last_end = range.end();
        if self.read_count > 0 && range.start() <= self.frontier {
            let is_near =
                range.start() >= self.start.max(self.frontier.saturating_sub(AHEAD_BYTES_MAX));
            if !is_near {
                return self.restart(range);
            }
            if range.end() > self.frontier {
                self.extend(range);
            }
            return self.catch_up();
        }
        let distance = range.start().saturating_sub(self.frontier);
        let is_ahead = self.read_count > 0 && distance <= AHEAD_BYTES_MAX;
        if is_ahead && self.ahead.len() < AHEAD_COUNT_MAX {
            self.ahead.push(range);
        } else {
            self.restart(range);
        }
    }

    /// Returns whether a read continues the run.
    pub(crate) fn is_next(&self, range: ByteRange) -> bool {
        (self.start..=self.frontier).contains(&range.start()) && range.end() > self.frontier
    }

    /// Returns the number of reads in the run.
    pub(crate) fn read_count(&self) -> u32 {
        self.read_count
    }

    /// Returns the length of the run in bytes.
    pub(crate) fn run_bytes(&self) -> u64 {
        self.frontier.saturating_sub(self.start)
    }

    /// Returns the end of the run.
    pub(crate) fn frontier(&self) -> u64 {
        self.frontier
    }

    /// Returns the end of the most recent read.
    pub(crate) fn last_end(&self) -> u64 {
        self.last_end
    }

    fn restart(&mut self, range: ByteRange) {
        self.start = range.start();
        self.frontier = range.end();
        self.read_count = 1;
        self.ahead.clear();
    }

    fn extend(&mut self, range: ByteRange) {
        self.frontier = range.end();
        self.read_count = self.read_count.saturating_add(1);
    }

    fn catch_up(&mut self) {
        while let Some(position) =
            self.ahead.iter().position(|range| range.start() <= self.frontier)
        {
            let range = self.ahead.swap_remove(position);
            if range.end() > self.frontier {
                self.extend(range);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reads: &[(u64, u64)], want: (u32, u64)) {
        let mut access = Access::default();
        for (offset, len) in reads {
            access.on_read(ByteRange::clamped(*offset, *len, u64::MAX));
        }
        assert_eq!((access.read_count(), access.run_bytes()), want, "{reads:?}");
    }

    #[test]
    fn runs() {
        let far = 100 << 20;
        check(&[(0, 10)], (1, 10));
        check(&[(0, 10), (10, 10), (20, 5)], (3, 25));
        // Out of order.
        check(&[(0, 10), (20, 10), (10, 10)], (3, 30));
        check(&[(0, 10), (30, 10), (20, 10), (10, 10)], (4, 40));
        // A repeated read, and a small step back.
        check(&[(0, 10), (10, 10), (10, 10), (5, 3)], (2, 20));
        // Random, strided, head and tail.
        check(&[(0, 10), (far, 10)], (1, 10));
        check(&[(far, 10), (0, 10)], (1, 10));
        check(&[(0, 10), (64, 10), (128, 10), (192, 10)], (1, 10));
        check(&[(0, 10), (10, 10), (far, 10), (far + 10, 10)], (2, 20));
        let strided: Vec<_> = (0..100).map(|n| (n * 64, 10)).collect();
        check(&strided, (1, 10));
    }
}
