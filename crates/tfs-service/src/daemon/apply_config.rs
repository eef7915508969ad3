//! Applies a configuration: at the start, and at each reload.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tfs_api::wire::{FailureBody, FailureKind, Reloaded, ReloadedSection, SectionOutcome};
use tfs_config::{Problem, SettingsError};
use tfs_sys::blocking;
use tfs_types::chain;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::checks::{check, clean_up};
use super::spec::specs;
use super::supervisor::Daemon;
use crate::control::MonitoringServer;
use crate::service_manager::{ManagerNotice, notify};
use crate::{ArrServer, ArrSettings, PageServer, PageSettings, WatchSettings, hook_settings};

/// How long the service manager, and clients that requested a reload, wait for slow mounts. systemd
/// gives a start 90 s by default; the first poll of a large library takes a few seconds.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(60);

impl Daemon {
    /// Reads the configuration again and applies it. Returns why, if that fails.
    pub(super) async fn reload(
        &mut self,
        asker: Option<oneshot::Sender<Result<Reloaded, FailureBody>>>,
    ) {
        notify(ManagerNotice::Reloading);
        let sources = self.sources.clone();
        let loaded = blocking(move || {
            let loaded = sources.load()?;
            check(&loaded)?;
            Ok::<_, SettingsError>(loaded)
        });
        let loaded = match loaded.await {
            Ok(loaded) => loaded,
            Err(error) => {
                let message = error.problems.iter().map(render).collect::<Vec<_>>().join("; ");
                tracing::error!("the configuration is invalid, nothing was changed: {message}");
                if let Some(asker) = asker {
                    drop(asker.send(Err(FailureBody::new(FailureKind::ConfigInvalid, message))));
                }
                notify(ManagerNotice::Ready { status: &self.plan.status() });
                return;
            }
        };
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let before = std::mem::replace(&mut self.loaded, Arc::new(loaded));
        self.reloaded.sections.clear();
        self.take_over_logging();
        let settings = &self.loaded.settings;
        let listens = self.monitoring.is_some() == settings.monitoring.listen.is_some();
        if !listens || before.settings.monitoring != settings.monitoring {
            match self.listen().await {
                Ok(()) => self.record("monitoring", SectionOutcome::Applied, None),
                Err(why) => self.record("monitoring", SectionOutcome::Failed, Some(why)),
            }
        }
        if self.watch().await {
            self.record("watch", SectionOutcome::Applied, None);
        }
        if self.take_over_hooks().await {
            self.record("hook", SectionOutcome::Applied, None);
        }
        match self.listen_for_arr().await {
            Ok(true) => self.record("arr", SectionOutcome::Applied, None),
            Ok(false) => {}
            Err(why) => self.record("arr", SectionOutcome::Failed, Some(why)),
        }
        match self.serve_page().await {
            Ok(true) => self.record("web", SectionOutcome::Applied, None),
            Ok(false) => {}
            Err(why) => self.record("web", SectionOutcome::Failed, Some(why)),
        }
        self.waiting.extend(asker);
        self.take_over().await;
    }

    /// Sets the configured log level. The destination and format of the log were chosen at the
    /// start, and stay until a restart.
    fn take_over_logging(&mut self) {
        let is_another_level = self.log.set_level(&self.loaded);
        let logging = &self.loaded.settings.logging;
        if is_another_level {
            tracing::info!(level = ?logging.level, "the log level has changed");
        }
        if (logging.format, &logging.file) != (self.logging.format, &self.logging.file) {
            tracing::warn!("[logging] has another format or file, which needs a restart");
            let why = is_another_level.then(|| "except for its level, which is applied".to_owned());
            self.record("logging", SectionOutcome::NeedsRestart, why);
        } else if is_another_level {
            self.record("logging", SectionOutcome::Applied, None);
        }
    }

    fn record(&mut self, section: &str, outcome: SectionOutcome, why: Option<String>) {
        self.reloaded.sections.push(ReloadedSection { section: section.to_owned(), outcome, why });
    }

    /// Serves metrics at the configured address only. A failure is logged, and returned as a text
    /// for users.
    pub(super) async fn listen(&mut self) -> Result<(), String> {
        if let Some(before) = self.monitoring.take() {
            before.end().await;
        }
        let Some(address) = self.loaded.settings.monitoring.listen else { return Ok(()) };
        match MonitoringServer::start(address, self.mounts.clone(), Some(self.missing.subscribe()))
            .await
        {
            Ok(monitoring) => self.monitoring = Some(monitoring),
            Err(error) => {
                let why = chain(&error);
                tracing::warn!("metrics endpoint disabled: failed to {why}");
                return Err(format!("failed to {why}"));
            }
        }
        Ok(())
    }

    /// Watches exactly the configured folders. Returns whether that changes anything.
    pub(super) async fn watch(&mut self) -> bool {
        let loaded = Arc::clone(&self.loaded);
        let wanted = blocking(move || WatchSettings::of_daemon(&loaded)).await;
        self.watch_folders.set(wanted, &self.mounts).await
    }

    /// Has exactly the configured hooks. Returns whether that changes anything.
    pub(super) async fn take_over_hooks(&mut self) -> bool {
        let loaded = Arc::clone(&self.loaded);
        let wanted = blocking(move || hook_settings(&loaded)).await;
        self.mounts.set_hooks(&mut self.hooks, wanted)
    }

    /// Listens for Sonarr and Radarr as configured. Returns whether that changes anything. A
    /// failure is logged, and returned as a text for users; the next call tries again.
    pub(super) async fn listen_for_arr(&mut self) -> Result<bool, String> {
        let loaded = Arc::clone(&self.loaded);
        let wanted = blocking(move || ArrSettings::of_daemon(&loaded)).await;
        if wanted == self.arr_settings && wanted.is_some() == self.arr.is_some() {
            return Ok(false);
        }
        if let Some(before) = self.arr.take() {
            before.end().await;
        }
        self.arr_settings.clone_from(&wanted);
        let Some(settings) = wanted else { return Ok(true) };
        match ArrServer::start(settings, &self.mounts).await {
            Ok(server) => {
                self.arr = Some(server);
                Ok(true)
            }
            Err(error) => {
                let why = chain(&error);
                tracing::warn!("Sonarr and Radarr are not served: failed to {why}");
                Err(format!("failed to {why}"))
            }
        }
    }

    /// Serves the page as configured. Returns whether that changes anything. A failure is logged,
    /// and returned as a text for users; the next call tries again. A page at another port that
    /// cannot be served leaves the present one.
    pub(super) async fn serve_page(&mut self) -> Result<bool, String> {
        let loaded = Arc::clone(&self.loaded);
        let wanted = blocking(move || PageSettings::of(&loaded)).await;
        if wanted == self.page_settings && wanted.is_some() == self.page.is_some() {
            return Ok(false);
        }
        let port = |settings: &Option<PageSettings>| settings.as_ref().map(|it| it.listen.port());
        if port(&wanted) == port(&self.page_settings) || wanted.is_none() {
            self.end_page().await;
        }
        let Some(settings) = wanted else {
            // Also after a failed start.
            self.mounts.intake().set_web(None);
            self.page_settings = None;
            return Ok(true);
        };
        match PageServer::start_of_daemon(settings.clone(), &self.mounts, self.reloader()).await {
            Ok(server) => {
                self.end_page().await;
                self.page = Some(server);
                self.page_settings = Some(settings);
                Ok(true)
            }
            Err(error) => {
                let why = chain(&error);
                match &self.page {
                    Some(kept) => self.mounts.intake().set_web(Some(kept.status())),
                    None => self.page_settings = Some(settings),
                }
                tracing::warn!("no page: failed to {why}");
                Err(format!("failed to {why}"))
            }
        }
    }

    async fn end_page(&mut self) {
        if let Some(page) = self.page.take() {
            page.end().await;
        }
    }

    /// Starts and ends mounts to match the configuration.
    pub(super) async fn take_over(&mut self) {
        let loaded = Arc::clone(&self.loaded);
        let wanted = blocking(move || specs(&loaded)).await;
        let is_wanted = |path: &PathBuf| wanted.contains_key(path);
        let (lost, unwanted) = std::mem::take(&mut self.lost).into_iter().partition(is_wanted);
        self.lost = lost;
        clean_up(unwanted).await;
        let actions = self.plan.set(wanted);
        self.act(actions);
        self.tell_at = Some(Instant::now() + SETTLE_TIME_MAX);
        self.tell_if_settled();
    }

    /// Reports the result of the last configuration to the service manager and the waiting clients,
    /// once it is known or the time limit has passed.
    pub(super) fn tell_if_settled(&mut self) {
        let Some(tell_at) = self.tell_at else { return };
        if !self.plan.is_settled() && Instant::now() < tell_at {
            return;
        }
        self.tell_at = None;
        notify(ManagerNotice::Ready { status: &self.plan.status() });
        self.reloaded.pid = std::process::id();
        self.reloaded.mounts = self.plan.report();
        for asker in self.waiting.drain(..) {
            // The client may have disconnected.
            drop(asker.send(Ok(self.reloaded.clone())));
        }
    }
}

/// Returns a problem and its hint in one line.
fn render(problem: &Problem) -> String {
    match &problem.hint {
        Some(hint) => format!("{problem} ({hint})"),
        None => problem.to_string(),
    }
}
