//! Discovery: keeps the tree of a filesystem equal to what its servers list. Each server has its
//! own, so that none waits for another.

mod absence;
mod asking;
mod looking;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use vfs_core::{Changes, ServerId, SourceError, TorrentSource, TorrentSummary, Vfs};

use self::absence::{Absence, Run};
use self::asking::Asking;
pub(crate) use self::looking::Request;
pub use self::looking::{RefreshError, Refresher};
use crate::clock::now;
use crate::memory;
use crate::state::{KnownTree, Recorder, Times};
use crate::status::ServerWatch;

/// How often what has been downloaded is written down. It is only for `du` while the server is
/// down, and written at the end of a mount anyway, so a crash may cost five minutes of it.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(300);

/// Whether torrents that failed a moment ago are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// They are.
    Patient,
    /// They are asked for again: somebody wants to know now.
    Urgent,
}

/// What is known of a server from one look to the next.
#[derive(Debug)]
pub(crate) struct Discovery<S> {
    vfs: Arc<Vfs<S>>,
    server: ServerId,
    /// Where it is kept, if it can be.
    recorder: Option<Recorder>,
    asking: Asking,
    absence: Absence,
    /// Whether it is kept that there was a listing, be it an empty one.
    is_recorded: bool,
    progress_recorded_at: Option<Instant>,
    /// Told whether the source answers.
    watch: ServerWatch,
    /// Told when torrents were added.
    added: Arc<Notify>,
}

impl<S: TorrentSource> Discovery<S> {
    /// Returns the discovery of the first server.
    pub(crate) fn new(vfs: Arc<Vfs<S>>, recorder: Option<Recorder>) -> Self {
        Self {
            vfs,
            server: ServerId::FIRST,
            recorder,
            asking: Asking::default(),
            absence: Absence::default(),
            is_recorded: false,
            progress_recorded_at: None,
            watch: ServerWatch::default(),
            added: Arc::default(),
        }
    }

    /// Lets it be that of another server.
    pub(crate) fn of_server(self, server: ServerId) -> Self {
        Self { server, ..self }
    }

    /// Lets a watch know whether the source answers.
    pub(crate) fn watched_by(mut self, watch: ServerWatch) -> Self {
        self.watch = watch;
        self
    }

    /// Lets this be told when torrents were added.
    pub(crate) fn telling(self, added: Arc<Notify>) -> Self {
        Self { added, ..self }
    }

    /// Takes over the names of what was last known. They have to be there of all servers before
    /// the torrents of the first are shown.
    pub(crate) fn remember(&mut self, known: &KnownTree) {
        let KnownTree { changed_at, remembered, .. } = known;
        self.vfs.remember_of(self.server, *changed_at, remembered.iter().cloned());
        self.is_recorded = changed_at.is_some();
    }

    /// Shows the torrents as they were last known, if there are any. An empty tree is not shown:
    /// what looks empty may only be lost.
    pub(crate) fn restore(&mut self, known: KnownTree) {
        let KnownTree { changed_at, listing, details, .. } = known;
        if let Some(changed_at) = changed_at.filter(|_| !listing.is_empty()) {
            self.vfs.apply_of(self.server, listing, details, changed_at);
        }
    }

    /// Returns whether there is anything to show of the server.
    pub(crate) fn is_tree_known(&self) -> bool {
        self.vfs.is_server_known(self.server)
    }

    /// Looks at the server once and takes over what is there.
    ///
    /// A torrent whose details cannot be had is left out, and asked for again later. One that the
    /// listing lacks is kept as long as that may be a mistake, see [`absence`].
    ///
    /// # Errors
    /// If the list cannot be had: the tree stays as it was. If the details cannot: the tree has
    /// what came, unless there was no tree, which is not to begin with a part of it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the tree as it was.
    pub(crate) async fn look(&mut self, haste: Haste) -> Result<Changes, SourceError> {
        let vfs = Arc::clone(&self.vfs);
        let asked_at = Instant::now();
        let mut listing = vfs.source_of(self.server).list().await.inspect_err(|error| {
            self.absence.on_failure();
            self.watch.on_failure(chain(error), now());
        })?;
        self.watch.on_answer(now());
        let absent = vfs.summaries_not_in(self.server, &listing);
        listing.extend(self.keep_doubtful(asked_at, absent).await);

        let wanted = vfs.unknown_torrents_of(self.server, &listing);
        // A tree that is not there yet waits for all of them.
        let is_urgent = haste == Haste::Urgent || !self.is_tree_known();
        let files = vfs.counts().files;
        let recorder = self.recorder.as_ref();
        let answers =
            self.asking.ask(vfs.source_of(self.server), recorder, wanted, is_urgent, files).await;
        if let Some(error) = &answers.error
            && !self.is_tree_known()
            && (answers.is_broken_off || answers.details.is_empty())
        {
            self.asking.keep(answers.details);
            return Err(error.clone());
        }
        let details = if self.recorder.is_some() { answers.details.clone() } else { Vec::new() };
        let at = now();
        let changes = vfs.apply_of(self.server, listing, answers.details, at);
        self.log(&changes);
        let gone: Vec<_> =
            changes.removed.iter().chain(&changes.left).map(|(info_hash, _)| *info_hash).collect();
        if !gone.is_empty() {
            vfs.source_of(self.server).forget_local(&gone);
        }
        if !changes.added.is_empty() {
            self.added.notify_one();
        }
        if let Some(recorder) = &self.recorder {
            if !self.is_recorded || changes != Changes::default() {
                let changed_at = vfs.changed_at(self.server);
                recorder.record(&changes, details, Times { at, changed_at });
                self.is_recorded = true;
            }
            if self.progress_recorded_at.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL) {
                recorder.record_progress(vfs.summaries_not_in(self.server, &[]));
                self.progress_recorded_at = Some(Instant::now());
            }
        }
        if changes.added.len() + changes.removed.len() >= memory::TORRENTS_MIN {
            memory::give_back();
        }
        match answers.error {
            Some(error) if answers.is_broken_off => Err(error),
            _ => Ok(changes),
        }
    }

    /// Returns those of the torrents that a listing lacks which may only be missing for a moment.
    async fn keep_doubtful(
        &mut self,
        asked_at: Instant,
        absent: Vec<TorrentSummary>,
    ) -> Vec<TorrentSummary> {
        // A question that is only asked when it matters.
        let uptime =
            if absent.is_empty() { None } else { self.vfs.source_of(self.server).uptime().await };
        let run = Run { began_at: uptime.and_then(|uptime| Instant::now().checked_sub(uptime)) };
        let hashes: Vec<_> = absent.iter().map(|summary| summary.info_hash).collect();
        let kept = self.absence.on_listing(asked_at, run, &hashes);
        if !kept.is_empty() {
            tracing::debug!(count = kept.len(), ?uptime, "missing, but perhaps not for long");
        }
        let kept: HashSet<_> = kept.into_iter().collect();
        let kept = absent.into_iter().filter(|summary| kept.contains(&summary.info_hash));
        kept.map(|summary| TorrentSummary { is_listed: false, ..summary }).collect()
    }

    fn log(&self, changes: &Changes) {
        for (torrent, name) in &changes.added {
            tracing::debug!(%torrent, name, "added");
        }
        for (torrent, name) in &changes.removed {
            tracing::debug!(%torrent, name, "removed");
        }
    }
}

/// Returns an error with its innermost cause. What is between repeats the words of both.
pub(crate) fn chain(error: &SourceError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if std::ptr::addr_eq(cause, error) { error.to_string() } else { format!("{error}: {cause}") }
}
