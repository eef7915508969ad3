//! The wake-ups of the engine's driver in random schedules: the source of its monitor, with the
//! primitives of shuttle. A lost wake-up is a deadlock, which shuttle reports.

#[path = "../src/engine/monitor.rs"]
mod monitor;

use std::sync::Arc;

use monitor::{Machine, Monitor};
use shuttle::future::{block_on, spawn};
use shuttle::thread;

/// The schedules of each test.
const SCHEDULES: usize = 1000;

/// Readers, each of which wants one more chunk.
const READERS: u32 = 2;

/// The most passes of the owner: for its start, each order, the end, and a wake-up left over.
const PASSES_MAX: u32 = READERS + 3;

/// The primitives: those of shuttle, and tokio's `Notify` with a switch of tasks before each call.
mod sync {
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    use shuttle::thread::yield_now;
    use tokio::sync::futures::Notified;

    #[derive(Debug)]
    pub(crate) struct Notify(tokio::sync::Notify);

    impl Notify {
        pub(crate) fn new() -> Self {
            Self(tokio::sync::Notify::new())
        }

        pub(crate) fn notified(&self) -> Notified<'_> {
            yield_now();
            self.0.notified()
        }

        pub(crate) fn notify_one(&self) {
            yield_now();
            self.0.notify_one();
        }

        pub(crate) fn notify_waiters(&self) {
            yield_now();
            self.0.notify_waiters();
        }
    }
}

/// An engine in numbers. Each stream has one chunk.
#[derive(Debug, Default)]
struct ToyEngine {
    /// How many streams the owner has to open.
    orders: u32,
    demanded: u32,
    received: u32,
    next_time: Option<u32>,
    is_ended: bool,
    /// The alarm of the owner.
    alarm: Option<u32>,
    passes: u32,
    has_owner: bool,
}

impl Machine for ToyEngine {
    type Time = u32;

    fn has_orders(&self) -> bool {
        self.orders > 0
    }

    fn next_time(&self) -> Option<u32> {
        self.next_time
    }
}

type ToyMonitor = Arc<Monitor<ToyEngine>>;

/// Orders a stream, as a read does; the first one starts the owner.
fn order(monitor: &ToyMonitor) {
    monitor.change(|state| {
        if state.appoint_owner() {
            state.machine.has_owner = true;
            drop(spawn(run_owner(Arc::clone(monitor))));
        }
        state.machine.orders += 1;
    });
}

/// Executes orders until the end, as the owner does. Time stands still: no alarm rings.
async fn run_owner(monitor: ToyMonitor) {
    loop {
        let (alarm, (orders, is_ended)) = monitor.owner_pass(|state| {
            let engine = &mut state.machine;
            engine.alarm = engine.next_time;
            (std::mem::take(&mut engine.orders), engine.is_ended)
        });
        monitor.change_quietly(|engine| {
            engine.passes += 1;
            assert_eq!(engine.alarm, alarm);
        });
        for _ in 0..orders {
            drop(spawn(run_stream(Arc::clone(&monitor))));
        }
        if is_ended {
            break;
        }
        monitor.owner_woken().await;
    }
    monitor.change(|state| {
        state.dismiss_owner();
        state.machine.has_owner = false;
    });
}

/// Receives a chunk when it is demanded, as a stream does.
async fn run_stream(monitor: ToyMonitor) {
    let is_wanted = |engine: &ToyEngine| engine.demanded > engine.received;
    loop {
        let look = || monitor.read(|it| (is_wanted(it) || it.is_ended).then_some(()));
        monitor.wait_for(look).await;
        let received = monitor.change_if(|state| {
            let is_wanted = is_wanted(&state.machine);
            state.machine.received += u32::from(is_wanted);
            is_wanted.then_some(())
        });
        // Another stream may have been faster.
        if received.is_some() || monitor.read(|engine| engine.is_ended) {
            return;
        }
    }
}

/// Ends the engine, and waits until its owner has ended.
fn end(monitor: &ToyMonitor) {
    monitor.change(|state| state.machine.is_ended = true);
    monitor.wake_owner();
    block_on(monitor.wait_for(|| monitor.read(|engine| (!engine.has_owner).then_some(()))));
}

#[test]
fn every_reader_gets_its_chunk_and_the_owner_ends() {
    shuttle::check_random(
        || {
            let monitor = Arc::new(Monitor::new(ToyEngine::default()));
            let readers = (0..READERS).map(|_| {
                let monitor = Arc::clone(&monitor);
                thread::spawn(move || {
                    order(&monitor);
                    let wanted = monitor.change(|state| {
                        state.machine.demanded += 1;
                        state.machine.demanded
                    });
                    let received = || monitor.read(|engine| engine.received >= wanted);
                    block_on(monitor.wait_for(|| received().then_some(())));
                })
            });
            readers.collect::<Vec<_>>().into_iter().for_each(|it| it.join().unwrap());
            end(&monitor);
            let passes = monitor.read(|engine| engine.passes);
            assert!(passes <= PASSES_MAX, "{passes}");
        },
        SCHEDULES,
    );
}

#[test]
fn the_owner_learns_of_an_earlier_alarm() {
    shuttle::check_random(
        || {
            let engine = ToyEngine { next_time: Some(9), ..ToyEngine::default() };
            let monitor = Arc::new(Monitor::new(engine));
            order(&monitor);
            let earlier = {
                let monitor = Arc::clone(&monitor);
                // A query of a bitfield, which wakes no waiter.
                thread::spawn(move || {
                    monitor.change_for_owner(|state| state.machine.next_time = Some(5));
                })
            };
            earlier.join().unwrap();
            let has_it = || monitor.read(|engine| engine.alarm == Some(5));
            block_on(monitor.wait_for(|| has_it().then_some(())));
            end(&monitor);
        },
        SCHEDULES,
    );
}
