//! Requests listings, and decides which of the torrents that they lack are kept.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tfs_sys::clock::now;
use tokio::time::Instant;
use vfs_core::{Freshness, ListAnswer, ListRequest, SourceError, TorrentSource, TorrentSummary};

use super::absence::{FolderCheck, ListingFacts};
use super::{Discovery, PROGRESS_INTERVAL, source, with_root_cause};

impl<S: TorrentSource> Discovery<S> {
    /// Returns the request for a listing. Changes suffice if no decision depends on the others.
    pub(super) fn request(&mut self, is_urgent: bool) -> ListRequest {
        let has_command = self.looks.take_commands();
        let accepts_changes = self.has_listing
            && self.is_tree_known()
            && self.details.is_empty()
            && self.absence.is_empty();
        let freshness = match (is_urgent, has_command) {
            (true, _) => Freshness::Current,
            (false, true) => Freshness::Recent,
            (false, false) => Freshness::Usual,
        };
        ListRequest { accepts_changes, freshness, in_use: self.vfs.torrents_in_use() }
    }

    /// Fetches the list. Processes answers to other requests meanwhile.
    pub(super) async fn list(&mut self, request: ListRequest) -> Result<ListAnswer, SourceError> {
        self.watch.on_ask();
        let asked_at = Instant::now();
        let (vfs, server) = (Arc::clone(&self.vfs), self.server);
        let mut list = std::pin::pin!(async { source(&vfs, server)?.poll(request).await });
        let listed = loop {
            tokio::select! {
                biased;
                listed = &mut list => break listed,
                () = self.progress() => {}
            }
        };
        self.is_listed = listed.is_ok();
        match &listed {
            Ok(_) => {
                self.watch.on_answer(now());
                self.events.on_answer();
            }
            Err(error) => {
                self.absence.on_failure();
                let error = format!("failed to {}", with_root_cause(error));
                self.events.on_failure(asked_at, &error);
                self.watch.on_failure(error, now());
            }
        }
        listed
    }

    /// Returns the facts about a listing. The uptime of the server is requested periodically, to
    /// identify its run, and if the caller `needs_run` for a decision.
    pub(super) async fn facts(
        &mut self,
        asked_at: Instant,
        listed_count: usize,
        needs_run: bool,
    ) -> ListingFacts {
        let is_due = self.run_asked_at.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL);
        let uptime = match self.vfs.source(self.server) {
            Some(source) if is_due || needs_run => {
                self.run_asked_at = Some(Instant::now());
                source.uptime().await
            }
            Some(_) | None => None,
        };
        let at = now();
        let seconds = |uptime: Duration| i64::try_from(uptime.as_secs()).ok();
        ListingFacts {
            asked_at,
            at,
            run_began_at: uptime.and_then(|uptime| Instant::now().checked_sub(uptime)),
            run_began: uptime.and_then(seconds).map(|uptime| at.saturating_sub(uptime)),
            listed_count,
            is_accepted: false,
        }
    }

    /// Adds missing torrents that may come back to a listing.
    pub(super) async fn keep_doubtful(
        &mut self,
        asked_at: Instant,
        mut listing: Vec<TorrentSummary>,
        is_accepted: bool,
    ) -> Vec<TorrentSummary> {
        let vfs = Arc::clone(&self.vfs);
        let Some(source) = vfs.source(self.server) else { return listing };
        let absent = vfs.summaries_not_in(self.server, &listing);
        let listed_count = listing.iter().filter(|summary| summary.is_resolved).count();
        let facts = self.facts(asked_at, listed_count, !absent.is_empty()).await;
        let facts = ListingFacts { is_accepted, ..facts };
        let hashes: Vec<_> = absent.iter().map(|summary| summary.info_hash).collect();
        let to_check = self.absence.on_listing(&facts, &hashes);
        let folders = match to_check.is_empty() {
            true => FolderCheck::NoneMissing,
            false if source.are_folders_there(to_check).await => FolderCheck::NoneMissing,
            false => FolderCheck::Doubtful,
        };
        let kept = self.absence.decide(&facts, folders, self.removal_delay);
        if !kept.is_empty() {
            let run_began = facts.run_began;
            tracing::debug!(count = kept.len(), run_began, "missing from the list, still shown");
        }
        let kept: HashSet<_> = kept.into_iter().collect();
        self.note_leaving(&absent, &kept);
        let kept = absent.into_iter().filter(|summary| kept.contains(&summary.info_hash));
        listing.extend(kept.map(|summary| TorrentSummary { is_listed: false, ..summary }));
        listing
    }
}
