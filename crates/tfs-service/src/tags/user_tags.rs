//! Changes of tags by commands: in the state directory of the user, and in running mounts.

use futures_util::future::join_all;
use tfs_api::wire::{FailureKind, TagRequest};
use tfs_api::{ControlClient, ControlError, all_clients};
use tfs_state::{TagChange, TagError, TagStore, TagTable, user_state_dir};
use tfs_sys::blocking;
use tfs_types::Tag;

/// The user has no home directory, so there is no state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("find the tags: the user has no home directory")]
pub struct NoStateDir;

/// The result of a change.
#[derive(Debug)]
pub struct ChangedTags {
    /// All tags of the user.
    pub table: TagTable,
    /// Why processes with mounts refused the change, for users. They read the tags at the next
    /// start, or by `tfs refresh`.
    pub failures: Vec<String>,
}

/// Returns the tags of the user of this process.
///
/// # Errors
/// [`NoStateDir`].
pub fn user_tags() -> Result<TagStore, NoStateDir> {
    user_state_dir().map(|dir| TagStore::in_dir(&dir)).ok_or(NoStateDir)
}

/// Changes tags in the store, and in all running mounts of this user; for root, of all users. A
/// mount keeps the change in its own state directory, which may be another one.
///
/// # Errors
/// [`TagError`]. Then nothing has changed.
///
/// # Cancel safety
/// The change may be made in part.
pub async fn change_tags(store: TagStore, change: TagChange) -> Result<ChangedTags, TagError> {
    let written = change.clone();
    let table = blocking(move || store.change(&written)).await?;
    let clients = all_clients().await.unwrap_or_default();
    let told = join_all(clients.iter().map(|client| tell(client, &change))).await;
    Ok(ChangedTags { table, failures: told.into_iter().flatten().collect() })
}

/// Tells a process about a change. Returns why it did not take it.
async fn tell(client: &ControlClient, change: &TagChange) -> Option<String> {
    let texts = |tags: &[Tag]| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
    for part in change.torrents.chunks(TagRequest::TORRENTS_MAX) {
        let request = TagRequest {
            torrents: part.iter().map(ToString::to_string).collect(),
            add: texts(&change.add),
            remove: texts(&change.remove),
            remove_all: change.remove_all,
        };
        match client.tag(&request).await {
            Ok(_) => {}
            // An older version shows no tags.
            Err(ControlError::Refused(failure)) if failure.kind != FailureKind::UnknownPath => {
                return Some(failure.to_string());
            }
            Err(error) => {
                // It ended, or it is stopped. It reads the tags when it starts again.
                tracing::debug!(socket = %client.socket().display(), %error, "not told of tags");
                return None;
            }
        }
    }
    None
}
