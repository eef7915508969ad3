//! Who may receive bytes next, and when. Pure: time is passed in.
#![warn(clippy::arithmetic_side_effects)]

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::Timestamp;

/// How much of the time that passed unused is made up for. It covers timers that fire late, and is
/// 1 % of ten seconds.
const BURST_TIME: Duration = Duration::from_millis(100);

/// While readers use all of the bandwidth, each part of a preload follows this many of theirs. A
/// preload without any bytes would count as stalled.
const READER_PARTS_MAX: u32 = 15;

/// The shortest part: a page. A read makes progress with each.
const PART_BYTES_MIN: u64 = 4 * 1024;

/// The longest part: the usual chunk of a body.
const PART_BYTES_MAX: u64 = 64 * 1024;

/// The number of parts in a second at a low limit, so that all streams receive something in each
/// second.
const PARTS_PER_SECOND: u64 = 32;

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Whether a part may be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Yes; the ticket has left the queue.
    Now,
    /// It is the next one, at this time.
    At(Timestamp),
    /// Another one is next.
    Behind,
}

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum StreamUse {
    /// A program reads the bytes.
    Reader,
    /// The bytes are discarded.
    Preload,
}

/// The queue of a limit. Readers come before preloads, and both in FIFO order: each stream has one
/// place at a time. So all readers get equal shares, and a new one waits for one part of each
/// other.
#[derive(Debug)]
pub(super) struct BandwidthQueue {
    bytes_per_second: NonZeroU64,
    /// When the bytes that were granted have been received at the limit.
    free_at: Timestamp,
    readers: VecDeque<Ticket>,
    preloads: VecDeque<Ticket>,
    last_ticket: u64,
    /// Parts of readers since the last part of a preload, while one waits.
    reader_parts: u32,
}

impl BandwidthQueue {
    pub(super) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self {
            bytes_per_second,
            free_at: Timestamp::ZERO,
            readers: VecDeque::new(),
            preloads: VecDeque::new(),
            last_ticket: 0,
            reader_parts: 0,
        }
    }

    /// Returns the maximum length of a part.
    pub(super) fn part_bytes_max(&self) -> u64 {
        let part = self.bytes_per_second.get().checked_div(PARTS_PER_SECOND).unwrap_or(0);
        part.clamp(PART_BYTES_MIN, PART_BYTES_MAX)
    }

    pub(super) fn join(&mut self, of: StreamUse) -> Ticket {
        self.last_ticket = self.last_ticket.saturating_add(1);
        let ticket = Ticket(self.last_ticket);
        match of {
            StreamUse::Reader => self.readers.push_back(ticket),
            StreamUse::Preload => self.preloads.push_back(ticket),
        }
        ticket
    }

    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.readers.retain(|other| *other != ticket);
        self.preloads.retain(|other| *other != ticket);
    }

    /// Grants a part to a ticket, if it is the next one and the time has come.
    pub(super) fn pass(&mut self, now: Timestamp, ticket: Ticket, bytes: u64) -> Pass {
        if self.next() != Some(ticket) {
            return Pass::Behind;
        }
        if self.free_at > now {
            return Pass::At(self.free_at);
        }
        let is_preload = self.preloads.front() == Some(&ticket);
        let is_counted = !is_preload && !self.preloads.is_empty();
        self.reader_parts = if is_counted { self.reader_parts.saturating_add(1) } else { 0 };
        self.leave(ticket);
        self.charge(now, bytes);
        Pass::Now
    }

    /// Returns whether no stream waits, and bytes may be received now.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.next().is_none() && self.free_at <= now
    }

    fn next(&self) -> Option<Ticket> {
        let preload = self.preloads.front();
        let is_due = self.reader_parts >= READER_PARTS_MAX;
        preload.filter(|_| is_due).or(self.readers.front()).or(preload).copied()
    }

    /// Counts bytes that are received now.
    pub(super) fn charge(&mut self, now: Timestamp, bytes: u64) {
        let nanos = u128::from(bytes).saturating_mul(1_000_000_000);
        let nanos = nanos.checked_div(u128::from(self.bytes_per_second.get())).unwrap_or(0);
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let from = self.free_at.max(now.saturating_sub(BURST_TIME));
        self.free_at = from.saturating_add(time);
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A stream that always wants more, from a time on.
    #[derive(Clone, Copy)]
    struct Wanting(StreamUse, Duration);

    /// Runs streams for ten seconds of virtual time, with timers that fire late. Returns the bytes
    /// of each and when it received its first part.
    fn run(bytes_per_second: u64, wanting: &[Wanting]) -> Vec<(u64, Duration)> {
        let mut queue = BandwidthQueue::new(NonZeroU64::new(bytes_per_second).unwrap());
        let part = queue.part_bytes_max();
        let mut places = vec![None; wanting.len()];
        let mut received = vec![(0, Duration::MAX); wanting.len()];
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(10) {
            let mut next = now + Duration::from_millis(50);
            for (idx, Wanting(of, from)) in wanting.iter().enumerate() {
                if *from <= now {
                    places[idx].get_or_insert_with(|| queue.join(*of));
                }
            }
            for idx in 0..wanting.len() {
                let Some(ticket) = places[idx] else { continue };
                match queue.pass(Timestamp::from_start(now), ticket, part) {
                    Pass::Now => {
                        let (bytes, first) = &mut received[idx];
                        (*bytes, *first) = (*bytes + part, (*first).min(now));
                        places[idx] = None;
                        next = now;
                    }
                    Pass::At(at) => next = next.min(at.since_start() + Duration::from_micros(700)),
                    Pass::Behind => {}
                }
            }
            now = next;
        }
        received
    }

    #[track_caller]
    fn check(bytes_per_second: u64, wanting: &[Wanting], want: &Expect) {
        let received = run(bytes_per_second, wanting);
        let sum: u64 = received.iter().map(|(bytes, _)| bytes).sum();
        let percent = |bytes: u64| bytes * 1000 / (bytes_per_second * 10);
        let mut text = format!("all: {} per mille of the limit\n", percent(sum));
        for (Wanting(of, from), (bytes, first)) in wanting.iter().zip(&received) {
            let wait = first.saturating_sub(*from);
            let share = percent(*bytes);
            writeln!(text, "{of:?}: {share} per mille, first part after {wait:?}").unwrap();
        }
        want.assert_eq(&text);
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn all_streams_together_have_the_limit_and_readers_most_of_it() {
        let readers = [Wanting(StreamUse::Reader, NOW); 2];
        let preload = Wanting(StreamUse::Preload, NOW);
        let late = Wanting(StreamUse::Reader, Duration::from_secs(5));
        check(
            20 * MIB,
            &readers,
            &expect![[r#"
            all: 1000 per mille of the limit
            Reader: 500 per mille, first part after 0ns
            Reader: 500 per mille, first part after 3.825ms
        "#]],
        );
        check(
            20 * MIB,
            &[readers[0], readers[1], preload],
            &expect![[r#"
            all: 1000 per mille of the limit
            Reader: 468 per mille, first part after 0ns
            Reader: 468 per mille, first part after 3.825ms
            Preload: 62 per mille, first part after 47.575ms
        "#]],
        );
        check(
            20 * MIB,
            &[preload, late],
            &expect![[r#"
            all: 1000 per mille of the limit
            Preload: 531 per mille, first part after 0ns
            Reader: 468 per mille, first part after 700µs
        "#]],
        );
        check(
            64 * 1024,
            &[readers[0], readers[1], preload, late],
            &expect![[r#"
            all: 1000 per mille of the limit
            Reader: 393 per mille, first part after 0ns
            Reader: 387 per mille, first part after 63.2ms
            Preload: 62 per mille, first part after 938.2ms
            Reader: 156 per mille, first part after 125.7ms
        "#]],
        );
        check(
            1 << 30,
            &readers,
            &expect![[r#"
            all: 999 per mille of the limit
            Reader: 499 per mille, first part after 0ns
            Reader: 499 per mille, first part after 761.035µs
        "#]],
        );
    }

    #[test]
    fn a_read_at_once_needs_an_idle_line() {
        let mut queue = BandwidthQueue::new(NonZeroU64::new(MIB).unwrap());
        let at = |millis| Timestamp::from_start(Duration::from_millis(millis));
        assert!(queue.is_idle(at(1000)));
        queue.charge(at(1000), MIB / 10);
        // The time before it makes up for it.
        assert!(queue.is_idle(at(1000)));
        queue.charge(at(1000), MIB / 10);
        assert!(!queue.is_idle(at(1000)));
        assert!(queue.is_idle(at(1101)));
        let ticket = queue.join(StreamUse::Preload);
        assert!(!queue.is_idle(at(5000)));
        queue.leave(ticket);
        assert!(queue.is_idle(at(5000)));
    }
}
