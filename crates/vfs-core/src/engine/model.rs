//! Property test: for any order of reads and any arrival of bytes, plan and memory return exactly
//! the bytes of the file. The model is the file itself.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::MissingPolicy;
use super::core::{Core, Started};
use super::plan::{
    Demand, FileFacts, Output, Priority, ReadDeadline, ReadId, StreamEnd, StreamId, Tuning,
};
use super::store::BlockCache;
use crate::{
    ByteRange, FileId, FileIndex, HandleId, InfoHash, SourceError, SourceErrorKind, Timestamp,
};

const FILE_LEN: u64 = 600;
const READ_LEN_MAX: u64 = 100;

/// One step of a test case.
#[derive(Debug, Clone)]
enum ModelStep {
    Read {
        handle: u64,
        offset: u64,
        len: u64,
    },
    /// The next read of the same handle adjoins the last one.
    GoOn {
        handle: u64,
        len: u64,
    },
    Cancel,
    Release {
        handle: u64,
    },
    /// One of the streams opens, delivers some bytes, or ends.
    Feed {
        which: usize,
        len: u64,
    },
    Break {
        which: usize,
    },
    Pass {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = ModelStep> {
    let len = 1..=READ_LEN_MAX;
    prop_oneof![
        2 => (1..4_u64, 0..FILE_LEN, len.clone())
            .prop_map(|(handle, offset, len)| ModelStep::Read { handle, offset, len }),
        4 => (1..4_u64, len).prop_map(|(handle, len)| ModelStep::GoOn { handle, len }),
        1 => Just(ModelStep::Cancel),
        1 => (1..4_u64).prop_map(|handle| ModelStep::Release { handle }),
        8 => (0..4_usize, 1..90_u64).prop_map(|(which, len)| ModelStep::Feed { which, len }),
        1 => (0..4_usize).prop_map(|which| ModelStep::Break { which }),
        1 => (1..3000_u64).prop_map(|millis| ModelStep::Pass { millis }),
    ]
}

fn byte_at(offset: u64) -> u8 {
    (offset * 31 + offset / 7).to_le_bytes()[0]
}

/// The environment: a server that has all bytes.
struct Outside {
    core: Core,
    now: Timestamp,
    file: FileId,
    /// The position of each stream, and whether it is open.
    streams: BTreeMap<StreamId, (u64, bool)>,
    waiting: BTreeMap<ReadId, ByteRange>,
    ends: BTreeMap<u64, u64>,
}

impl Outside {
    fn new() -> Self {
        let mut tuning = Tuning::new(2, 0);
        tuning.read_bytes_max = READ_LEN_MAX;
        (tuning.block_bytes, tuning.cache_bytes, tuning.windows_bytes) = (16, 150, 100);
        (tuning.window_bytes_min, tuning.skip_bytes_max, tuning.join_bytes_max) = (20, 30, 150);
        Self {
            core: Core::new(tuning, MissingPolicy::Wait, BlockCache::new(tuning.cache_bytes)),
            now: Timestamp::ZERO,
            file: FileId { torrent: InfoHash::from_bytes([1; 20]), index: FileIndex(0) },
            streams: BTreeMap::new(),
            waiting: BTreeMap::new(),
            ends: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: &ModelStep) {
        match *step {
            ModelStep::Read { handle, offset, len } => self.read(handle, offset, len),
            ModelStep::GoOn { handle, len } => {
                let offset = self.ends.get(&handle).copied().unwrap_or(0) % FILE_LEN;
                self.read(handle, offset, len);
            }
            ModelStep::Cancel => {
                if let Some((read, _)) = self.waiting.pop_first() {
                    self.core.plan.on_cancel(self.now, read);
                }
            }
            ModelStep::Release { handle } => self.core.plan.on_release(HandleId(handle)),
            ModelStep::Feed { which, len } => self.feed(which, len),
            ModelStep::Break { which } => {
                if let Some(id) = self.streams.keys().nth(which).copied() {
                    self.streams.remove(&id);
                    let error = SourceError::new(SourceErrorKind::TimedOut, "read");
                    self.core.plan.on_stream_end(self.now, id, StreamEnd::Failed(error));
                }
            }
            ModelStep::Pass { millis } => {
                self.now += Duration::from_millis(millis);
                self.core.plan.on_time(self.now);
            }
        }
        self.pump();
        self.core.plan.check();
    }

    fn read(&mut self, handle: u64, offset: u64, len: u64) {
        let range = ByteRange::clamped(offset, len, FILE_LEN);
        self.ends.insert(handle, range.end());
        let facts = FileFacts { len: FILE_LEN, geometry: None, state: None };
        let never = ReadDeadline::NEVER;
        self.core.plan.on_open(HandleId(handle));
        let who = (HandleId(handle), self.file, Priority::Foreground);
        match self.core.read(self.now, never, who, facts, range).unwrap() {
            Started::Done(parts) => check_bytes(range, &parts.concat()),
            Started::Waits(read) => assert!(self.waiting.insert(read, range).is_none()),
        }
    }

    fn feed(&mut self, which: usize, len: u64) {
        let Some((id, (pos, is_open))) = self.streams.iter_mut().nth(which) else { return };
        let (id, at) = (*id, *pos);
        if !*is_open {
            *is_open = true;
            return self.core.plan.on_opened(self.now, id, at);
        }
        match self.core.plan.demand(id) {
            Demand::Bytes(most) => {
                *pos += len.min(most);
                let chunk: Vec<_> = (at..*pos).map(byte_at).collect();
                self.core.on_chunk(self.now, id, at, &chunk);
            }
            Demand::End => {
                self.streams.remove(&id);
                self.core.plan.on_stream_end(self.now, id, StreamEnd::Over);
            }
            Demand::Nothing | Demand::Closed => {}
        }
    }

    fn pump(&mut self) {
        let mut closed = Vec::new();
        let Self { core, streams, waiting, .. } = self;
        core.pump(self.now, |output| match output {
            Output::Answer { read, result, .. } => {
                let range = waiting.remove(&read).expect("each read is answered once");
                check_bytes(range, &result.expect("the server has everything").concat());
            }
            Output::Open { stream, range, .. } => {
                assert!(streams.insert(stream, (range.start(), false)).is_none());
            }
            Output::Close { stream } => closed.push(stream),
            Output::AskHaves { .. }
            | Output::AskProgress { .. }
            | Output::AskPeers { .. }
            | Output::AddPeers { .. }
            | Output::FindPeers { .. } => {}
        });
        if !closed.is_empty() {
            for id in closed {
                self.streams.remove(&id);
                self.core.plan.on_stream_end(self.now, id, StreamEnd::Closed);
            }
            self.pump();
        }
    }

    /// Runs until idle: then no read may wait any more.
    fn finish(&mut self) {
        for _ in 0..2000 {
            for which in 0..self.streams.len() {
                self.take(&ModelStep::Feed { which, len: 64 });
            }
            self.take(&ModelStep::Pass { millis: 50 });
        }
        assert_eq!(self.waiting, BTreeMap::new());
    }
}

#[track_caller]
fn check_bytes(range: ByteRange, bytes: &[u8]) {
    let want: Vec<_> = (range.start()..range.end()).map(byte_at).collect();
    assert_eq!(bytes, want, "{range:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn reads_give_the_bytes_of_the_file(steps in prop::collection::vec(step(), 1..120)) {
        let mut outside = Outside::new();
        steps.iter().for_each(|step| outside.take(step));
        outside.finish();
    }
}
