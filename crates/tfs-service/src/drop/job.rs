//! The addition of one file: sent at once, and kept and repeated while the server is down.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tfs_drop::{DropAnswer, DropFault, DropKind, DropPlace, DropTicket};
use tfs_sys::blocking;
use tfs_types::Backoff;
use tokio::time::{sleep, timeout};

use super::content::{self, DroppedLink};
use super::link::DropLink;
use super::server::{Attempt, DropServer};
use super::spool;
use crate::add::{AddedTorrentName, PreparedTorrent};

/// How long a program waits for the verdict of a `.torrent` file. Then it is kept.
const VERDICT_TIME_MAX: Duration = Duration::from_secs(8);

/// How long a program waits for the verdict of links. A server without a way to peers answers at
/// once, and one that knows the torrent too.
const LINK_VERDICT_TIME: Duration = Duration::from_secs(1);

/// Pauses between attempts.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// What a link waits for.
const LOOKING_FOR_PEERS: &str = "looking for peers that have the metadata";

/// An addition.
#[derive(Debug, Clone)]
pub(super) struct DropJob {
    pub(super) ticket: DropTicket,
    pub(super) place: DropPlace,
    pub(super) name: String,
    pub(super) kind: DropKind,
    pub(super) bytes: Bytes,
    /// Whether the spool has it.
    pub(super) is_kept: bool,
}

impl DropJob {
    /// Runs until the file is added or refused.
    pub(super) async fn run(self, link: &DropLink) {
        let Some(server) = link.state().servers.get(self.place.server) else { return };
        match self.kind {
            DropKind::Torrent => self.add_file(link, server).await,
            DropKind::Links | DropKind::Shortcut => self.add_links(link, server).await,
        }
        link.state().moved.notify_one();
    }

    async fn add_file(mut self, link: &DropLink, server: &DropServer) {
        let torrent = match PreparedTorrent::of_bytes(self.name.clone(), &self.bytes) {
            Ok(torrent) => torrent,
            Err(error) => return self.refuse(link, error.fault.to_string()),
        };
        let mut failure_count = 0;
        loop {
            let attempt = server.attempt(&torrent);
            let attempt = match self.is_kept {
                true => attempt.await,
                false => match timeout(VERDICT_TIME_MAX, attempt).await {
                    Ok(attempt) => attempt,
                    Err(_elapsed) => Attempt::Again("the server has not answered yet".to_owned()),
                },
            };
            let reason = match attempt {
                Attempt::Added(added) => return self.finish(link, server, &added).await,
                Attempt::Refused(reason) => return self.refuse(link, reason),
                Attempt::Again(reason) => reason,
            };
            if let Err(answer) = self.keep(link, server, reason).await {
                return link.answer(self.ticket, answer);
            }
            failure_count += 1;
            sleep(PAUSES.delay(failure_count)).await;
        }
    }

    /// Links are kept first: their answer may take days.
    async fn add_links(self, link: &DropLink, server: &DropServer) {
        let links = content::links(self.kind, &self.bytes, link.state().may_fetch);
        let Ok(links) = links else {
            // They were examined, so only a restart with another setting comes here.
            let reason = "it is not taken any more: see allow_urls".to_owned();
            return self.refuse(link, reason);
        };
        if !self.is_kept {
            match self.save(server).await {
                Ok(path) => link.set_path(self.ticket, path),
                Err(error) => return link.answer(self.ticket, not_kept(&error)),
            }
        }
        let count = links.len();
        let adding = links.into_iter().map(|line| self.add_link(link, server, line));
        let mut adding = std::pin::pin!(join_all(adding));
        let results = match timeout(LINK_VERDICT_TIME, adding.as_mut()).await {
            Ok(results) => results,
            Err(_elapsed) => {
                let reason = LOOKING_FOR_PEERS.to_owned();
                link.answer(self.ticket, DropAnswer::Kept { reason });
                adding.await
            }
        };
        let failed: Vec<_> = results.into_iter().flatten().collect();
        if failed.len() == count {
            return self.refuse(link, failed.join("; "));
        }
        self.clean_up(link).await;
        link.answer(self.ticket, DropAnswer::AddedLinks { failed });
    }

    /// Adds one link. Returns why it failed.
    async fn add_link(
        &self,
        link: &DropLink,
        server: &DropServer,
        line: DroppedLink,
    ) -> Option<String> {
        let index = self.place.server;
        let known = |hash| link.folder().is_some_and(|it| it.with(|it| it.has(index, hash)));
        if line.torrent.info_hash().is_some_and(known) {
            // The server would look for peers all the same.
            return None;
        }
        let mut failure_count = 0;
        loop {
            match server.attempt(&line.torrent).await {
                Attempt::Added(added) => {
                    if let (Some(folder), Ok(hash)) = (link.folder(), added.info_hash.parse()) {
                        let (now, name) = (link.state().clock.now(), added.name.as_deref());
                        folder.with(|folder| folder.add_resolved(self.place, hash, name, now));
                        if self.place.is_paused {
                            server.pause(hash).await;
                        }
                    }
                    link.state().moved.notify_one();
                    return None;
                }
                Attempt::Refused(reason) => return Some(format!("line {}: {reason}", line.number)),
                Attempt::Again(reason) => {
                    tracing::info!(name = line.torrent.label(), reason, "a dropped link waits");
                    link.answer(self.ticket, DropAnswer::Kept { reason });
                }
            }
            failure_count += 1;
            sleep(PAUSES.delay(failure_count)).await;
        }
    }

    /// Keeps the file, and says so.
    async fn keep(
        &mut self,
        link: &DropLink,
        server: &DropServer,
        reason: String,
    ) -> Result<(), DropAnswer> {
        if !self.is_kept {
            let path = self.save(server).await.map_err(|error| not_kept(&error))?;
            link.set_path(self.ticket, path);
            self.is_kept = true;
            tracing::info!(name = self.name, reason, "a drop is kept");
        }
        link.answer(self.ticket, DropAnswer::Kept { reason });
        Ok(())
    }

    async fn save(&self, server: &DropServer) -> io::Result<std::path::PathBuf> {
        let Some(spool) = server.spool.as_ref().map(Arc::clone) else {
            return Err(io::Error::other("there is no state directory"));
        };
        let job = self.clone();
        blocking(move || spool.save(&job.name, job.place.is_paused, job.kind, &job.bytes)).await
    }

    async fn finish(&self, link: &DropLink, server: &DropServer, added: &AddedTorrentName) {
        let Ok(info_hash) = added.info_hash.parse() else {
            return self.refuse(link, "the server's answer has no info hash".to_owned());
        };
        let name = added.name.clone();
        link.answer(self.ticket, DropAnswer::Added { info_hash, name });
        link.state().moved.notify_one();
        self.clean_up(link).await;
        if self.place.is_paused {
            server.pause(info_hash).await;
        }
    }

    fn refuse(&self, link: &DropLink, reason: String) {
        link.answer(self.ticket, DropAnswer::Refused { reason });
    }

    /// Removes the file from the spool.
    async fn clean_up(&self, link: &DropLink) {
        if let Some(path) = link.take_path(self.ticket) {
            blocking(move || spool::remove(&path)).await;
        }
    }
}

/// Returns the answer for a file that the server has not taken, and the disk neither.
fn not_kept(error: &io::Error) -> DropAnswer {
    let is_full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    let fault = if is_full { DropFault::NoSpace } else { DropFault::Io };
    let reason = format!("it waits for the server, and cannot be kept meanwhile: {error}");
    DropAnswer::Failed { fault, reason }
}
