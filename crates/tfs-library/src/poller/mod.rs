//! Polls one server and keeps its part of the tree.
//!
//! ```text
//! list --absence: which torrents count as removed--> tree
//!   torrents that the tree lacks --one small request each--> tree
//!     torrents without metadata --.torrent files--> tree corrected
//! ```
//!
//! A failed list changes nothing. A torrent that cannot be read hides no other: it is tried again
//! after a pause.

mod absence;
mod details;
mod metadata;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tfs_types::Backoff;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use vfs_core::{
    Changes, Freshness, InfoHash, ListAnswer, ListRequest, ServerId, SourceError, SourceErrorKind,
    TorrentSource, TorrentSummary, Vfs,
};

use self::absence::AbsentTorrents;
use self::details::UnreadTorrents;
use self::metadata::PendingMetadata;
use crate::{LibraryChange, LibraryServerStatus};

/// First pause after a failed poll. It doubles up to the interval.
const RETRY_MIN: Duration = Duration::from_millis(250);

/// A request for a poll: the channel for its result.
pub(crate) type LibraryRefresh = oneshot::Sender<Result<(), SourceError>>;

/// Options of the poller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PollerSettings {
    pub(crate) interval: Duration,
    /// How long torrents stay that a restarted server lacks.
    pub(crate) removal_delay: Duration,
}

/// The ends of the poller's channels.
#[derive(Debug)]
pub(crate) struct PollerChannels {
    pub(crate) requests: mpsc::Receiver<LibraryRefresh>,
    pub(crate) status: watch::Sender<LibraryServerStatus>,
    pub(crate) changes: broadcast::Sender<LibraryChange>,
}

/// The poller of one server.
#[derive(Debug)]
pub(crate) struct LibraryPoller<S> {
    vfs: Arc<Vfs<S>>,
    server: ServerId,
    settings: PollerSettings,
    channels: PollerChannels,
    absent: AbsentTorrents,
    unread: UnreadTorrents,
    metadata: PendingMetadata,
    /// Whether the last listing was applied, so that changes of it suffice.
    has_listing: bool,
}

impl<S: TorrentSource> LibraryPoller<S> {
    pub(crate) fn new(
        vfs: Arc<Vfs<S>>,
        server: ServerId,
        settings: PollerSettings,
        channels: PollerChannels,
    ) -> Self {
        Self {
            vfs,
            server,
            settings,
            channels,
            absent: AbsentTorrents::new(settings.removal_delay),
            unread: UnreadTorrents::default(),
            metadata: PendingMetadata::default(),
            has_listing: false,
        }
    }

    /// Polls until dropped.
    ///
    /// # Cancel safety
    /// Drop the future to end it: the tree is then unchanged or updated.
    pub(crate) async fn run(mut self) {
        let pauses = Backoff::new(RETRY_MIN, self.settings.interval);
        let mut failure_count = 0;
        let mut next_at = Instant::now();
        loop {
            self.metadata.fill(&self.vfs, self.server);
            let mut waiting = Vec::new();
            tokio::select! {
                () = sleep_until(next_at) => {}
                Some(request) = self.channels.requests.recv() => waiting.push(request),
                completed = self.metadata.next() => {
                    if !completed.is_empty() {
                        self.vfs.correct_metadata(self.server, &completed);
                    }
                    continue;
                }
            }
            // The poll begins after all requests so far.
            while let Ok(request) = self.channels.requests.try_recv() {
                waiting.push(request);
            }
            let begun_at = Instant::now();
            let result = self.poll(!waiting.is_empty()).await;
            failure_count = if result.is_ok() { 0 } else { failure_count + 1 };
            self.report(&result);
            for request in waiting {
                // The receiver is gone if its caller has stopped waiting.
                drop(request.send(result.clone()));
            }
            let pause = match failure_count {
                0 => self.settings.interval,
                count => pauses.delay(count),
            };
            let retry = self.unread.retry_at().filter(|_| failure_count == 0);
            let next = begun_at + pause;
            // A slow server gets a pause as long as its answer took.
            next_at =
                retry.map_or(next, |at| at.min(next)).max(Instant::now() + begun_at.elapsed());
        }
    }

    /// Polls once, and updates the tree.
    async fn poll(&mut self, is_urgent: bool) -> Result<(), SourceError> {
        let vfs = Arc::clone(&self.vfs);
        let source = source(&vfs, self.server)?;
        let asked_at = Instant::now();
        let request = ListRequest {
            accepts_changes: self.has_listing && self.unread.is_empty() && self.absent.is_empty(),
            freshness: if is_urgent { Freshness::Current } else { Freshness::Usual },
            in_use: vfs.torrents_in_use(),
        };
        self.has_listing = false;
        match source.poll(request).await? {
            ListAnswer::Changed(changed) => {
                self.absent.on_complete_list(asked_at);
                let changes = vfs.apply_progress(self.server, changed);
                self.on_changes(&changes);
            }
            ListAnswer::All(listing) => self.apply(source, listing, asked_at, is_urgent).await,
        }
        self.has_listing = true;
        Ok(())
    }

    /// Applies a listing, and adds the torrents that the tree lacks.
    async fn apply(
        &mut self,
        source: &S,
        mut listing: Vec<TorrentSummary>,
        asked_at: Instant,
        is_urgent: bool,
    ) {
        let (vfs, server) = (Arc::clone(&self.vfs), self.server);
        let absent = vfs.summaries_not_in(server, &listing);
        let uptime = if absent.is_empty() { None } else { source.uptime().await };
        let (kept, gone) = self.absent.divide(asked_at, uptime, absent);
        let gone: Vec<_> =
            gone.into_iter().filter_map(|it| Some((it, vfs.torrent_path(server, it)?))).collect();
        listing.extend(kept);
        let unknown = vfs.unknown_torrents(server, &listing);
        if vfs.is_server_known(server) {
            // What is known does not wait for the details of new torrents.
            let set: HashSet<_> = unknown.iter().copied().collect();
            let new = listing.iter().filter(|summary| set.contains(&summary.info_hash));
            let new: Vec<_> = new.cloned().collect();
            let changes = vfs.apply(server, listing, Vec::new(), seconds_now());
            self.publish_removed(&changes, &gone);
            self.on_changes(&changes);
            let details = self.unread.read(source, unknown, is_urgent, vfs.counts().files).await;
            if !details.is_empty() {
                self.metadata.add(&details);
                let changes = vfs.add_late(server, new, details, seconds_now());
                self.on_changes(&changes);
            }
        } else {
            let details = self.unread.read(source, unknown, is_urgent, vfs.counts().files).await;
            self.metadata.add(&details);
            let changes = vfs.apply(server, listing, details, seconds_now());
            self.on_changes(&changes);
        }
    }

    fn publish_removed(&self, changes: &Changes, paths: &[(InfoHash, String)]) {
        let removed: HashSet<_> = changes.removed.iter().map(|(torrent, _)| *torrent).collect();
        for (_, path) in paths.iter().filter(|(torrent, _)| removed.contains(torrent)) {
            self.publish(LibraryChange::Removed { path: path.clone() });
        }
    }

    fn on_changes(&self, changes: &Changes) {
        let added: HashSet<_> = changes.added.iter().map(|(torrent, _)| *torrent).collect();
        for (torrent, name) in &changes.added {
            let path = self.vfs.torrent_path(self.server, *torrent);
            self.publish(LibraryChange::Added { path: path.unwrap_or_else(|| name.clone()) });
        }
        let (added, others): (Vec<_>, Vec<_>) =
            changes.progress.iter().copied().partition(|torrent| added.contains(torrent));
        self.vfs.note_finished(self.server, &added, None);
        for (torrent, _) in self.vfs.note_finished(self.server, &others, Some(seconds_now())) {
            if let Some(path) = self.vfs.torrent_path(self.server, torrent) {
                self.publish(LibraryChange::Finished { path });
            }
        }
    }

    fn publish(&self, change: LibraryChange) {
        // Fails if no stream of changes is open.
        drop(self.channels.changes.send(change));
    }

    fn report(&self, result: &Result<(), SourceError>) {
        let before = self.channels.status.borrow().clone();
        let server = before.name;
        // A server that is down for a day is one line in the log.
        match (result, before.error) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => tracing::info!(server, "the server is back"),
            (Err(error), None) => {
                tracing::warn!(server, %error, "showing its torrents as last known");
            }
            (Err(error), Some(_)) => tracing::debug!(server, %error, "still down"),
        }
        self.channels.status.send_modify(|status| {
            status.poll_count = status.poll_count.saturating_add(1);
            status.is_known = self.vfs.is_server_known(self.server);
            status.error = result.as_ref().err().cloned();
            status.unread_torrents = self.unread.len();
        });
    }
}

fn source<S: TorrentSource>(vfs: &Vfs<S>, server: ServerId) -> Result<&S, SourceError> {
    let unknown =
        || SourceError::new(SourceErrorKind::NotFound, format!("find server {}", server.0));
    vfs.source(server).ok_or_else(unknown)
}

/// Returns the current time in seconds since 1970.
fn seconds_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
