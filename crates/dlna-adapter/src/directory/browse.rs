//! The action Browse (ContentDirectory:1, section 2.7.4).

use tfs_http::encoded;
use vfs_core::{Export, Ino, NodeKind, TorrentSource, VfsError};

use super::didl::{Didl, ino_of};
use super::entry::{DlnaEntry, DlnaKind};
use super::listing::FolderListings;
use crate::soap::{SoapCall, SoapFault};

/// Maximum number of objects in a reply. A client that asks for more, or for all, asks again for
/// the rest.
const RETURNED_MAX: usize = 1000;

/// Length in bytes from which on a reply gets no further object: with long names, a thousand would
/// take megabytes.
const DIDL_BYTES_MAX: usize = 1 << 20;

/// The result of a Browse.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DlnaFound {
    /// The objects as DIDL-Lite.
    pub(crate) didl: String,
    pub(crate) returned: usize,
    pub(crate) total: usize,
}

/// The tree for Browse.
#[derive(Debug)]
pub(crate) struct Directory<S> {
    export: Export<S>,
    /// The name of the root.
    name: String,
    listings: FolderListings,
}

impl<S: TorrentSource> Directory<S> {
    pub(crate) fn new(export: Export<S>, name: String) -> Self {
        Self { export, name, listings: FolderListings::default() }
    }

    /// Returns a number that changes with the names in the tree.
    pub(crate) fn update_id(&self) -> u32 {
        let version = self.export.vfs().names_version() % (u64::from(u32::MAX) + 1);
        u32::try_from(version).unwrap_or(0)
    }

    /// Answers a Browse. `files_url` is the URL of the root's files, with a slash at its end.
    ///
    /// # Errors
    /// `INVALID_ARGS`, `NO_SUCH_OBJECT`, `NO_SUCH_CONTAINER`, or `ACTION_FAILED` before torrents
    /// are known.
    pub(crate) async fn browse(
        &self,
        call: &SoapCall,
        files_url: &str,
    ) -> Result<DlnaFound, SoapFault> {
        let ino = ino_of(call.argument("ObjectID")?).ok_or(SoapFault::NO_SUCH_OBJECT)?;
        match call.argument("BrowseFlag")? {
            "BrowseDirectChildren" => {
                let (from, count) = (call.number("StartingIndex")?, call.number("RequestedCount")?);
                self.children(ino, from, count, files_url).await
            }
            "BrowseMetadata" => self.metadata(ino, files_url).await,
            _ => Err(SoapFault::INVALID_ARGS),
        }
    }

    async fn children(
        &self,
        dir: Ino,
        from: usize,
        count: usize,
        files_url: &str,
    ) -> Result<DlnaFound, SoapFault> {
        let entries = self.listings.of(&self.export, dir).await.map_err(fault_of)?;
        let base = self.url_of(dir, files_url)?;
        let count = if count == 0 { RETURNED_MAX } else { count.min(RETURNED_MAX) };
        let (mut didl, mut returned) = (Didl::new(), 0);
        for entry in entries.iter().skip(from).take(count) {
            if didl.len() >= DIDL_BYTES_MAX {
                break;
            }
            didl.push(entry, dir, &base);
            returned += 1;
        }
        Ok(DlnaFound { didl: didl.into_xml(), returned, total: entries.len() })
    }

    async fn metadata(&self, ino: Ino, files_url: &str) -> Result<DlnaFound, SoapFault> {
        let attr = self.export.attr(ino).map_err(fault_of)?;
        let mut didl = Didl::new();
        if ino == Ino::ROOT {
            let entries = self.listings.of(&self.export, ino).await.map_err(fault_of)?;
            didl.push_root(&self.name, entries.len());
        } else {
            let parent = self.export.parent(ino).map_err(fault_of)?.ino;
            let entries = self.listings.of(&self.export, parent).await.map_err(fault_of)?;
            let entry = entries.iter().find(|entry| entry.ino == ino);
            let entry = match (entry, attr.kind) {
                (Some(entry), _) => entry.clone(),
                // A folder beyond the limit of a listing.
                (None, NodeKind::Directory) => self.folder(ino)?,
                (None, NodeKind::File | NodeKind::Symlink) => {
                    return Err(SoapFault::NO_SUCH_OBJECT);
                }
            };
            didl.push(&entry, parent, &self.url_of(parent, files_url)?);
        }
        Ok(DlnaFound { didl: didl.into_xml(), returned: 1, total: 1 })
    }

    fn folder(&self, ino: Ino) -> Result<DlnaEntry, SoapFault> {
        let path = self.export.path(ino).map_err(fault_of)?;
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(DlnaEntry { ino, kind: DlnaKind::Folder, name, size: 0, subtitles: Vec::new() })
    }

    /// Returns the URL of a folder, with a slash at its end.
    fn url_of(&self, dir: Ino, files_url: &str) -> Result<String, SoapFault> {
        let path = self.export.path(dir).map_err(fault_of)?;
        let mut url = files_url.to_owned();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            url.push_str(&encoded(name));
            url.push('/');
        }
        Ok(url)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is for `map_err`")]
fn fault_of(error: VfsError) -> SoapFault {
    match error {
        VfsError::NotFound | VfsError::Stale => SoapFault::NO_SUCH_OBJECT,
        VfsError::NotDirectory => SoapFault::NO_SUCH_CONTAINER,
        VfsError::IsDirectory
        | VfsError::NotSymlink
        | VfsError::BadHandle
        | VfsError::NoAttribute
        | VfsError::NothingThere
        | VfsError::NoTree
        | VfsError::WouldBlock
        | VfsError::Partial
        | VfsError::TimedOut
        | VfsError::ShuttingDown
        | VfsError::Source(_) => {
            tracing::debug!(%error, "cannot list a folder");
            SoapFault::ACTION_FAILED
        }
    }
}
