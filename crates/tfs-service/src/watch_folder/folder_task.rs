//! The task of one watch folder: scans, sends, renames, and reports.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rqbit_client::wire::TorrentDetails;
use tfs_api::status::{WATCHED_FILES_NAMED_MAX, WatchedFile};
use tfs_sys::blocking;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::content::{WatchContent, WatchKind};
use super::held_dir::{FileStamp, FolderScan, HeldDir, OpenFault};
use super::ledger::{FileLedger, FileTask};
use super::marks::FileMark;
use super::send::{SendFailure, SendOptions, send_file, send_links};
use super::settings::WatchSettings;
use super::wake::ChangeEvents;
use crate::control::MountRegistry;
use crate::intake::WatchReport;
use crate::{PreparedTorrent, RqbitServer, notify_of_change};

/// Interval of scans without an event: network filesystems have none, and a folder may appear or be
/// mounted over.
const RESCAN_INTERVAL: Duration = Duration::from_secs(30);

/// The same while the folder cannot be used.
const TROUBLE_INTERVAL: Duration = Duration::from_secs(5);

/// Pause after an event, so that a scan covers many.
const EVENT_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of files between two scans.
const BATCH_MAX: usize = 200;

/// Maximum size of a file: rqbit's limit for a `.torrent` file.
const FILE_BYTES_MAX: u64 = 10 << 20;

/// How many files with links are sent at a time. Each may wait minutes for peers, and others are
/// sent meanwhile.
const LINK_FILES_MAX: usize = 8;

/// First and last interval between attempts to reach the server.
const SERVER_RETRY_MIN: Duration = Duration::from_secs(2);
const SERVER_RETRY_MAX: Duration = Duration::from_secs(30);

/// Stall timeout of an answer of the server.
const CHUNK_TIME_MAX: Duration = Duration::from_secs(30);

/// The result of sending a file.
#[derive(Debug)]
struct SentFile {
    dir: Arc<HeldDir>,
    path: PathBuf,
    stamp: FileStamp,
    result: Result<(), SendFailure>,
}

/// The server during one pass.
struct PassServer {
    server: RqbitServer,
    /// Its list before the first torrent of the pass.
    before: Option<Vec<TorrentDetails>>,
}

/// One watch folder.
#[derive(Debug)]
pub(super) struct FolderTask {
    settings: WatchSettings,
    mounts: MountRegistry,
    report: WatchReport,
    dir: Option<Arc<HeldDir>>,
    events: Option<ChangeEvents>,
    ledger: FileLedger,
    sending: JoinSet<SentFile>,
    /// Why the folder cannot be used.
    dir_trouble: Option<String>,
    /// Why the server cannot be used, and when it is tried again.
    server_trouble: Option<(String, Instant)>,
    server_failures: u32,
    /// Whether mounts should look at the server.
    has_added: bool,
}

impl FolderTask {
    pub(super) fn new(settings: WatchSettings, mounts: MountRegistry, report: WatchReport) -> Self {
        Self {
            settings,
            mounts,
            report,
            dir: None,
            events: None,
            ledger: FileLedger::default(),
            sending: JoinSet::new(),
            dir_trouble: None,
            server_trouble: None,
            server_failures: 0,
            has_added: false,
        }
    }

    /// Watches the folder. Never returns.
    ///
    /// # Cancel safety
    /// A torrent that was added may keep its file under its name. The next start adds it again,
    /// which changes nothing on the server.
    pub(super) async fn run(mut self) {
        loop {
            let is_busy = self.pass().await;
            self.report();
            let deadline = if is_busy { Instant::now() } else { self.next_pass() };
            tokio::select! {
                () = changed(self.events.as_ref()) => sleep(EVENT_PAUSE).await,
                Some(sent) = self.sending.join_next() => match sent {
                    Ok(sent) => self.on_sent(sent).await,
                    // A panic was reported. The file stays in `Sending` until the next start.
                    Err(error) => tracing::error!(%error, "a file of a watch folder is stuck"),
                },
                () = sleep_until(deadline) => {}
            }
        }
    }

    /// Returns when the next pass is due without an event.
    fn next_pass(&self) -> Instant {
        let now = Instant::now();
        let interval = if self.dir_trouble.is_some() { TROUBLE_INTERVAL } else { RESCAN_INTERVAL };
        let rescan = now + interval;
        let deadline = self.ledger.next_deadline(|path| self.may_examine(path));
        let Some(deadline) = deadline else { return rescan };
        let retry = self.server_trouble.as_ref().map_or(now, |(_, retry)| *retry);
        // A file that is being written is due at once, again and again.
        deadline.max(now + EVENT_PAUSE).max(retry).min(rescan)
    }

    /// Returns whether a file can be sent now: one with links, only while few of them are.
    fn may_examine(&self, path: &Path) -> bool {
        let has_end = kind_of(path, self.settings.allow_urls).is_some_and(WatchKind::has_end);
        has_end || self.sending.len() < LINK_FILES_MAX
    }

    /// Scans the folder and does what is due. Returns whether there is more to do at once.
    async fn pass(&mut self) -> bool {
        let found = self.scan().await;
        let (dir, found) = match found {
            Ok(found) => found,
            Err(trouble) => {
                if self.dir_trouble.as_ref() != Some(&trouble) {
                    tracing::warn!(dir = %self.settings.dir.display(), trouble,
                        "a watch folder cannot be used for now");
                }
                self.dir_trouble = Some(trouble);
                return false;
            }
        };
        self.dir_trouble = None;
        if found.is_cut {
            self.dir_trouble =
                Some("the folder has too many entries; some are not looked at yet".to_owned());
        }
        let allow_urls = self.settings.allow_urls;
        let now = Instant::now();
        self.ledger.update(found.files, !found.is_cut, now, |path| {
            kind_of(path, allow_urls).is_some_and(WatchKind::has_end)
        });
        if self.ledger.waiting_count() == 0 {
            self.server_trouble = None;
            self.server_failures = 0;
        }
        let due = self.ledger.due(now, BATCH_MAX, |path| self.may_examine(path));
        let is_busy = due.len() == BATCH_MAX;
        let mut server = None;
        let mut is_blocked = false;
        for (path, task) in due {
            match task {
                FileTask::Mark(mark) => self.mark(&dir, path, mark).await,
                FileTask::Examine { is_final } => {
                    if !is_blocked {
                        is_blocked = !self.examine(&dir, path, is_final, &mut server).await;
                    }
                }
            }
            self.report();
        }
        if std::mem::take(&mut self.has_added) {
            self.notify().await;
        }
        is_busy && !is_blocked
    }

    /// Makes mounts show what was added.
    async fn notify(&self) {
        if let Ok(server) = self.settings.server.client(&self.mounts, CHUNK_TIME_MAX) {
            notify_of_change(server.client().base_url(), &[]).await;
        }
    }

    /// Opens the folder, unless it is open, and finds its files.
    async fn scan(&mut self) -> Result<(Arc<HeldDir>, FolderScan), String> {
        let path = self.settings.dir.clone();
        let held = self.dir.take();
        let opened = blocking(move || match held.filter(|held| held.is_at(&path)) {
            Some(held) => Ok((held, false)),
            None => HeldDir::open(&path).map(|dir| (Arc::new(dir), true)),
        });
        let (dir, is_new) = opened.await.inspect_err(|_error| {
            self.events = None;
            self.ledger.clear();
        })?;
        self.dir = Some(Arc::clone(&dir));
        if is_new {
            self.ledger.clear();
            // Without events, the scans find everything, later.
            self.events = ChangeEvents::new()
                .inspect_err(|error| tracing::debug!(%error, "a folder is watched by scans only"))
                .ok();
        }
        let WatchSettings { recursive, allow_urls, .. } = self.settings;
        // Moved to the thread and back.
        let events = self.events.take();
        let (events, found) = blocking({
            let dir = Arc::clone(&dir);
            move || {
                let found = dir.check_writable().and_then(|()| {
                    let wants = |name: &std::ffi::OsStr| WatchKind::of(name, allow_urls).is_some();
                    let found = dir.find(recursive, wants, |fd| {
                        if let Some(Err(error)) = events.as_ref().map(|events| events.add(fd)) {
                            tracing::debug!(%error, "a folder is watched by scans only");
                        }
                    });
                    found.map_err(|error: io::Error| format!("cannot read the folder: {error}"))
                });
                (events, found)
            }
        })
        .await;
        self.events = events;
        if found.is_err() {
            // Not held, so that its filesystem can be unmounted and repaired.
            self.dir = None;
        }
        Ok((dir, found?))
    }

    /// Reads a file and sends what it holds. Returns whether the server can be used for more.
    async fn examine(
        &mut self,
        dir: &Arc<HeldDir>,
        path: PathBuf,
        is_final: bool,
        server: &mut Option<PassServer>,
    ) -> bool {
        let now = Instant::now();
        let allow_urls = self.settings.allow_urls;
        let Some(kind) = kind_of(&path, allow_urls) else { return true };
        if self.server_trouble.as_ref().is_some_and(|(_, retry)| *retry > now) {
            return false;
        }
        let is_link = !kind.has_end();
        if !self.may_examine(&path) {
            return true;
        }
        let read = blocking({
            let (dir, path) = (Arc::clone(dir), path.clone());
            let label = display_name(&path);
            move || {
                let (bytes, stamp) = dir.read(&path, FILE_BYTES_MAX)?;
                Ok((kind.parse(bytes, &label, allow_urls), stamp))
            }
        });
        let (content, stamp) = match read.await {
            Ok(read) => read,
            Err(OpenFault::Gone) => {
                self.ledger.remove(&path);
                return true;
            }
            Err(OpenFault::Unreadable(why)) => {
                self.ledger.on_failed(&path, why, now);
                return true;
            }
            Err(OpenFault::Refused(why)) => {
                self.refuse(dir, path, why).await;
                return true;
            }
        };
        if self.ledger.stamp(&path) != Some(stamp) {
            // It is being written; the next pass looks at it again.
            return true;
        }
        match content {
            WatchContent::Empty | WatchContent::Other => self.ledger.on_ignored(&path),
            WatchContent::Unusable(why) if is_final => self.refuse(dir, path, why).await,
            WatchContent::Unusable(_) => self.ledger.on_unusable(&path, now),
            WatchContent::Torrents(torrents) => {
                return self.send(dir, path, stamp, torrents, is_link, server).await;
            }
        }
        true
    }

    async fn send(
        &mut self,
        dir: &Arc<HeldDir>,
        path: PathBuf,
        stamp: FileStamp,
        torrents: Vec<PreparedTorrent>,
        is_link: bool,
        server: &mut Option<PassServer>,
    ) -> bool {
        let failures = self.ledger.failure_count(&path);
        let options = SendOptions { paused: self.settings.paused, failures };
        if server.is_none() {
            *server = self.server().await;
        }
        let Some(PassServer { server, before }) = server else { return false };
        let dir = Arc::clone(dir);
        if is_link {
            self.ledger.on_sending(&path, stamp);
            let server = server.clone();
            self.sending.spawn(async move {
                let result = send_links(&server, torrents, options).await;
                SentFile { dir, path, stamp, result }
            });
            return true;
        }
        let [torrent] = torrents.as_slice() else { return true };
        let result = send_file(server, torrent, options, before.as_deref().unwrap_or(&[])).await;
        let is_down = matches!(result, Err(SendFailure::ServerDown { .. }));
        self.on_sent(SentFile { dir, path, stamp, result }).await;
        !is_down
    }

    /// Returns the server with its list of torrents, or records why it cannot be used.
    async fn server(&mut self) -> Option<PassServer> {
        let server = match self.settings.server.client(&self.mounts, CHUNK_TIME_MAX) {
            Ok(server) => server,
            Err(why) => {
                self.on_server_trouble(why);
                return None;
            }
        };
        match server.client().torrents().await {
            Ok(before) => {
                self.server_trouble = None;
                self.server_failures = 0;
                Some(PassServer { server, before: Some(before) })
            }
            Err(source) => {
                let url = server.client().base_url().clone();
                self.on_server_trouble(crate::ConnectError { url, source }.to_string());
                None
            }
        }
    }

    fn on_server_trouble(&mut self, why: String) {
        let factor = 2_u32.saturating_pow(self.server_failures.min(8));
        let wait = SERVER_RETRY_MIN.saturating_mul(factor).min(SERVER_RETRY_MAX);
        if self.server_failures == 0 {
            tracing::warn!(dir = %self.settings.dir.display(), why,
                "the files of a watch folder wait for the server");
        }
        self.server_failures = self.server_failures.saturating_add(1);
        self.server_trouble = Some((why, Instant::now() + wait));
    }

    /// Takes over the result of sending a file.
    async fn on_sent(&mut self, sent: SentFile) {
        let SentFile { dir, path, stamp, result } = sent;
        let now = Instant::now();
        match result {
            Ok(()) => {
                self.has_added = true;
                let is_same = blocking({
                    let (dir, path) = (Arc::clone(&dir), path.clone());
                    move || dir.has(&path, stamp)
                });
                self.report.change(|status| status.added += 1);
                if is_same.await {
                    let remove = self.settings.remove_added;
                    let mark = if remove { FileMark::Removed } else { FileMark::Added };
                    self.mark(&dir, path, mark).await;
                } else {
                    // Another file has its name now.
                    self.ledger.remove(&path);
                }
            }
            Err(SendFailure::Refused(why)) => self.refuse(&dir, path, why).await,
            Err(SendFailure::Later(why)) => self.ledger.on_failed(&path, why, now),
            Err(SendFailure::ServerDown { why, is_after_send }) => {
                if is_after_send {
                    self.ledger.on_failed(&path, why.clone(), now);
                } else {
                    self.ledger.on_not_sent(&path, now);
                }
                self.on_server_trouble(why);
            }
        }
    }

    async fn refuse(&mut self, dir: &Arc<HeldDir>, path: PathBuf, why: String) {
        let name = display_name(&path);
        tracing::warn!(dir = %self.settings.dir.display(), name, why,
            "a file of a watch folder was refused");
        self.report.change(|status| {
            status.rejected += 1;
            status.last_rejected = Some(WatchedFile { name, why: why.clone() });
        });
        self.mark(dir, path, FileMark::Rejected(why)).await;
    }

    async fn mark(&mut self, dir: &Arc<HeldDir>, path: PathBuf, mark: FileMark) {
        let marked = blocking({
            let (dir, path, mark) = (Arc::clone(dir), path.clone(), mark.clone());
            move || mark.apply(&dir, &path)
        });
        match marked.await {
            Ok(()) => self.ledger.remove(&path),
            Err(why) => {
                let name = display_name(&path);
                tracing::warn!(dir = %self.settings.dir.display(), name, why,
                    "a file of a watch folder was dealt with, and keeps its name");
                self.ledger.on_not_marked(&path, mark, why, Instant::now());
            }
        }
    }

    /// Publishes the state.
    fn report(&self) {
        let server_trouble = self.server_trouble.as_ref().map(|(why, _)| why.clone());
        let trouble = self.dir_trouble.clone().or(server_trouble);
        let waiting = self.ledger.waiting_count();
        let failed = self.ledger.failed().take(WATCHED_FILES_NAMED_MAX);
        let failed =
            failed.map(|(path, why)| WatchedFile { name: display_name(path), why: why.to_owned() });
        let failed = failed.collect();
        self.report.change(|status| {
            status.trouble = trouble;
            status.waiting = waiting;
            status.failed = failed;
        });
    }
}

fn kind_of(path: &Path, allow_urls: bool) -> Option<WatchKind> {
    WatchKind::of(path.file_name()?, allow_urls)
}

/// Returns a path for messages: control characters are escaped.
fn display_name(path: &Path) -> String {
    let escape = |char: char| match char.is_control() {
        true => char.escape_default().collect::<String>(),
        false => char.to_string(),
    };
    path.to_string_lossy().chars().map(escape).collect()
}

/// Resolves when the folder has changed; never without events.
async fn changed(events: Option<&ChangeEvents>) {
    let Some(events) = events else { return std::future::pending().await };
    if let Err(error) = events.changed().await {
        tracing::debug!(%error, "no events of a folder");
        std::future::pending::<()>().await;
    }
}
