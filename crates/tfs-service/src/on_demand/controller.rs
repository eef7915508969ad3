//! Keeps the selections of a server's on-demand torrents: one task for each server of a mount.
//!
//! Each second while files are open it looks at their readers. [`ProvenReaders`] decides, this
//! module asks the server. It also finishes what an earlier process began.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use rqbit_client::TorrentRef;
use rqbit_client::wire::TorrentState;
use rqbit_source::RqbitSource;
use tfs_state::{HolderLock, OnDemandEdit, OnDemandHolder, OnDemandTable};
use tfs_sys::blocking;
use tfs_types::{Backoff, InfoHash, OnDemandMode, chain};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use vfs_core::{FileId, ServerId, Vfs};

use super::OnDemandFailure;
use super::pending::{deselect, settle};
use super::proof::{ProofStep, ProvenReaders, SeenReader};
use crate::RqbitServer;
use crate::on_demand_records::ServerRecords;
use crate::selecting::{Selected, select_only, selected_files};

/// Interval of looks at the readers while files are open.
const BUSY_INTERVAL: Duration = Duration::from_secs(1);

/// Interval of looks while no file is open: at the records, which commands change.
const IDLE_INTERVAL: Duration = Duration::from_secs(5);

/// Interval of looks for files that no mount holds any more, and for torrents that were removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Pauses after the server has failed, or while it checks a torrent.
const RETRY_PAUSES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// How long a torrent may be missing that is to be deselected. Longer than a magnet link takes, and
/// a restart of the server.
const MISSING_TIME_MAX: Duration = Duration::from_secs(2 * 3600);

/// Maximum time at the end of a mount. What is left then is deselected by the next one.
const END_TIME_MAX: Duration = Duration::from_secs(5);

/// A server whose selections are controlled, and where its torrents are recorded.
#[derive(Debug, Clone)]
pub(crate) struct ControlledServer {
    pub(crate) id: ServerId,
    pub(crate) server: RqbitServer,
}

/// The task of a server. Dropping it ends it; files that are selected then are deselected by the
/// next mount.
#[derive(Debug)]
pub(crate) struct OnDemandController {
    task: JoinHandle<()>,
    end: Option<oneshot::Sender<()>>,
}

impl OnDemandController {
    /// Starts the tasks of the servers of a mount; none if it has no state directory.
    pub(crate) fn start_all(
        vfs: &Arc<Vfs<RqbitSource>>,
        controlled: Vec<ControlledServer>,
    ) -> Vec<Self> {
        controlled.into_iter().filter_map(|server| Self::start(vfs, server)).collect()
    }

    fn start(vfs: &Arc<Vfs<RqbitSource>>, controlled: ControlledServer) -> Option<Self> {
        let ControlledServer { id, server } = controlled;
        let records = Arc::clone(server.records()?);
        let (end, ended) = oneshot::channel();
        let control = ServerControl {
            vfs: Arc::clone(vfs),
            id,
            server,
            records,
            began: Instant::now(),
            file_version: None,
            table: OnDemandTable::default(),
            readers: ProvenReaders::default(),
            holder: None,
            unsettled: HashMap::new(),
            present: HashSet::new(),
            swept_at: None,
        };
        Some(Self { task: tokio::spawn(control.run(ended)), end: Some(end) })
    }

    /// Deselects the files that the mount holds, for five seconds at most, and ends the task.
    pub(crate) async fn stop(mut self) {
        drop(self.end.take());
        if timeout(END_TIME_MAX, &mut self.task).await.is_err() {
            tracing::debug!("files stay selected until the next mount");
        }
    }
}

impl Drop for OnDemandController {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Tells a filesystem which torrents are on demand. To be called before the first poll of its
/// servers. The tasks log why records cannot be read.
pub(crate) async fn mark_on_demand(
    vfs: &Vfs<RqbitSource>,
    servers: impl Iterator<Item = RqbitServer>,
) -> Vec<ControlledServer> {
    let servers = vfs.servers().zip(servers);
    let servers: Vec<_> = servers.map(|(id, server)| ControlledServer { id, server }).collect();
    for ControlledServer { id, server } in &servers {
        let Some(records) = server.records() else { continue };
        if let Ok(table) = records.load().await {
            let torrents = table.of_server(records.key()).map(|(torrent, _)| torrent);
            vfs.set_on_demand(*id, torrents.collect());
        }
    }
    servers
}

/// A torrent with something left to do, and when to try it next.
#[derive(Debug)]
struct Unsettled {
    try_at: Instant,
    pause: Duration,
    /// Since when the server does not have it.
    missing_since: Option<Instant>,
}

#[derive(Debug)]
struct ServerControl {
    vfs: Arc<Vfs<RqbitSource>>,
    id: ServerId,
    server: RqbitServer,
    records: Arc<ServerRecords>,
    began: Instant,
    /// Inode, time and size of the file of records when it was last read.
    file_version: Option<(u64, i64, i64, u64)>,
    table: OnDemandTable,
    readers: ProvenReaders,
    /// Taken when the first file is selected.
    holder: Option<HolderLock>,
    /// Bounded by the number of records.
    unsettled: HashMap<InfoHash, Unsettled>,
    /// The on-demand torrents that the mount has shown.
    present: HashSet<InfoHash>,
    swept_at: Option<Instant>,
}

impl ServerControl {
    async fn run(mut self, mut ended: oneshot::Receiver<()>) {
        loop {
            self.tick().await;
            let is_busy = self.vfs.open_count() > 0 || !self.readers.is_empty();
            let is_idle = self.unsettled.is_empty() && !is_busy;
            let interval = if is_idle { IDLE_INTERVAL } else { BUSY_INTERVAL };
            tokio::select! {
                () = sleep(interval) => {}
                _ = &mut ended => break,
            }
        }
        let held = self.readers.held();
        for file in &held {
            self.release(*file).await;
        }
        self.finish_unsettled(true).await;
    }

    async fn tick(&mut self) {
        self.read_records().await;
        let has_records = self.table.of_server(self.records.key()).next().is_some();
        if !has_records && self.readers.is_empty() {
            self.present.clear();
            return;
        }
        if self.swept_at.is_none_or(|at| at.elapsed() >= SWEEP_INTERVAL) {
            self.sweep().await;
            self.swept_at = Some(Instant::now());
        }
        self.finish_unsettled(false).await;
        self.follow_readers().await;
    }

    /// Reads the records, if they have changed.
    async fn read_records(&mut self) {
        let path = self.records.store().path();
        let found = blocking(move || fs::metadata(path)).await;
        let version = found.map(|it| (it.ino(), it.mtime(), it.mtime_nsec(), it.size())).ok();
        if version == self.file_version {
            return;
        }
        match self.records.load().await {
            Ok(table) => {
                self.file_version = version;
                self.use_table(table);
            }
            Err(error) => {
                // Once for each version of the file.
                self.file_version = version;
                let error = chain(&error);
                tracing::warn!(error, "the records of on-demand torrents are not used");
            }
        }
    }

    fn use_table(&mut self, table: OnDemandTable) {
        self.table = table;
        let records = self.table.of_server(self.records.key());
        self.vfs.set_on_demand(self.id, records.map(|(torrent, _)| torrent).collect());
        for (torrent, record) in self.table.of_server(self.records.key()) {
            if record.is_pending {
                self.unsettled.entry(torrent).or_insert_with(Unsettled::now);
            }
        }
    }

    /// Looks for files without a holder, and removes the records of torrents that were removed.
    async fn sweep(&mut self) {
        let mut removed = Vec::new();
        for (torrent, record) in self.table.of_server(self.records.key()) {
            if !record.selected.is_empty() {
                self.unsettled.entry(torrent).or_insert_with(Unsettled::now);
            }
            if !self.vfs.last_summaries(self.id, &[torrent]).is_empty() {
                self.present.insert(torrent);
            } else if self.present.remove(&torrent) {
                removed.push(torrent);
            }
        }
        for torrent in removed {
            tracing::info!(%torrent, "an on-demand torrent was removed from the server");
            self.unsettled.remove(&torrent);
            self.change(torrent, [OnDemandEdit::Remove]).await;
        }
    }

    /// Deselects what is left to be deselected. `is_last` tries all at once.
    async fn finish_unsettled(&mut self, is_last: bool) {
        let now = Instant::now();
        let due = self.unsettled.iter().filter(|(_, it)| is_last || it.try_at <= now);
        let due: Vec<_> = due.map(|(torrent, _)| *torrent).collect();
        for torrent in due {
            let done = async {
                let is_settled = settle(&self.server, &self.records, torrent).await?;
                let is_deselected = deselect(&self.server, &self.records, torrent).await?;
                Ok::<_, OnDemandFailure>(is_settled && is_deselected)
            };
            let mut is_missing = false;
            let is_done = done.await.unwrap_or_else(|error| {
                is_missing = error.is_missing();
                let error = chain(&error);
                tracing::debug!(%torrent, error, "not deselected yet");
                false
            });
            if is_missing && self.is_long_missing(torrent) {
                // It was not added, or it was removed while no mount was there.
                self.unsettled.remove(&torrent);
                self.change(torrent, [OnDemandEdit::Remove]).await;
            } else if is_done {
                self.unsettled.remove(&torrent);
            } else if let Some(unsettled) = self.unsettled.get_mut(&torrent) {
                unsettled.pause = RETRY_PAUSES.next(unsettled.pause);
                unsettled.try_at = Instant::now() + unsettled.pause;
            }
        }
    }

    /// Notes that the server does not have a torrent. Returns whether that is so for hours.
    fn is_long_missing(&mut self, torrent: InfoHash) -> bool {
        let Some(unsettled) = self.unsettled.get_mut(&torrent) else { return false };
        let since = unsettled.missing_since.get_or_insert_with(Instant::now);
        since.elapsed() >= MISSING_TIME_MAX
    }

    fn mode_of(&self, torrent: InfoHash) -> Option<OnDemandMode> {
        self.table.get(self.records.key(), torrent).map(|record| record.mode)
    }

    async fn follow_readers(&mut self) {
        let now = self.began.elapsed();
        let readers = self.vfs.readers().into_iter().filter(|reader| {
            reader.server == Some(self.id)
                && self.mode_of(reader.file.torrent) == Some(OnDemandMode::File)
        });
        let readers: Vec<_> = readers
            .map(|reader| SeenReader {
                handle: reader.handle,
                file: reader.file,
                run_bytes: reader.run_bytes,
            })
            .collect();
        for step in self.readers.observe(now, &readers) {
            match step {
                ProofStep::Select(file) => {
                    let selected = self.select(file).await;
                    let is_selected = selected.unwrap_or_else(|error| {
                        let error = chain(&error);
                        tracing::debug!(?file, error, "not selected yet");
                        false
                    });
                    self.readers.on_selected(self.began.elapsed(), file, is_selected);
                }
                ProofStep::Release(file) => self.release(file).await,
            }
        }
    }

    /// Selects a file beside those that are selected. Returns whether nothing is left to do; there
    /// is while the torrent is paused or checked.
    async fn select(&mut self, file: FileId) -> Result<bool, OnDemandFailure> {
        let (torrent, index) = (file.torrent, file.index.0);
        let Ok(position) = usize::try_from(index) else { return Ok(true) };
        let holder = self.holder().await?;
        let client = self.server.client();
        let failed = |error| OnDemandFailure::of(&self.server, error);
        let which = TorrentRef::InfoHash(torrent);
        let _lock = self.records.lock_selections().await?;
        let table = self.records.load().await?;
        let record = table.get(self.records.key(), torrent);
        let Some(record) = record.filter(|record| record.mode == OnDemandMode::File) else {
            return Ok(true);
        };
        let stats = client.torrent_stats(which).await.map_err(failed)?;
        if stats.state != TorrentState::Live || record.is_pending {
            return Ok(false);
        }
        let details = client.torrent_details(which).await.map_err(failed)?;
        let file_len = details.files.iter().flatten().nth(position).map(|file| file.length);
        let is_whole = stats.file_progress.get(position).copied() >= file_len;
        let mut selected = selected_files(&details);
        let is_selected = selected.contains(&position);
        // The user has selected it, or it is there.
        if (is_selected && !record.selected.contains_key(&index)) || is_whole {
            return Ok(true);
        }
        self.records.change(torrent, [OnDemandEdit::Hold(index, holder)]).await?;
        if is_selected {
            return Ok(true);
        }
        selected.push(position);
        let done = select_only(client, torrent, &selected, Duration::ZERO).await;
        if !matches!(done, Ok(Selected::Done)) {
            let undo = [OnDemandEdit::Unhold(index, holder), OnDemandEdit::Release(index)];
            self.records.change(torrent, undo).await?;
        }
        let done = done.map_err(failed)?;
        tracing::debug!(%torrent, index, ?done, "selected for a reader");
        Ok(done == Selected::Done)
    }

    /// Stops holding a file, and deselects it if no other mount holds it.
    async fn release(&mut self, file: FileId) {
        let Some(holder) = self.holder.as_ref().map(HolderLock::holder) else { return };
        self.change(file.torrent, [OnDemandEdit::Unhold(file.index.0, holder)]).await;
        self.unsettled.insert(file.torrent, Unsettled::now());
        self.finish_unsettled(false).await;
    }

    /// Returns the holder of this mount, whose lock it takes for that.
    async fn holder(&mut self) -> Result<OnDemandHolder, OnDemandFailure> {
        if let Some(lock) = &self.holder {
            return Ok(lock.holder());
        }
        let store = self.records.store().clone();
        let lock = blocking(move || store.lock_holder(random_holder())).await;
        let lock = lock.map_err(crate::on_demand_records::RecordsError::Locked)?;
        Ok(self.holder.insert(lock).holder())
    }

    async fn change<const N: usize>(&mut self, torrent: InfoHash, edits: [OnDemandEdit; N]) {
        match self.records.change(torrent, edits).await {
            Ok(table) => self.use_table(table),
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(%torrent, error, "the record of a torrent is not changed");
            }
        }
    }
}

impl Unsettled {
    fn now() -> Self {
        Self { try_at: Instant::now(), pause: Duration::ZERO, missing_since: None }
    }
}

fn random_holder() -> OnDemandHolder {
    let mut bits = [0; 8];
    getrandom::fill(&mut bits).expect("Linux and macOS have random numbers");
    OnDemandHolder(u64::from_le_bytes(bits))
}
