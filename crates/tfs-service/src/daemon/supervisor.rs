//! The one owner of the mounts: does what the plan says, and tells the plan what came of it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::apply_config::{check, clean_up};
use super::attempt::{self, LivenessQuery};
use super::log::LogLevelControl;
use super::plan::{MountAction, MountPlan, TaskExit};
use super::reload::{DaemonHandle, DaemonRequest, Reloader};
use super::spec::Spec;
use crate::control::wire::{
    FailureBody, FailureKind, MissingMount, PlaceInfo, Reloaded, UnmountMode,
};
use crate::control::{ControlServer, ControlTarget, MonitoringServer, MountRegistry};
use crate::service_manager::{ManagerNotice, Watchdog, notify};
use crate::settings::{Loaded, LoggingSection, SettingsError, Sources};

/// How long all mounts together may take to end: each needs 3 s at most, and some more where a
/// server is slow to hang up or the state is on a slow disk.
const END_TIME_MAX: Duration = Duration::from_secs(15);

/// How often an unmount is tried again that somebody was in the way of who cannot be found, and how
/// long after: a look at a mount takes milliseconds.
const UNMOUNT_RETRIES_MAX: u32 = 3;
const UNMOUNT_PAUSE: Duration = Duration::from_millis(50);

/// How many messages of mounts may wait. The owner takes them at once; a mount that finds no room
/// waits for a moment.
const EVENTS_MAX: usize = 64;

/// What happened to a mount.
#[derive(Debug)]
enum MountEvent {
    Up { pulse: LivenessQuery, mountpoint: String },
    Kept(String),
    Ended(TaskExit),
}

/// What is known of a mount that has a task.
#[derive(Debug)]
struct MountTask {
    stop: CancellationToken,
    /// Once it is up.
    up: Option<(LivenessQuery, String)>,
}

/// All mounts of the configuration.
#[derive(Debug)]
pub struct Daemon {
    pub(super) sources: Sources,
    pub(super) loaded: Arc<Loaded>,
    pub(super) log: Box<dyn LogLevelControl>,
    /// What the log was begun with.
    pub(super) logging: LoggingSection,
    pub(super) plan: MountPlan<Spec>,
    running: HashMap<PathBuf, MountTask>,
    /// Where a mount was lost. What it left in the tree stays there until the next try: to a media
    /// server an error is better than an empty directory.
    pub(super) lost: BTreeSet<PathBuf>,
    pub(super) mounts: MountRegistry,
    /// Which of them are not there, for those who ask for the status.
    missing: watch::Sender<Vec<MissingMount>>,
    tasks: TaskTracker,
    events: mpsc::Receiver<(PathBuf, MountEvent)>,
    /// For the tasks of the mounts.
    events_in: mpsc::Sender<(PathBuf, MountEvent)>,
    requests: mpsc::Receiver<DaemonRequest>,
    handle: DaemonHandle,
    pub(super) monitoring: Option<MonitoringServer>,
    /// Who waits for what comes of a reload, and what is known of it already.
    pub(super) waiting: Vec<oneshot::Sender<Result<Reloaded, FailureBody>>>,
    pub(super) reloaded: Reloaded,
    /// When those who wait are told what there is; `None` if all are told.
    pub(super) tell_at: Option<Instant>,
}

impl Daemon {
    /// Returns the daemon of a configuration, and what tells it what to do. `sources` is where
    /// `loaded` came from and where a reload looks; `log` was begun as `loaded` says.
    ///
    /// # Errors
    /// If the configuration has no mounts.
    pub fn new(
        sources: Sources,
        loaded: Loaded,
        log: impl LogLevelControl + 'static,
    ) -> Result<(Self, DaemonHandle), SettingsError> {
        check(&loaded)?;
        let (handle, requests) = DaemonHandle::new();
        let (events_in, events) = mpsc::channel(EVENTS_MAX);
        let daemon = Self {
            sources,
            log: Box::new(log),
            logging: loaded.settings.logging.clone(),
            loaded: Arc::new(loaded),
            plan: MountPlan::new(),
            running: HashMap::new(),
            lost: BTreeSet::new(),
            mounts: MountRegistry::default(),
            missing: watch::Sender::default(),
            tasks: TaskTracker::new(),
            events,
            events_in,
            requests,
            handle: handle.clone(),
            monitoring: None,
            waiting: Vec::new(),
            reloaded: Reloaded::default(),
            tell_at: None,
        };
        Ok((daemon, handle))
    }

    /// Serves until the handle says that it is to end. The service manager is told of all of it.
    pub async fn run(mut self) {
        let reloader = Reloader::new(self.handle.clone(), self.missing.subscribe());
        let control = ControlServer::start_of_daemon(self.mounts.clone(), reloader).await;
        // It is logged, and a daemon can do without.
        drop(self.listen().await);
        self.take_over().await;
        let handle = self.handle.clone();
        tokio::select! {
            () = self.serve() => {}
            () = feed_watchdog(&handle) => {}
        }
        notify(ManagerNotice::Stopping);
        self.end().await;
        clean_up(self.lost).await;
        if let Some(monitoring) = self.monitoring {
            monitoring.end().await;
        }
        // Whoever asked for the end of a mount is told that it has come.
        control.end().await;
    }

    /// Takes what happens until the end is asked for.
    async fn serve(&mut self) {
        loop {
            self.missing.send_replace(self.plan.missing());
            let deadline = self.plan.next_deadline().into_iter().chain(self.tell_at).min();
            let is_timed = deadline.is_some();
            let deadline = deadline.unwrap_or_else(Instant::now);
            tokio::select! {
                Some((path, event)) = self.events.recv() => {
                    self.on_event(&path, event);
                    if self.tell_at.is_none() {
                        notify(ManagerNotice::Status(&self.plan.status()));
                    }
                }
                Some(request) = self.requests.recv() => match request {
                    DaemonRequest::Reload(asker) => self.reload(asker).await,
                    DaemonRequest::Pulses(asker) => drop(asker.send(self.pulses())),
                    DaemonRequest::End => return,
                },
                () = sleep_until(deadline), if is_timed => {
                    let actions = self.plan.on_time(Instant::now());
                    self.act(actions);
                }
            }
            self.tell_if_settled();
        }
    }

    /// Ends all mounts at the same time.
    async fn end(&mut self) {
        let actions = self.plan.end();
        self.act(actions);
        let ended = async {
            while !self.plan.is_over() {
                let Some((path, event)) = self.events.recv().await else { return };
                self.on_event(&path, event);
            }
        };
        if timeout(END_TIME_MAX, ended).await.is_err() {
            tracing::error!("some mounts have not ended, and end with the process");
        }
    }

    fn on_event(&mut self, path: &PathBuf, event: MountEvent) {
        let now = Instant::now();
        match event {
            MountEvent::Up { pulse, mountpoint } => {
                if let Some(running) = self.running.get_mut(path) {
                    running.up = Some((pulse, mountpoint));
                }
                self.lost.remove(path);
                self.plan.on_up(path, now);
            }
            MountEvent::Kept(why) => self.plan.on_kept(path, why),
            MountEvent::Ended(end) => {
                self.running.remove(path);
                if matches!(end, TaskExit::Broken(_)) {
                    self.lost.insert(path.clone());
                }
                let actions = self.plan.on_ended(path, end, now);
                self.act(actions);
            }
        }
    }

    pub(super) fn act(&mut self, actions: impl IntoIterator<Item = MountAction<Spec>>) {
        for action in actions {
            match action {
                MountAction::Start(path, spec) => self.start(path, spec),
                MountAction::Unmount(path) => self.unmount(path),
                MountAction::Stop(path) => {
                    if let Some(running) = self.running.get(&path) {
                        running.stop.cancel();
                    }
                }
            }
        }
    }

    fn start(&mut self, path: PathBuf, spec: Spec) {
        let stop = CancellationToken::new();
        self.running.insert(path.clone(), MountTask { stop: stop.clone(), up: None });
        let (events, mounts) = (self.events_in.clone(), self.mounts.clone());
        // It ends by the token. A task within the task, so that also a panic is an end.
        drop(self.tasks.spawn(async move {
            let attempt = tokio::spawn({
                let (path, events) = (path.clone(), events.clone());
                attempt::run(spec, mounts, stop, async move |pulse, mountpoint| {
                    tell(&events, path, MountEvent::Up { pulse, mountpoint }).await;
                })
            });
            let end = attempt.await.unwrap_or_else(|error| TaskExit::Broken(error.to_string()));
            tell(&events, path, MountEvent::Ended(end)).await;
        }));
    }

    /// Unmounts if nobody uses it, beside what else is to be done.
    fn unmount(&mut self, path: PathBuf) {
        let up = self.running.get(&path).and_then(|running| running.up.as_ref());
        let Some((_, mountpoint)) = up else {
            debug_assert!(false, "only what is up is unmounted");
            self.plan.on_kept(&path, "it is not up".to_owned());
            return;
        };
        let found = self.mounts.find(Some(mountpoint));
        let events = self.events_in.clone();
        // It ends with the mount, or at once.
        drop(self.tasks.spawn(async move {
            let unmounted = match found {
                Ok(mount) => unmount_if_idle(&*mount).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = unmounted {
                tell(&events, path, MountEvent::Kept(failure.message)).await;
            }
        }));
    }

    fn pulses(&self) -> Vec<LivenessQuery> {
        let up = self.running.values().filter_map(|running| running.up.as_ref());
        up.map(|(pulse, _)| pulse.clone()).collect()
    }
}

/// Unmounts if nobody uses it. Whoever only looks at the mount just then, such as the watchdog, is
/// in the way for a moment and is not found.
async fn unmount_if_idle(mount: &dyn ControlTarget) -> Result<(), FailureBody> {
    // A bind mount is a use too, and would be left without its first place.
    let also_mounted = mount.status()?.also_mounted;
    if let Some(place) = also_mounted.first() {
        let message = format!("it is mounted at {} too", place.mountpoint);
        return Err(FailureBody::new(FailureKind::Busy, message));
    }
    let mut retry_count = 0;
    let unmounted = loop {
        match mount.unmount(UnmountMode::Clean).await {
            Err(failure)
                if failure.kind == FailureKind::Busy
                    && failure.holders.is_empty()
                    && retry_count < UNMOUNT_RETRIES_MAX =>
            {
                retry_count += 1;
                sleep(UNMOUNT_PAUSE).await;
            }
            unmounted => break unmounted?,
        }
    };
    if let Some(PlaceInfo { mountpoint, pid, .. }) = unmounted.still_mounted.first() {
        // It is out of the tree here, and the next mount of this path waits for its end.
        tracing::warn!(mountpoint, pid, "still mounted in another namespace, ending it by force");
        mount.unmount(UnmountMode::Force).await?;
    }
    Ok(())
}

/// Tells the owner what happened. Where the daemon has ended nobody needs to know.
async fn tell(events: &mpsc::Sender<(PathBuf, MountEvent)>, path: PathBuf, event: MountEvent) {
    drop(events.send((path, event)).await);
}

/// Tells the service manager that all mounts answer, as long as it wants to hear it and it is
/// true. Never ends.
async fn feed_watchdog(daemon: &DaemonHandle) {
    match Watchdog::from_environment() {
        Some(watchdog) => watchdog.watch(async || daemon.answers().await).await,
        None => std::future::pending().await,
    }
}
