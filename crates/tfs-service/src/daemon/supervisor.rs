//! The owner of the mounts: executes the actions of the plan, and reports the results to it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tfs_api::wire::{FailureBody, FailureKind, MissingMount, PlaceInfo, Reloaded, UnmountMode};
use tfs_config::{Loaded, LoggingSection, SettingsError, Sources};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attempt::{self, LivenessQuery};
use super::checks::{check, clean_up};
use super::log::LogLevelControl;
use super::plan::{MountAction, MountPlan, TaskExit};
use super::reload::{DaemonHandle, DaemonRequest, Reloader};
use super::spec::Spec;
use crate::control::{ControlServer, ControlTarget, MonitoringServer, MountRegistry};
use crate::service_manager::{ManagerNotice, Watchdog, notify};
use crate::{ArrServer, ArrSettings, Hooks, PageServer, PageSettings, WatchFolders};

/// Time limit for the end of all mounts together. Each needs 3 s at most, and more if a server is
/// slow to disconnect or the state is on a slow disk.
const END_TIME_MAX: Duration = Duration::from_secs(15);

/// Number of retries, and their interval, for an unmount that failed as busy without a known user
/// of the mount: a liveness query takes milliseconds.
const UNMOUNT_RETRIES_MAX: u32 = 3;
const UNMOUNT_PAUSE: Duration = Duration::from_millis(50);

/// Capacity of the event queue of the mounts. The owner takes events at once; a mount that finds
/// the queue full waits.
const EVENTS_MAX: usize = 64;

/// An event of a mount.
#[derive(Debug)]
enum MountEvent {
    Up { pulse: LivenessQuery, mountpoint: String },
    Kept(String),
    Ended(TaskExit),
}

/// State of a mount that has a task.
#[derive(Debug)]
struct MountTask {
    stop: CancellationToken,
    /// Set once it is up.
    up: Option<(LivenessQuery, String)>,
}

/// All mounts of the configuration.
#[derive(Debug)]
pub struct Daemon {
    pub(super) sources: Sources,
    pub(super) loaded: Arc<Loaded>,
    pub(super) log: Box<dyn LogLevelControl>,
    /// The logging settings at the start.
    pub(super) logging: LoggingSection,
    pub(super) plan: MountPlan<Spec>,
    running: HashMap<PathBuf, MountTask>,
    /// Paths of lost mounts. A dead mount stays in the tree until the next attempt: for a media
    /// server an error is better than an empty directory.
    pub(super) lost: BTreeSet<PathBuf>,
    pub(super) mounts: MountRegistry,
    /// The missing mounts, for status requests.
    pub(super) missing: watch::Sender<Vec<MissingMount>>,
    tasks: TaskTracker,
    events: mpsc::Receiver<(PathBuf, MountEvent)>,
    /// For the tasks of the mounts.
    events_in: mpsc::Sender<(PathBuf, MountEvent)>,
    requests: mpsc::Receiver<DaemonRequest>,
    handle: DaemonHandle,
    pub(super) monitoring: Option<MonitoringServer>,
    pub(super) watch_folders: WatchFolders,
    pub(super) hooks: Hooks,
    pub(super) arr: Option<ArrServer>,
    /// The settings with which the listener was last started.
    pub(super) arr_settings: Option<ArrSettings>,
    pub(super) page: Option<PageServer>,
    /// The settings with which the page was last started.
    pub(super) page_settings: Option<PageSettings>,
    /// Clients that wait for the result of a reload.
    pub(super) waiting: Vec<oneshot::Sender<Result<Reloaded, FailureBody>>>,
    pub(super) reloaded: Reloaded,
    /// Latest time to report the result of the last configuration; `None` once it is reported.
    pub(super) tell_at: Option<Instant>,
}

impl Daemon {
    /// Returns the daemon of a configuration, and its handle. `sources` is the origin of `loaded`,
    /// which a reload reads again. `log` was started with the settings of `loaded`.
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
            watch_folders: WatchFolders::default(),
            hooks: Hooks::default(),
            arr: None,
            arr_settings: None,
            page: None,
            page_settings: None,
            waiting: Vec::new(),
            reloaded: Reloaded::default(),
            tell_at: None,
        };
        Ok((daemon, handle))
    }

    /// Runs until the handle requests the end. Notifies the service manager of each state.
    pub async fn run(mut self) {
        let control = ControlServer::start_of_daemon(self.mounts.clone(), self.reloader()).await;
        // A failure is logged, and the daemon works without metrics.
        drop(self.listen().await);
        self.watch().await;
        self.take_over_hooks().await;
        // A failure is logged, too.
        drop(self.listen_for_arr().await);
        drop(self.serve_page().await);
        self.take_over().await;
        let handle = self.handle.clone();
        tokio::select! {
            () = self.serve() => {}
            () = feed_watchdog(&handle) => {}
        }
        notify(ManagerNotice::Stopping);
        self.watch_folders.set(Vec::new(), &self.mounts).await;
        let hooks = std::mem::take(&mut self.hooks);
        let mounts = self.mounts.clone();
        tokio::join!(self.end(), mounts.end_hooks(hooks));
        clean_up(self.lost).await;
        if let Some(monitoring) = self.monitoring {
            monitoring.end().await;
        }
        if let Some(arr) = self.arr {
            arr.end().await;
        }
        if let Some(page) = self.page {
            page.end().await;
        }
        // Clients that requested the end of a mount get their answer first.
        control.end().await;
    }

    /// Returns the parts of the daemon for the control API and the page.
    pub(super) fn reloader(&self) -> Arc<Reloader> {
        Arc::new(Reloader::new(self.handle.clone(), self.missing.subscribe()))
    }

    /// Handles events until the end is requested.
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

    /// Ends all mounts concurrently.
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
            tracing::error!("some mounts have not ended; they end with the process");
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
        // Detached: the task ends with the token. A nested task makes a panic count as an end, too.
        let _detached = self.tasks.spawn(async move {
            let attempt = tokio::spawn({
                let (path, events) = (path.clone(), events.clone());
                attempt::run(spec, mounts, stop, async move |pulse, mountpoint| {
                    send(&events, path, MountEvent::Up { pulse, mountpoint }).await;
                })
            });
            let end = attempt.await.unwrap_or_else(|error| TaskExit::Broken(error.to_string()));
            send(&events, path, MountEvent::Ended(end)).await;
        });
    }

    /// Unmounts a mount if it is unused, concurrently with other work.
    fn unmount(&mut self, path: PathBuf) {
        let up = self.running.get(&path).and_then(|running| running.up.as_ref());
        let Some((_, mountpoint)) = up else {
            debug_assert!(false, "only running mounts are unmounted");
            self.plan.on_kept(&path, "it is not running".to_owned());
            return;
        };
        let found = self.mounts.find(Some(mountpoint));
        let events = self.events_in.clone();
        // Detached: the task ends with the mount, or at once.
        let _detached = self.tasks.spawn(async move {
            let unmounted = match found {
                Ok(mount) => unmount_if_idle(&*mount).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = unmounted {
                send(&events, path, MountEvent::Kept(failure.message)).await;
            }
        });
    }

    fn pulses(&self) -> Vec<LivenessQuery> {
        let up = self.running.values().filter_map(|running| running.up.as_ref());
        up.map(|(pulse, _)| pulse.clone()).collect()
    }
}

/// Unmounts a mount if it is unused. A short access, such as a query of the watchdog, makes the
/// mount busy for a moment without a visible user.
async fn unmount_if_idle(mount: &dyn ControlTarget) -> Result<(), FailureBody> {
    // A bind mount also counts as use, and would lose its first place.
    let also_mounted = mount.status()?.also_mounted;
    if let Some(place) = also_mounted.first() {
        let message = format!("it is also mounted at {}", place.mountpoint);
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
        // It has left the tree here, and the next mount of this path waits for its end.
        tracing::warn!(mountpoint, pid, "still mounted in another namespace; ending it by force");
        mount.unmount(UnmountMode::Force).await?;
    }
    Ok(())
}

/// Sends an event to the owner. After the end of the daemon it is dropped.
async fn send(events: &mpsc::Sender<(PathBuf, MountEvent)>, path: PathBuf, event: MountEvent) {
    drop(events.send((path, event)).await);
}

/// Sends keep-alives to the service manager, if requested, while all mounts answer. Never returns.
async fn feed_watchdog(daemon: &DaemonHandle) {
    match Watchdog::from_environment() {
        Some(watchdog) => watchdog.watch(async || daemon.answers().await).await,
        None => std::future::pending().await,
    }
}
