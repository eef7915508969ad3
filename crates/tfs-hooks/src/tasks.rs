//! The hooks of a process: a task for each.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::batch::EventBatch;
use crate::call::run_once;
use crate::hub::{EventHub, EventInbox};
use crate::report::{HookReport, HookReports};
use crate::settings::{HookSettings, HookTarget};

/// A call starts when no event came for this long. Details of torrents that were added together
/// arrive in parts 300 ms apart; an event should reach its receiver within half a second.
const QUIET_TIME: Duration = Duration::from_millis(350);

/// A call starts at the latest this long after its first event.
const GATHER_TIME_MAX: Duration = Duration::from_millis(1500);

/// From this number of events on, more are expected: many torrents are being added, which takes
/// seconds, and several polls find them.
const BURST_EVENTS: u64 = 10;

/// The quiet time of a burst: more than the usual poll interval of five seconds.
const BURST_QUIET_TIME: Duration = Duration::from_secs(6);

/// A call with a burst starts at the latest this long after the burst was noticed.
const BURST_TIME_MAX: Duration = Duration::from_secs(20);

/// How long calls may take at the end of the process.
const END_TIME_MAX: Duration = Duration::from_secs(3);

/// The hooks of this process. Dropping it ends them at once, and kills what they run.
#[derive(Debug, Default)]
pub struct Hooks {
    hooks: Vec<RunningHook>,
    /// Hooks that are no longer configured, and still make their last call.
    ending: Vec<OwnedHook>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct RunningHook {
    settings: HookSettings,
    report: HookReport,
    stop: CancellationToken,
    task: OwnedHook,
}

/// The task of a hook, which ends when this is dropped.
#[derive(Debug)]
struct OwnedHook(JoinHandle<()>);

impl Drop for OwnedHook {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Hooks {
    /// Has exactly these hooks from now on. Returns whether that changes anything. A hook that goes
    /// finishes its call, and makes one more for events that wait. Must be called in a runtime.
    pub fn set(
        &mut self,
        wanted: Vec<HookSettings>,
        hub: &EventHub,
        reports: &HookReports,
    ) -> bool {
        self.ending.retain(|hook| !hook.0.is_finished());
        if self.hooks.iter().map(|hook| &hook.settings).eq(&wanted) {
            return false;
        }
        let mut known = std::mem::take(&mut self.hooks);
        for settings in wanted {
            let place = known.iter().position(|hook| hook.settings == settings);
            let hook = match place {
                Some(place) => known.swap_remove(place),
                None => self.start(settings, hub),
            };
            self.hooks.push(hook);
        }
        for gone in known {
            gone.stop.cancel();
            self.ending.push(gone.task);
        }
        reports.set(self.hooks.iter().map(|hook| hook.report.clone()).collect());
        true
    }

    /// Ends all hooks: running calls get a few seconds.
    pub async fn end(self) {
        self.hooks.iter().for_each(|hook| hook.stop.cancel());
        self.tasks.close();
        if timeout(END_TIME_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!("the call of a hook has not ended; it is cut off");
        }
    }

    fn start(&self, settings: HookSettings, hub: &EventHub) -> RunningHook {
        tracing::info!(name = settings.name, target = settings.target.shown(), "starting a hook");
        let report = HookReport::new(settings.name.clone(), settings.target.shown());
        if let HookTarget::Unusable { why, .. } = &settings.target {
            tracing::warn!(hook = settings.name, "a hook cannot work: {why}");
            report.on_unusable(why.clone());
        }
        let stop = CancellationToken::new();
        let task = HookTask {
            inbox: hub.subscribe(&settings.on),
            settings: settings.clone(),
            report: report.clone(),
            stop: stop.clone(),
        };
        let task = OwnedHook(self.tasks.spawn(task.run()));
        RunningHook { settings, report, stop, task }
    }
}

struct HookTask {
    inbox: EventInbox,
    settings: HookSettings,
    report: HookReport,
    stop: CancellationToken,
}

impl HookTask {
    /// Makes one call after the other, until it is stopped and no event waits.
    async fn run(self) {
        loop {
            self.stop.run_until_cancelled(self.inbox.ready()).await;
            if self.inbox.is_empty() {
                return;
            }
            self.stop.run_until_cancelled(self.gather()).await;
            self.call(&self.inbox.take()).await;
        }
    }

    /// Waits for further events.
    async fn gather(&self) {
        self.gather_until_quiet(QUIET_TIME, GATHER_TIME_MAX).await;
        if self.inbox.count() >= BURST_EVENTS {
            self.gather_until_quiet(BURST_QUIET_TIME, BURST_TIME_MAX).await;
        }
    }

    /// Waits until no event came for some time, for `time_max` at most.
    async fn gather_until_quiet(&self, quiet_time: Duration, time_max: Duration) {
        let quiet = async { while timeout(quiet_time, self.inbox.grown()).await.is_ok() {} };
        // The limit is one of its two ends.
        drop(timeout(time_max, quiet).await);
    }

    async fn call(&self, events: &EventBatch) {
        let name = &self.settings.name;
        self.report.on_start(events.unnamed());
        let failure = match run_once(&self.settings, events).await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(hook = name, events = events.count(), "a hook failed: {error}");
                let named = u64::try_from(events.named().len()).unwrap_or(u64::MAX);
                Some((error.to_string(), named))
            }
        };
        self.report.on_end(failure);
    }
}
