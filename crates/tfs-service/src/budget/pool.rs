//! The pool of one server: its mounts in this process, and the slots shared with other processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tfs_api::status::BudgetStatus;
use tfs_types::chain;
use tokio::sync::Notify;
use vfs_core::{
    BudgetListener, BudgetMember, BudgetPeer, StreamDemand, StreamPermits, StreamSlots, Timestamp,
};

use super::record::{MemberRecord, ProcessRecord, member_id};
use super::slot_dir::{Others, SlotDir};
use super::status::holders_of_process;
use super::{ServerKey, now};

/// Interval of the check for a slot that another process has released, while a reader waits.
const WAIT_INTERVAL: Duration = Duration::from_millis(50);

/// Interval of the check whether others want the slots of this process. The check and a time slice
/// together may take two seconds.
const HOLD_INTERVAL: Duration = Duration::from_millis(150);

/// Interval of the check whether the directory still exists, while the pool is idle.
const IDLE_INTERVAL: Duration = Duration::from_secs(5);

/// Added to these intervals for each other process, so that a hundred processes do not load the
/// machine by polling each other.
const INTERVAL_PER_PROCESS: Duration = Duration::from_millis(5);

/// How long the records of other processes are cached when a mount requests a slot.
const SEEN_TIME_MAX: Duration = Duration::from_millis(500);

/// Interval at which an unchanged record is rewritten, to show that the process is running.
const RECORD_INTERVAL: Duration = Duration::from_millis(500);

/// Interval of attempts to reopen an unusable directory.
const REOPEN_INTERVAL: Duration = Duration::from_secs(10);

/// How long readers wait for a slot before the log names its holders.
const STARVED_TIME_MAX: Duration = Duration::from_secs(10);

/// First number of slots whose lock was lost. Another process may have the lock, so the number is
/// beyond every budget, and the slot is released at the end of its time slice.
const LOST_SLOT_MIN: usize = 1 << 32;

/// The mounts of one server in this process.
#[derive(Debug)]
pub(super) struct PermitPool {
    key: ServerKey,
    /// The directory with the slot directories of all servers.
    parent: PathBuf,
    /// Protects the slots and members. Held for a few system calls that do not block, never across
    /// an await or the call of a listener. Engines call [`update`](Self::update) under their own
    /// lock.
    state: Mutex<PoolState>,
    /// Wakes the task of the pool after a change that other members may wait for.
    wake: Arc<Notify>,
}

#[derive(Debug)]
struct PoolState {
    members: Vec<PoolMember>,
    slots: SlotTable,
    others: Others,
    seen_at: Timestamp,
    /// The content of the last record, and when it was written.
    written: (Vec<MemberRecord>, Timestamp),
    /// When the directory is opened again.
    reopen_at: Timestamp,
    /// Why streams are not shared with other processes; `None` if they are.
    trouble: Option<String>,
    next_member: u32,
}

/// A mount.
struct PoolMember {
    id: u64,
    policy: BudgetMember,
    mountpoint: String,
    listener: Option<Weak<dyn BudgetListener>>,
    /// When it started to wait without any slot.
    starved_since: Option<Timestamp>,
}

/// The slots that members of this process hold, and their locks.
#[derive(Debug)]
struct SlotTable {
    owners: BTreeMap<usize, u64>,
    /// `None` if the directory cannot be used: then slots are managed in this process only.
    dir: Option<SlotDir>,
    next_lost: usize,
}

/// View of the slots for one member.
struct SlotsOf<'a> {
    table: &'a mut SlotTable,
    member: u64,
}

impl StreamSlots for SlotsOf<'_> {
    fn try_take(&mut self, slot: usize) -> bool {
        if self.table.owners.contains_key(&slot) {
            return false;
        }
        let is_locked = match &mut self.table.dir {
            None => true,
            Some(dir) => dir.try_lock(slot).unwrap_or_else(|error| {
                // The next check finds the problem of the directory.
                tracing::debug!(%error, slot, "cannot lock a stream slot");
                false
            }),
        };
        if is_locked {
            self.table.owners.insert(slot, self.member);
        }
        is_locked
    }

    fn give_back(&mut self, slot: usize) {
        self.table.owners.remove(&slot);
        if let Some(dir) = &self.table.dir {
            dir.unlock(slot);
        }
    }
}

impl PermitPool {
    /// Returns a pool without members. Creates its directory. If that fails, a warning is logged,
    /// and mounts of other processes are ignored.
    pub(super) fn open(key: ServerKey, parent: PathBuf) -> Self {
        let slots = SlotTable { owners: BTreeMap::new(), dir: None, next_lost: LOST_SLOT_MIN };
        let mut state = PoolState {
            members: Vec::new(),
            slots,
            others: Others::default(),
            seen_at: Timestamp::ZERO,
            written: (Vec::new(), Timestamp::ZERO),
            reopen_at: Timestamp::ZERO,
            trouble: None,
            next_member: 0,
        };
        state.reopen(&key, &parent, now());
        Self { key, parent, state: Mutex::new(state), wake: Arc::default() }
    }

    /// Adds a mount, and returns its member id.
    pub(super) fn join(&self, streams_max: usize, mountpoint: String) -> u64 {
        let mut state = self.lock();
        let id = member_id(std::process::id(), state.next_member);
        state.next_member += 1;
        let policy = BudgetMember::new(id, streams_max);
        let member = PoolMember { id, policy, mountpoint, listener: None, starved_since: None };
        state.members.push(member);
        state.write(now());
        drop(state);
        self.wake.notify_one();
        id
    }

    pub(super) fn leave(&self, id: u64) {
        let mut state = self.lock();
        let PoolState { members, slots, .. } = &mut *state;
        if let Some(position) = members.iter().position(|member| member.id == id) {
            let mut member = members.remove(position);
            member.policy.leave(&mut SlotsOf { table: slots, member: id });
        }
        state.write(now());
        drop(state);
        self.wake.notify_one();
    }

    pub(super) fn set_listener(&self, id: u64, listener: Weak<dyn BudgetListener>) {
        let mut state = self.lock();
        if let Some(member) = state.members.iter_mut().find(|member| member.id == id) {
            member.listener = Some(listener);
        }
    }

    /// Implements [`StreamBudget::update`](vfs_core::StreamBudget::update).
    pub(super) fn update(&self, id: u64, demand: StreamDemand) -> StreamPermits {
        let now = now();
        let mut state = self.lock();
        if demand.is_waiting() && now.duration_since(state.seen_at) > SEEN_TIME_MAX {
            state.refresh(now);
        }
        let peers = state.peers(id, now);
        let PoolState { members, slots, .. } = &mut *state;
        let Some(member) = members.iter_mut().find(|member| member.id == id) else {
            return StreamPermits::default();
        };
        let before = member.policy.as_peer();
        let slots = &mut SlotsOf { table: slots, member: id };
        let permits = member.policy.update(now, demand, &peers, slots);
        let is_starved = permits.held == 0 && (demand.waits_here || demand.waits_missing);
        member.starved_since = member.starved_since.or(Some(now)).filter(|_| is_starved);
        if member.policy.as_peer() != before {
            state.write(now);
            drop(state);
            self.wake.notify_one();
        }
        permits
    }

    /// Returns the notification that wakes the task of the pool.
    pub(super) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Returns the maximum time until the next [`tick`](Self::tick).
    pub(super) fn pause(&self) -> Duration {
        let state = self.lock();
        let count = state.others.records.len().saturating_add(state.others.unknown);
        let others = INTERVAL_PER_PROCESS.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let is_waiting = state.members.iter().any(|it| it.policy.demand().is_waiting());
        let is_holding = state.members.iter().any(|it| !it.policy.held().is_empty());
        let pause = match (is_waiting, is_holding) {
            (true, _) => WAIT_INTERVAL,
            (false, true) => HOLD_INTERVAL,
            (false, false) => IDLE_INTERVAL,
        };
        pause.saturating_add(others)
    }

    /// Checks the other processes. Returns the members that may get a slot or have to release one.
    pub(super) fn tick(&self) -> Vec<Weak<dyn BudgetListener>> {
        let now = now();
        let mut state = self.lock();
        state.keep_dir(&self.key, &self.parent, now);
        state.refresh(now);
        state.write(now);
        state.warn_of_starved(now);
        let concerned = state.members.iter().filter(|member| {
            member.policy.demand().is_waiting() || !member.policy.held().is_empty()
        });
        concerned.filter_map(|member| member.listener.clone()).collect()
    }

    /// Returns the holders of the streams.
    pub(super) fn status(&self) -> BudgetStatus {
        let now = now();
        let mut state = self.lock();
        state.refresh(now);
        let own = ProcessRecord::new(now, state.records());
        let records = std::iter::once(&own).chain(&state.others.records);
        let holders: Vec<_> = records.flat_map(holders_of_process).collect();
        BudgetStatus::new(holders, state.trouble.clone())
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        // A panic under the lock is a bug that the panicking request reports; other requests
        // continue.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolState {
    /// Returns all members of the budget except one.
    fn peers(&self, id: u64, now: Timestamp) -> Vec<BudgetPeer> {
        let own = self.members.iter().filter(|member| member.id != id);
        let own = own.map(|member| member.policy.as_peer());
        let others = self.others.records.iter().flat_map(|record| record.peers(now));
        own.chain(others).collect()
    }

    fn records(&self) -> Vec<MemberRecord> {
        let records = self.members.iter();
        records.map(|it| MemberRecord::new(&it.policy.as_peer(), &it.mountpoint)).collect()
    }

    /// Reads the records of other processes.
    fn refresh(&mut self, now: Timestamp) {
        let Some(dir) = &self.slots.dir else { return };
        self.seen_at = now;
        match dir.others() {
            Ok(others) => self.others = others,
            Err(error) => tracing::debug!(%error, "cannot read the records of other processes"),
        }
    }

    /// Writes the record of this process if it has changed, or is so old that others might take the
    /// process for stopped.
    fn write(&mut self, now: Timestamp) {
        let Some(dir) = &self.slots.dir else { return };
        let records = self.records();
        let is_idle = records.iter().all(|it| {
            it.held == 0 && it.waits_here_millis.is_none() && it.waits_missing_millis.is_none()
        });
        let age = now.duration_since(self.written.1);
        if records == self.written.0 && (is_idle || age < RECORD_INTERVAL) {
            return;
        }
        if let Err(error) = dir.write(&ProcessRecord::new(now, records.clone())) {
            tracing::debug!(%error, "cannot write the record of held streams");
        }
        self.written = (records, now);
    }

    /// Reopens the directory if it was removed or could not be used.
    fn keep_dir(&mut self, key: &ServerKey, parent: &std::path::Path, now: Timestamp) {
        let is_current = match &self.slots.dir {
            Some(dir) => dir.is_current(self.slots.owners.keys().copied()),
            None => now < self.reopen_at,
        };
        if !is_current {
            self.reopen(key, parent, now);
        }
    }

    fn reopen(&mut self, key: &ServerKey, parent: &std::path::Path, now: Timestamp) {
        self.reopen_at = now.saturating_add(REOPEN_INTERVAL);
        match SlotDir::open(parent, key.as_file_name()) {
            Ok(dir) => {
                self.slots.dir = Some(dir);
                self.trouble = None;
                self.written = (Vec::new(), Timestamp::ZERO);
                self.lock_again();
                self.refresh(now);
                self.write(now);
            }
            Err(error) => {
                let error = chain(&error);
                // Each mount reports it at its start.
                if !self.members.is_empty() && self.trouble.as_ref() != Some(&error) {
                    tracing::warn!(
                        "streams are not shared with other processes of tfs: failed to {error}; \
                         mounts of the same server in other processes need smaller --max-streams"
                    );
                }
                self.trouble = Some(error);
                self.slots.dir = None;
                self.others = Others::default();
            }
        }
    }

    /// Locks all held slots in a new directory. Slots that others hold there are released at the
    /// end of their time slices.
    fn lock_again(&mut self) {
        let held: Vec<_> =
            self.slots.owners.keys().copied().filter(|slot| *slot < LOST_SLOT_MIN).collect();
        for slot in held {
            let Some(dir) = &mut self.slots.dir else { return };
            if dir.try_lock(slot).unwrap_or(false) {
                continue;
            }
            let Some(id) = self.slots.owners.remove(&slot) else { continue };
            let stand_in = self.slots.next_lost;
            self.slots.next_lost += 1;
            if let Some(member) = self.members.iter_mut().find(|member| member.id == id) {
                member.policy.replace(slot, stand_in);
                self.slots.owners.insert(stand_in, id);
            }
        }
    }

    /// Logs once the holders of slots that a mount has waited for too long.
    fn warn_of_starved(&mut self, now: Timestamp) {
        let is_starved = |member: &&mut PoolMember| {
            member.starved_since.is_some_and(|since| now.duration_since(since) > STARVED_TIME_MAX)
        };
        let Some(member) = self.members.iter_mut().find(is_starved) else { return };
        // The next warning follows after the same time.
        member.starved_since = Some(now);
        let mount = member.mountpoint.clone();
        let holders = self.others.records.iter().filter(|record| !record.is_fresh(now));
        let holders: Vec<_> = holders
            .flat_map(holders_of_process)
            .filter(|holder| holder.held > 0)
            .map(|holder| format!("process {} with {}", holder.pid, holder.mountpoint))
            .collect();
        if holders.is_empty() {
            tracing::warn!(mount, "reads wait for a stream slot; other processes hold all of them");
        } else {
            let holders = holders.join(", ");
            tracing::warn!(
                mount,
                holders,
                "reads wait for stream slots that stopped processes hold"
            );
        }
    }
}

impl std::fmt::Debug for PoolMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("policy", &self.policy).finish_non_exhaustive()
    }
}
