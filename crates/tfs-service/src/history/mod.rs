//! The recent past of the mounts of a process: rates of the last seconds, a plot of ten minutes,
//! failures of a day.
//!
//! Counters are read from memory: once a second while a page is served, else every five minutes.
//! All of it is lost with the process.

mod counters;
mod failures;
mod record;
mod samples;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tfs_api::wire::{MountId, MountStatus, WayStatus};
use tfs_sys::clock::{self, since_boot};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub(crate) use self::counters::CounterReading;
use self::record::{Record, SamplePace};

/// Interval of samples while a page is served.
const CLOSE_INTERVAL: Duration = Duration::from_secs(1);

/// Interval otherwise. A failure is attributed to the hour in which it is noticed.
const RARE_INTERVAL: Duration = Duration::from_secs(300);

/// The recent past of the mounts of a process. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct MountHistory {
    /// Protects the record; held for one read or sample.
    record: Arc<Mutex<Record>>,
    /// The number of users that need a sample every second.
    watchers: Arc<watch::Sender<usize>>,
}

/// Makes samples be taken every second until it is dropped.
#[derive(Debug)]
pub(crate) struct CloseWatch(MountHistory);

/// Takes samples until it is dropped.
#[derive(Debug)]
pub(crate) struct Sampler(JoinHandle<()>);

impl MountHistory {
    /// Takes samples every second until the return value is dropped.
    pub(crate) fn watch_closely(&self) -> CloseWatch {
        self.watchers.send_modify(|count| *count += 1);
        CloseWatch(self.clone())
    }

    /// Returns the samples of the last ten minutes.
    pub(crate) fn samples(&self) -> tfs_web::model::History {
        self.record().history()
    }

    /// Fills in the rates and failures of a status, which was just made. Without samples of the
    /// last seconds, the rates are those of the open files.
    pub(crate) fn fill(&self, status: &mut MountStatus) {
        let MountStatus { device, status: report, .. } = &*status;
        let id = MountId { mountpoint: report.mountpoint.clone(), device: device.clone() };
        let at = since_boot();
        let (failures, rates) = {
            let mut record = self.record();
            (record.failures(&id, &report.figures.failures, at), record.rates(&id, at))
        };
        status.recent.failures = failures;
        let recent = &mut status.recent;
        if let Some(rates) = rates {
            recent.given_bps = rates.given;
            recent.fetched_bps = rates.fetched;
            recent.local_bps = rates.local;
            return;
        }
        for reader in &status.readers {
            let bps = reader.bytes_per_second;
            recent.given_bps = recent.given_bps.saturating_add(bps);
            let of_way = match reader.way {
                WayStatus::Http => &mut recent.fetched_bps,
                WayStatus::Local | WayStatus::Passthrough | WayStatus::Unknown => {
                    &mut recent.local_bps
                }
            };
            *of_way = of_way.saturating_add(bps);
        }
    }

    fn sample(&self, counters: Vec<(MountId, CounterReading)>, pace: SamplePace) {
        self.record().record(counters, since_boot(), clock::now(), pace);
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CloseWatch {
    fn drop(&mut self) {
        self.0.watchers.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Sampler {
    /// Starts to record what `counters` returns: the counters of all mounts, from memory. Must be
    /// called in a runtime.
    pub(crate) fn start(
        history: &MountHistory,
        counters: impl Fn() -> Vec<(MountId, CounterReading)> + Send + 'static,
    ) -> Self {
        Self(tokio::spawn(run(history.clone(), counters)))
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(
    history: MountHistory,
    counters: impl Fn() -> Vec<(MountId, CounterReading)> + Send + 'static,
) {
    let mut watchers = history.watchers.subscribe();
    loop {
        let (pace, interval) = match *watchers.borrow_and_update() {
            0 => (SamplePace::Rare, RARE_INTERVAL),
            _ => (SamplePace::Close, CLOSE_INTERVAL),
        };
        history.sample(counters(), pace);
        tokio::select! {
            () = sleep(interval) => {}
            // It cannot fail: `history` has a sender.
            _changed = watchers.changed() => {}
        }
    }
}
