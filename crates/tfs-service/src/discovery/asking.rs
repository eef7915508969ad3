//! Asking for the details of torrents: once for each, a few at a time, with patience for those that
//! fail.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;
use vfs_core::{InfoHash, SourceError, SourceErrorKind, TorrentDetails, TorrentSource};

use super::chain;
use crate::state::Recorder;

/// How many torrents are asked for their details at a time: enough to hide the round trips of a
/// thousand torrents, too few for a server to notice.
pub(super) const DETAILS_AT_A_TIME: usize = 8;

/// How long a torrent whose details could not be had is left alone: the first time, doubled each
/// time, and at most. What is wrong with one torrent seldom mends itself within seconds.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// The most files that a mount has, of all torrents together: two gigabytes of memory. Nobody has
/// as many; a server that says so wants the memory.
const FILES_MAX: usize = 4_000_000;

/// How many answers may be late before no more are asked for: each of them takes twenty seconds,
/// and there may be ten thousand.
const LATE_MAX: usize = 3;

/// What is known of torrents that the tree does not have.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// Those whose details could not be had.
    failed: HashMap<InfoHash, Failed>,
    /// Details that came before a look was broken off.
    early: HashMap<InfoHash, TorrentDetails>,
}

#[derive(Debug, Clone, Copy)]
struct Failed {
    count: u32,
    ask_again_at: Instant,
}

/// What came of asking.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) details: Vec<TorrentDetails>,
    /// The first failure.
    pub(super) error: Option<SourceError>,
    /// Whether not all were asked for, since nobody answers any more.
    pub(super) is_broken_off: bool,
}

impl Asking {
    /// Asks for the details of torrents: first the disk, then the source.
    ///
    /// `is_urgent` asks also for those that are to be left alone for now. `file_count` is how many
    /// files the tree has; torrents that would make it more than [`FILES_MAX`] are left out.
    ///
    /// # Cancel safety
    /// What came until then is there the next time.
    pub(super) async fn ask<S: TorrentSource>(
        &mut self,
        source: &S,
        recorder: Option<&Recorder>,
        wanted: Vec<InfoHash>,
        is_urgent: bool,
        file_count: usize,
    ) -> Answers {
        let set: HashSet<_> = wanted.iter().copied().collect();
        self.failed.retain(|torrent, _| set.contains(torrent));
        self.early.retain(|torrent, _| set.contains(torrent));
        let now = Instant::now();
        let mut open: Vec<_> = wanted
            .into_iter()
            .filter(|torrent| !self.early.contains_key(torrent))
            .filter(|torrent| {
                is_urgent || self.failed.get(torrent).is_none_or(|it| it.ask_again_at <= now)
            })
            .collect();
        if let Some(recorder) = recorder.filter(|_| !open.is_empty()) {
            let known = recorder.details(open.clone()).await;
            self.early.extend(known.into_iter().map(|details| (details.info_hash, details)));
            open.retain(|torrent| !self.early.contains_key(torrent));
        }
        let mut answers = Answers::default();
        let mut late_count = 0;
        let early = self.early.values().map(|details| details.files.len());
        let mut room = FILES_MAX.saturating_sub(file_count + early.sum::<usize>());
        let mut asked = stream::iter(open)
            .map(async |torrent| (torrent, source.details(torrent).await))
            .buffer_unordered(DETAILS_AT_A_TIME);
        while let Some((torrent, answer)) = asked.next().await {
            let error = match answer {
                Ok(details) if details.files.len() > room => {
                    let text = format!("hold {torrent} beside all others: it has too many files");
                    SourceError::new(SourceErrorKind::Protocol, text)
                }
                Ok(details) => {
                    room -= details.files.len();
                    self.failed.remove(&torrent);
                    self.early.insert(torrent, details);
                    continue;
                }
                Err(error) => error,
            };
            late_count += usize::from(error.kind == SourceErrorKind::TimedOut);
            answers.is_broken_off =
                error.kind == SourceErrorKind::Unreachable || late_count == LATE_MAX;
            if error.kind != SourceErrorKind::Unreachable {
                leave_out(&mut self.failed, torrent, &error);
            }
            answers.error.get_or_insert(error);
            if answers.is_broken_off {
                break;
            }
        }
        answers.details = self.early.drain().map(|(_, details)| details).collect();
        answers
    }

    /// Keeps details that are of no use yet for the next time.
    pub(super) fn keep(&mut self, details: Vec<TorrentDetails>) {
        self.early.extend(details.into_iter().map(|details| (details.info_hash, details)));
    }
}

/// Lets a torrent alone for a while. Each is one line in the log.
fn leave_out(failed: &mut HashMap<InfoHash, Failed>, torrent: InfoHash, error: &SourceError) {
    let count = failed.get(&torrent).map_or(0, |failed| failed.count).saturating_add(1);
    if count == 1 {
        tracing::warn!(%torrent, error = %chain(error), "left out for now");
    } else {
        tracing::debug!(%torrent, count, error = %chain(error), "still left out");
    }
    let pause = PAUSE_MIN.saturating_mul(2_u32.saturating_pow(count - 1)).min(PAUSE_MAX);
    failed.insert(torrent, Failed { count, ask_again_at: Instant::now() + pause });
}
