//! The record in which a process publishes its mounts and their streams.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vfs_core::{BudgetPeer, Timestamp};

/// The version of the record. The slots of a process with another version are respected, the rest
/// of its record is ignored.
const VERSION: u32 = 1;

/// Maximum age of a record whose process is expected to take a slot that is reserved for it. A
/// process that holds or wants slots writes four times in that time.
pub(super) const FRESH_TIME_MAX: Duration = Duration::from_secs(2);

/// Maximum number of mounts that are read from one record.
const MEMBERS_MAX: usize = 1024;

/// One process. Times are milliseconds since boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessRecord {
    pub(super) version: u32,
    pub(super) pid: u32,
    /// When it was written.
    pub(super) at_millis: u64,
    pub(super) members: Vec<MemberRecord>,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MemberRecord {
    pub(super) mountpoint: String,
    pub(super) streams_max: usize,
    pub(super) held: usize,
    pub(super) held_missing: usize,
    pub(super) waits_here_millis: Option<u64>,
    pub(super) waits_missing_millis: Option<u64>,
}

impl MemberRecord {
    pub(super) fn new(peer: &BudgetPeer, mountpoint: &str) -> Self {
        Self {
            mountpoint: mountpoint.to_owned(),
            streams_max: peer.streams_max,
            held: peer.held,
            held_missing: peer.held_missing,
            waits_here_millis: peer.waits_here.map(millis),
            waits_missing_millis: peer.waits_missing.map(millis),
        }
    }
}

impl ProcessRecord {
    pub(super) fn new(now: Timestamp, members: Vec<MemberRecord>) -> Self {
        Self { version: VERSION, pid: std::process::id(), at_millis: millis(now), members }
    }

    /// Parses a record; `None` if it is invalid or of another version.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut record: Self = serde_json::from_slice(text).ok()?;
        record.members.truncate(MEMBERS_MAX);
        (record.version == VERSION).then_some(record)
    }

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        // A time in the future is from another clock, as in a container that was migrated.
        let at = timestamp(self.at_millis);
        at <= now && now.duration_since(at) <= FRESH_TIME_MAX
    }

    /// Returns its mounts as members of the budget.
    pub(super) fn peers(&self, now: Timestamp) -> impl Iterator<Item = BudgetPeer> {
        let is_fresh = self.is_fresh(now);
        (0..).zip(&self.members).map(move |(nth, member)| BudgetPeer {
            id: member_id(self.pid, nth),
            streams_max: member.streams_max,
            held: member.held,
            held_missing: member.held_missing,
            waits_here: member.waits_here_millis.map(timestamp),
            waits_missing: member.waits_missing_millis.map(timestamp),
            is_fresh,
        })
    }
}

/// Returns the member id of a process's mount, which is numbered from 0.
pub(super) fn member_id(pid: u32, nth: u32) -> u64 {
    u64::from(pid) << 32 | u64::from(nth)
}

fn timestamp(millis_since_boot: u64) -> Timestamp {
    Timestamp::from_start(Duration::from_millis(millis_since_boot))
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.since_start().as_millis()).unwrap_or(u64::MAX)
}
