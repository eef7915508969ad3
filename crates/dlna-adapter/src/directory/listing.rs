//! Sorted listings of folders, kept while names do not change: televisions ask for 30 entries at a
//! time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tfs_http::type_of;
use vfs_core::{Export, Ino, TorrentSource, VfsError};

use super::entry::{DlnaEntry, DlnaKind};
use super::order::compare;

/// Maximum number of entries of a listing: a television cannot scroll further.
const ENTRIES_MAX: usize = 50_000;

/// Maximum number of entries of all kept listings, about 30 MB.
const KEPT_MAX: usize = 200_000;

/// Entries that are read from the tree at once, under its lock.
const PAGE_ENTRIES: usize = 500;

/// Maximum number of subtitle files of a film.
const SUBTITLES_MAX: usize = 8;

/// Folders and media files of a folder: folders first, each sorted by name.
pub(crate) type DlnaListing = Arc<[DlnaEntry]>;

#[derive(Debug)]
struct KeptListing {
    dir: Ino,
    version: u64,
    entries: DlnaListing,
}

/// The newest listings.
#[derive(Debug, Default)]
pub(crate) struct FolderListings {
    /// Protects the listings, the one that was used last at the end; held for one access.
    kept: Mutex<Vec<KeptListing>>,
}

impl FolderListings {
    /// Returns the entries of a folder.
    ///
    /// # Errors
    /// As [`Export::list`].
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn of<S: TorrentSource>(
        &self,
        export: &Export<S>,
        dir: Ino,
    ) -> Result<DlnaListing, VfsError> {
        // Before the listing: a change meanwhile makes it outdated at once.
        let version = export.vfs().names_version();
        // It tells whether the folder is still there, also if its listing is kept.
        let mut page = export.list(dir, 0, PAGE_ENTRIES)?;
        if let Some(entries) = self.find(dir, version) {
            return Ok(entries);
        }
        let (mut entries, mut subtitles) = (Vec::new(), Vec::new());
        loop {
            for entry in &page.entries {
                match DlnaEntry::new(entry) {
                    Some(entry) => entries.push(entry),
                    None if is_subtitle(&entry.name) => subtitles.push(entry.name.clone()),
                    None => {}
                }
            }
            let Some(last) = page.entries.last().filter(|_| !page.is_end) else { break };
            if entries.len() >= ENTRIES_MAX {
                tracing::warn!(dir = dir.0, max = ENTRIES_MAX, "a folder has too many entries");
                break;
            }
            tokio::task::yield_now().await;
            page = export.list(dir, last.cookie, PAGE_ENTRIES)?;
        }
        entries.truncate(ENTRIES_MAX);
        attach(&mut entries, &subtitles);
        entries.sort_unstable_by(|one, other| {
            let is_file = |entry: &DlnaEntry| entry.kind != DlnaKind::Folder;
            is_file(one).cmp(&is_file(other)).then_with(|| compare(&one.name, &other.name))
        });
        let entries: DlnaListing = entries.into();
        self.keep(KeptListing { dir, version, entries: Arc::clone(&entries) });
        Ok(entries)
    }

    fn find(&self, dir: Ino, version: u64) -> Option<DlnaListing> {
        let mut kept = self.kept();
        let position = kept.iter().position(|listing| listing.dir == dir)?;
        let listing = kept.remove(position);
        if listing.version != version {
            return None;
        }
        let entries = Arc::clone(&listing.entries);
        kept.push(listing);
        Some(entries)
    }

    fn keep(&self, listing: KeptListing) {
        let mut kept = self.kept();
        kept.retain(|other| other.dir != listing.dir);
        kept.push(listing);
        // Each counts, also an empty one.
        let mut count: usize = kept.iter().map(|listing| listing.entries.len() + 1).sum();
        while count > KEPT_MAX && kept.len() > 1 {
            count -= kept.remove(0).entries.len() + 1;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<KeptListing>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_subtitle(name: &str) -> bool {
    matches!(type_of(name), "text/vtt; charset=utf-8") || has_extension(name, "srt")
}

fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_stem, own)| own.eq_ignore_ascii_case(extension))
}

/// Gives each film the subtitles whose names begin with its own: `film.srt`, `film.en.srt`.
fn attach(entries: &mut [DlnaEntry], subtitles: &[String]) {
    let mut subtitles: Vec<&str> = subtitles.iter().map(String::as_str).collect();
    subtitles.sort_unstable();
    for film in entries.iter_mut().filter(|entry| entry.kind == DlnaKind::Video) {
        let Some((stem, _extension)) = film.name.rsplit_once('.') else { continue };
        let stem = format!("{stem}.");
        let first = subtitles.partition_point(|name| *name < stem.as_str());
        let own = subtitles.iter().skip(first).take_while(|name| name.starts_with(&stem));
        film.subtitles = own.take(SUBTITLES_MAX).map(|name| (*name).to_owned()).collect();
    }
}
