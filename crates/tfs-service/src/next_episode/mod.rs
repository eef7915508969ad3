//! The next episode: preloaded while a program plays the one before it.
//!
//! ```text
//! NextEpisodes   one task for each mount
//!   NextTrigger    which files are played, from 80 % on
//!   find_next      the file that follows, in a blocking thread
//!   preload_next   its head and its end, or all of it
//! ```
//!
//! A preload is no reader: it triggers nothing, so that a chain of episodes cannot start by itself.

mod find;
#[cfg(test)]
mod tests;
mod trigger;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tfs_config::NextMode;
use tfs_sys::blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};
use vfs_core::{FileId, FileParts, PreloadError, TorrentFile, TorrentSource, Vfs};

use self::find::{FollowingFile, find_next};
use self::trigger::{NextTrigger, PlayPosition};
use crate::preload::{Preloads, preload_next};

/// How often the readers are looked at. The last fifth of a track of music takes longer.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What a player reads before it shows a picture: the start, and the index at the end of MP4 and
/// Matroska files.
const START: FileParts = FileParts { head: Some(16 << 20), tail: Some(1 << 20) };

/// Maximum number of files that are preloaded at a time.
const RUNNING_MAX: usize = 2;

/// Maximum number of played files that wait. The oldest is dropped then.
const WAITING_MAX: usize = 16;

/// How often a preload without peers is tried: it ends after a minute each.
const TRIES_MAX: usize = 3;

/// Preloads what follows the files that are played.
#[derive(Debug)]
pub(crate) struct NextEpisodes<S> {
    parts: Arc<NextParts<S>>,
}

#[derive(Debug)]
struct NextParts<S> {
    vfs: Arc<Vfs<S>>,
    is_whole: bool,
    state_dir: Option<PathBuf>,
    preloads: Preloads,
}

impl<S: TorrentSource> NextEpisodes<S> {
    /// Returns `None` if nothing is to be preloaded.
    pub(crate) fn new(
        vfs: &Arc<Vfs<S>>,
        mode: NextMode,
        state_dir: Option<PathBuf>,
        preloads: &Preloads,
    ) -> Option<Self> {
        let (vfs, preloads, is_whole) =
            (Arc::clone(vfs), preloads.clone(), mode == NextMode::Whole);
        let parts = Arc::new(NextParts { vfs, is_whole, state_dir, preloads });
        (mode != NextMode::Off).then_some(Self { parts })
    }

    /// Runs until dropped.
    ///
    /// # Cancel safety
    /// Drop the future to end it. Downloaded data stays.
    pub(crate) async fn run(self) {
        let mut trigger = NextTrigger::default();
        let mut waiting = VecDeque::new();
        let mut running: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
        let started_at = Instant::now();
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(()) = running.next(), if !running.is_empty() => {}
                _ = looks.tick() => {
                    if self.parts.vfs.open_count() > 0 {
                        let played = trigger.on_look(started_at.elapsed(), &self.parts.readers());
                        waiting.extend(played);
                    }
                }
            }
            while waiting.len() > WAITING_MAX {
                waiting.pop_front();
            }
            while running.len() < RUNNING_MAX
                && let Some(played) = waiting.pop_front()
            {
                running.push(Box::pin(follow(Arc::clone(&self.parts), played)));
            }
        }
    }
}

impl<S: TorrentSource> NextParts<S> {
    fn readers(&self) -> Vec<PlayPosition> {
        let readers = self.vfs.readers().into_iter();
        let readers = readers.map(|it| PlayPosition {
            handle: it.handle,
            file: it.file,
            file_len: it.file_len,
            offset: it.offset,
            run_bytes: it.run_bytes,
        });
        readers.collect()
    }

    async fn preload(&self, file: &TorrentFile, parts: FileParts, path: &str) -> bool {
        for _ in 0..TRIES_MAX {
            match preload_next(&self.vfs, (file, parts), &self.preloads, path).await {
                Ok(()) => return true,
                Err(PreloadError::Stalled) => {}
                Err(error) => {
                    tracing::debug!(path = file.path, %error, "the next file is not preloaded");
                    return false;
                }
            }
        }
        tracing::debug!(path = file.path, "the next file is not preloaded: no peer sends data");
        false
    }
}

/// Finds and preloads what follows a file.
async fn follow<S: TorrentSource>(parts: Arc<NextParts<S>>, played: FileId) {
    let Some(path) = parts.vfs.path_of(played) else { return };
    let (finding, path) = (Arc::clone(&parts), Arc::<str>::from(path));
    let from = Arc::clone(&path);
    let found =
        blocking(move || find_next(&finding.vfs, (played, &from), finding.state_dir.as_deref()))
            .await;
    let Some(FollowingFile { file, subtitles, is_by_file }) = found else {
        tracing::debug!(path = &*path, "no file follows");
        return;
    };
    tracing::debug!(path = &*path, next = file.path, "preloading the next file");
    if !parts.preload(&file, START, &path).await {
        return;
    }
    for subtitle in &subtitles {
        parts.preload(subtitle, FileParts::default(), &path).await;
    }
    if parts.is_whole || is_by_file {
        parts.preload(&file, FileParts::default(), &path).await;
    }
}
