//! A preload on request, with events until it ends.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tfs_api::wire::{FailureBody, FailureKind, PreloadEvent, PreloadRequest};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use vfs_core::{
    FileId, FileParts, PreloadError, TorrentFile, TorrentSource, TorrentState, Vfs, VfsError,
};

use super::batch::PreloadBatch;
use super::running::{Preloads, reason};
use crate::failed::remedy;

/// Capacity of the event queue. Progress events that find it full are dropped, as the next one
/// replaces them; events about the end of files wait.
const EVENTS_MAX: usize = 64;

/// Starts a preload. Dropping the returned stream cancels it.
///
/// # Errors
/// If a path does not exist.
pub(crate) fn preload<S: TorrentSource>(
    vfs: Arc<Vfs<S>>,
    request: &PreloadRequest,
    preloads: &Preloads,
) -> Result<BoxStream<'static, PreloadEvent>, FailureBody> {
    let files = files(&vfs, &request.paths)?;
    let parts = FileParts { head: request.head_bytes, tail: request.tail_bytes };
    let (events, mut receiver) = mpsc::channel(EVENTS_MAX);
    let running = run(vfs, (files, parts), events, preloads.clone());
    let task = AbortOnDropHandle::new(tokio::spawn(running));
    Ok(stream::poll_fn(move |context| {
        // Dropping the stream drops the task.
        let _task = &task;
        receiver.poll_recv(context)
    })
    .boxed())
}

/// Returns all files at and below some paths, without duplicates.
fn files<S: TorrentSource>(
    vfs: &Vfs<S>,
    paths: &[String],
) -> Result<Vec<TorrentFile>, FailureBody> {
    let mut files = Vec::new();
    let mut known = HashSet::new();
    for path in paths {
        let below = vfs.files_below(path).map_err(|error| {
            let shown = if path.is_empty() { "/" } else { path };
            let message = if matches!(error, VfsError::NoTree) {
                "the torrents are not known yet".to_owned()
            } else {
                format!("failed to find {shown} in the mount: {error}")
            };
            let kind = match error {
                VfsError::NotFound | VfsError::NotDirectory => FailureKind::UnknownFile,
                VfsError::IsDirectory
                | VfsError::NotSymlink
                | VfsError::BadHandle
                | VfsError::NoAttribute
                | VfsError::NothingThere
                | VfsError::Partial
                | VfsError::Stale
                | VfsError::NoTree
                | VfsError::WouldBlock
                | VfsError::TimedOut
                | VfsError::ShuttingDown
                | VfsError::Source(_) => FailureKind::Failed,
            };
            FailureBody::new(kind, message)
        })?;
        files.extend(below.into_iter().filter(|file| known.insert(file.id)));
    }
    Ok(files)
}

/// Preloads files and sends events until the receiver is gone.
async fn run<S: TorrentSource>(
    vfs: Arc<Vfs<S>>,
    (files, parts): (Vec<TorrentFile>, FileParts),
    events: mpsc::Sender<PreloadEvent>,
    preloads: Preloads,
) {
    let bytes = files.iter().map(|file| parts.bytes_of(file.len)).fold(0, u64::saturating_add);
    let began = PreloadEvent::Began { files: files.len() as u64, total_bytes: bytes };
    let (mut done, mut failed) = (0, 0);
    let report = {
        let events = events.clone();
        move |file: &TorrentFile, progress: vfs_core::PreloadProgress| {
            let event = PreloadEvent::Progress {
                path: file.path.clone(),
                there_bytes: progress.bytes_there,
                total_bytes: progress.bytes_total,
                waits_for: progress.wait.map(reason),
            };
            // See EVENTS_MAX. A missing receiver is detected by the next event that waits.
            drop(events.try_send(event));
        }
    };
    let mut batch = PreloadBatch::new(Arc::clone(&vfs), parts, &report, &preloads);
    files.into_iter().for_each(|file| batch.push(file));
    let mut is_heard = events.send(began).await.is_ok();
    while is_heard && let Some((file, ended)) = batch.next().await {
        let path = file.path;
        let event = match ended {
            Ok(()) => {
                done += 1;
                PreloadEvent::Done { path, total_bytes: parts.bytes_of(file.len) }
            }
            Err(error @ PreloadError::Stalled) => {
                PreloadEvent::Stalled { path, message: message(&vfs, file.id, &error) }
            }
            Err(error) => {
                failed += 1;
                PreloadEvent::Failed { path, message: message(&vfs, file.id, &error) }
            }
        };
        is_heard = events.send(event).await.is_ok();
    }
    // An error means that the receiver is gone.
    drop(events.send(PreloadEvent::Ended { done, failed }).await);
}

/// Returns why a file was not preloaded. For a failed torrent, adds the remedy.
fn message<S: TorrentSource>(vfs: &Vfs<S>, file: FileId, error: &PreloadError) -> String {
    let message = format!("failed to {error}");
    if !matches!(error, PreloadError::Stopped(TorrentState::Failed)) {
        return message;
    }
    let Some((_name, why)) = vfs.listed_failure(file.torrent) else { return message };
    // The command needs `--server` unless the configuration of the caller has the server, which
    // only the caller knows.
    format!("{message}: {why}; {}, then start it as tfs status shows", remedy(Some(&why)))
}
