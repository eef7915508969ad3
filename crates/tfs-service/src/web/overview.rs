//! The first view: the status of all mounts, and piece maps of the files that are read.

use std::collections::HashMap;

use futures_util::future::join_all;
use tfs_api::wire::{MountStatus, ReaderStatus};
use tfs_sys::blocking;
use tfs_web::model::{BUCKETS_MAX, FileMap, FilePlace};

use super::failure::parse_place;
use super::piece_map::{ReaderPlace, piece_map};
use crate::control::MountRegistry;

/// Maximum number of piece maps in a view. Each may need a request to each server of the mount.
const MAPS_MAX: usize = 16;

/// Returns the status of all mounts. The servers are polled as often as for a command.
pub(super) async fn statuses(mounts: &MountRegistry) -> Vec<MountStatus> {
    let mounts = mounts.clone();
    mounts.note_command();
    // Blocking: names of processes are read from `/proc`.
    blocking(move || mounts.statuses()).await
}

/// Returns the maps of the first files that are read, those with the longest wait first.
pub(super) async fn maps(mounts: &MountRegistry, statuses: &[MountStatus]) -> Vec<FileMap> {
    let files = files_with_readers(statuses);
    let maps = files.into_iter().map(async |(place, readers)| {
        let file = parse_place(&place).ok()?;
        let mount = mounts.find(Some(&place.mountpoint)).ok()?;
        let shares = mount.files().piece_shares(file, BUCKETS_MAX).await?;
        Some(FileMap { place, map: piece_map(&shares, &readers) })
    });
    join_all(maps).await.into_iter().flatten().collect()
}

/// Returns the files that are read, each with its readers.
fn files_with_readers(statuses: &[MountStatus]) -> Vec<(FilePlace, Vec<ReaderPlace>)> {
    let mut files: Vec<(FilePlace, Vec<ReaderPlace>)> = Vec::new();
    let mut positions = HashMap::new();
    for mount in statuses {
        for reader in &mount.readers {
            let ReaderStatus { info_hash, file_index, offset, waits, .. } = reader;
            let place = FilePlace {
                mountpoint: mount.status.mountpoint.clone(),
                info_hash: info_hash.clone(),
                file_index: *file_index,
            };
            let position = *positions.entry(place.clone()).or_insert(files.len());
            if position == files.len() && position < MAPS_MAX {
                files.push((place, Vec::new()));
            }
            if let Some((_, readers)) = files.get_mut(position) {
                readers.push((*offset, waits.map(|wait| wait.offset)));
            }
        }
    }
    files
}
