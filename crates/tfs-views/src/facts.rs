//! What conditions ask about a torrent, computed when it is first asked for.

use std::cell::OnceCell;

use vfs_core::{ArrangedFile, ArrangedTorrent, Layout, NodeKind};

use crate::TorrentKind;
use crate::hide::is_sample;
use crate::kind::has_episode;
use crate::media::MediaClass;
use crate::release::ReleaseName;

/// A torrent with facts that several views ask for.
pub(crate) struct ExaminedTorrent<'a> {
    pub(crate) torrent: &'a ArrangedTorrent<'a>,
    kind: OnceCell<TorrentKind>,
    has_episodes: OnceCell<bool>,
    release: OnceCell<ReleaseName>,
}

impl<'a> ExaminedTorrent<'a> {
    pub(crate) fn new(torrent: &'a ArrangedTorrent<'a>) -> Self {
        Self {
            torrent,
            kind: OnceCell::new(),
            has_episodes: OnceCell::new(),
            release: OnceCell::new(),
        }
    }

    pub(crate) fn kind(&self) -> TorrentKind {
        *self.kind.get_or_init(|| {
            let files = self.torrent.files.iter().map(|file| (file.path, file.len));
            TorrentKind::of(self.torrent.name, files)
        })
    }

    pub(crate) fn has_episodes(&self) -> bool {
        *self.has_episodes.get_or_init(|| {
            let videos = || self.videos().map(|file| last_name(file.path));
            has_episode(self.torrent.name) || videos().any(has_episode)
        })
    }

    pub(crate) fn release(&self) -> &ReleaseName {
        self.release.get_or_init(|| ReleaseName::parse(self.torrent.name))
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.torrent.files.iter().fold(0, |sum, file| sum.saturating_add(file.len))
    }

    pub(crate) fn video_count(&self) -> u64 {
        u64::try_from(self.videos().count()).unwrap_or(u64::MAX)
    }

    /// Returns whether the server downloads any of its files.
    pub(crate) fn is_selected(&self) -> bool {
        self.torrent.files.iter().any(|file| file.is_selected)
    }

    /// Returns the path of a file in the flat list.
    pub(crate) fn path_of(&self, file: &ArrangedFile<'_>) -> String {
        match self.torrent.layout {
            Layout::SingleFile => file.path.to_owned(),
            Layout::Directory => format!("{}/{}", self.torrent.name, file.path),
        }
    }

    fn videos(&self) -> impl Iterator<Item = &ArrangedFile<'a>> {
        let is_video = |file: &&ArrangedFile<'_>| {
            file.kind == NodeKind::File
                && MediaClass::of(file.path) == MediaClass::Video
                && !is_sample(file, &self.torrent.files)
        };
        self.torrent.files.iter().filter(is_video)
    }
}

fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
