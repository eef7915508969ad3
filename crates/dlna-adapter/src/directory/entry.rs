//! What televisions see of a directory: folders and media files.

use tfs_http::type_of;
use vfs_core::{ExportEntry, Ino, NodeKind};

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DlnaKind {
    Folder,
    Video,
    Audio,
    Image,
}

/// A folder or a media file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DlnaEntry {
    pub(crate) ino: Ino,
    pub(crate) kind: DlnaKind,
    pub(crate) name: String,
    /// Length of a file in bytes.
    pub(crate) size: u64,
    /// Names of subtitle files beside a film.
    pub(crate) subtitles: Vec<String>,
}

impl DlnaEntry {
    /// Returns an entry of a directory, unless televisions have no use for it: links, text files.
    pub(crate) fn new(entry: &ExportEntry) -> Option<Self> {
        let kind = match entry.attr.kind {
            NodeKind::Directory => DlnaKind::Folder,
            NodeKind::File => DlnaKind::of_name(&entry.name)?,
            NodeKind::Symlink => return None,
        };
        Some(Self {
            ino: entry.attr.ino,
            kind,
            name: entry.name.clone(),
            size: entry.attr.size,
            subtitles: Vec::new(),
        })
    }
}

impl DlnaKind {
    /// Returns the kind of a media file by its name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match type_of(name).split_once('/')?.0 {
            "video" => Some(Self::Video),
            "audio" => Some(Self::Audio),
            "image" => Some(Self::Image),
            _ => None,
        }
    }

    /// Returns its class in UPnP.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Folder => "object.container.storageFolder",
            Self::Video => "object.item.videoItem",
            Self::Audio => "object.item.audioItem.musicTrack",
            Self::Image => "object.item.imageItem.photo",
        }
    }
}
