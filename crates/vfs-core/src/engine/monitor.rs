//! The state of an engine under one lock, and the wake-ups of the tasks that wait for it.
//!
//! The owner sleeps until there are orders, or until its alarm. Waiters (streams without demand,
//! callers that need a bitfield) sleep until any change. A wake-up follows its change, and a waiter
//! registers before it looks, so no wake-up is lost. `tests/wakeups.rs` compiles this file with the
//! primitives of shuttle, and runs it in random schedules.

use std::fmt;
use std::sync::PoisonError;

use super::sync::{Mutex, MutexGuard, Notify};

/// A state that a monitor can protect.
pub(super) trait Machine: fmt::Debug {
    /// A point in time.
    type Time: Copy + Ord + fmt::Debug;

    /// Returns whether there are orders for the owner.
    fn has_orders(&self) -> bool;

    /// Returns when the owner has to act next.
    fn next_time(&self) -> Option<Self::Time>;
}

/// A state, its lock, and its wake-ups.
#[derive(Debug)]
pub(super) struct Monitor<M: Machine> {
    /// Held for one event, never across an await.
    state: Mutex<Monitored<M>>,
    /// Wakes the owner: there are orders, or the next wake-up is earlier.
    owner_wake: Notify,
    /// Wakes the waiters.
    waiter_wake: Notify,
}

/// The state behind the lock.
#[derive(Debug)]
pub(super) struct Monitored<M: Machine> {
    /// What the monitor protects.
    pub(super) machine: M,
    owner: OwnerState<M::Time>,
}

/// The task that executes orders.
#[derive(Debug, Clone, Copy)]
enum OwnerState<T> {
    Absent,
    /// Its first pass is ahead.
    Started,
    /// It may sleep until this time; `None` is for ever.
    Sleeping(Option<T>),
}

impl<M: Machine> Monitored<M> {
    /// Returns true if there is no owner; the caller starts one.
    pub(super) fn appoint_owner(&mut self) -> bool {
        let is_absent = matches!(self.owner, OwnerState::Absent);
        if is_absent {
            self.owner = OwnerState::Started;
        }
        is_absent
    }

    /// Records that the owner has ended.
    pub(super) fn dismiss_owner(&mut self) {
        self.owner = OwnerState::Absent;
    }

    fn must_wake_owner(&self) -> bool {
        let is_sooner = match (self.machine.next_time(), self.owner) {
            (Some(next), OwnerState::Sleeping(alarm)) => alarm.is_none_or(|alarm| next < alarm),
            (Some(_), OwnerState::Absent | OwnerState::Started) | (None, _) => false,
        };
        is_sooner || self.machine.has_orders()
    }
}

impl<M: Machine> Monitor<M> {
    pub(super) fn new(machine: M) -> Self {
        let state = Mutex::new(Monitored { machine, owner: OwnerState::Absent });
        Self { state, owner_wake: Notify::new(), waiter_wake: Notify::new() }
    }

    /// Reads the state. Blocks only while another thread holds the lock.
    pub(super) fn read<T>(&self, read: impl FnOnce(&M) -> T) -> T {
        read(&self.lock().machine)
    }

    /// Changes the state without a wake-up.
    pub(super) fn change_quietly<T>(&self, change: impl FnOnce(&mut M) -> T) -> T {
        change(&mut self.lock().machine)
    }

    /// Changes the state, and wakes all tasks that may wait for the change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Monitored<M>) -> T) -> T {
        let result = self.change_for_owner(change);
        self.waiter_wake.notify_waiters();
        result
    }

    /// Does what [`change`](Self::change) does, but wakes no task if `change` returns `None`.
    pub(super) fn change_if<T>(
        &self,
        change: impl FnOnce(&mut Monitored<M>) -> Option<T>,
    ) -> Option<T> {
        self.change_unless_error(|state| change(state).ok_or(())).ok()
    }

    /// Does what [`change`](Self::change) does, but wakes no task if `change` fails.
    pub(super) fn change_unless_error<T, E>(
        &self,
        change: impl FnOnce(&mut Monitored<M>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut state = self.lock();
        let result = change(&mut state)?;
        self.unlock(state);
        self.waiter_wake.notify_waiters();
        Ok(result)
    }

    /// Changes the state, and wakes the owner if it has to act. It wakes no waiter: the caller may
    /// be one.
    pub(super) fn change_for_owner<T>(&self, change: impl FnOnce(&mut Monitored<M>) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        self.unlock(state);
        result
    }

    /// Runs a pass of the owner, which takes all orders. Returns the time of the next pass, unless
    /// the owner is [woken](Self::owner_woken) before.
    pub(super) fn owner_pass<T>(
        &self,
        pass: impl FnOnce(&mut Monitored<M>) -> T,
    ) -> (Option<M::Time>, T) {
        let mut state = self.lock();
        let result = pass(&mut state);
        let alarm = state.machine.next_time();
        state.owner = OwnerState::Sleeping(alarm);
        drop(state);
        self.waiter_wake.notify_waiters();
        (alarm, result)
    }

    /// Waits until the owner has to act. A wake-up between a pass and this call is not lost.
    pub(super) async fn owner_woken(&self) {
        self.owner_wake.notified().await;
    }

    /// Wakes the owner.
    pub(super) fn wake_owner(&self) {
        self.owner_wake.notify_one();
    }

    /// Waits until `look` returns a value. It looks again after each change.
    pub(super) async fn wait_for<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            // It gets every wake-up from here on, also those before its first poll.
            let woken = self.waiter_wake.notified();
            if let Some(found) = look() {
                return found;
            }
            woken.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Monitored<M>> {
        // A panic under the lock is a bug of one request; other requests continue.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases the lock after a change, and wakes the owner if it has to act.
    fn unlock(&self, state: MutexGuard<'_, Monitored<M>>) {
        let must_wake = state.must_wake_owner();
        drop(state);
        if must_wake {
            self.wake_owner();
        }
    }
}
