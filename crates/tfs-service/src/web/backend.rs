//! The mounts of this process, as the page shows and changes them.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tfs_api::wire::{FailureBody, QueryText, SearchAnswer, SearchRequest};
use tfs_sys::{blocking, clock};
use tfs_web::model::{
    AddRequest, BUCKETS_MAX, FilePlace, History, MountQuery, Overview, PieceMap, TorrentDetail,
    WebAction, WebAdded, WebTorrents,
};
use tfs_web::{WebBackend, WebClient, WebFile};
use vfs_core::{FileId, FileIndex, ReaderOrigin};

use super::act::act;
use super::adding::add;
use super::failure::{parse_hash, parse_place, unknown_torrent};
use super::overview::{maps, statuses};
use super::piece_map::piece_map;
use super::preloads::PagePreloads;
use super::torrents::{TorrentLists, detail};
use crate::actions::ListTags;
use crate::control::{ControlTarget, MountRegistry, ReloadTarget};

/// The front end of readers in a browser, in the status.
const PAGE_FRONT: &str = "page";

/// The mounts of this process.
pub(super) struct WebMounts {
    mounts: MountRegistry,
    /// The daemon, which knows the mounts that do not exist at the moment.
    daemon: Option<Arc<dyn ReloadTarget>>,
    has_controls: bool,
    lists: TorrentLists,
    tags: Arc<ListTags>,
    preloads: PagePreloads,
}

impl WebMounts {
    pub(super) fn new(
        mounts: MountRegistry,
        daemon: Option<Arc<dyn ReloadTarget>>,
        has_controls: bool,
    ) -> Self {
        Self {
            mounts,
            daemon,
            has_controls,
            lists: TorrentLists::default(),
            tags: Arc::new(ListTags::of_user()),
            preloads: PagePreloads::default(),
        }
    }

    /// Returns the mount of a file; an empty mount point is that of the only mount.
    fn mount_of(&self, place: &FilePlace) -> Result<Arc<dyn ControlTarget>, FailureBody> {
        let mountpoint = Some(place.mountpoint.as_str());
        self.mounts.find(mountpoint.filter(|mountpoint| !mountpoint.is_empty()))
    }

    fn mount(&self, query: &MountQuery) -> Result<Arc<dyn ControlTarget>, FailureBody> {
        self.mounts.find(query.mountpoint.as_deref())
    }
}

impl WebBackend for WebMounts {
    fn overview(&self) -> BoxFuture<'_, Overview> {
        Box::pin(async move {
            let statuses = statuses(&self.mounts).await;
            let maps = maps(&self.mounts, &statuses).await;
            Overview {
                tfs_version: env!("CARGO_PKG_VERSION").to_owned(),
                now: clock::now(),
                control: self.has_controls,
                mounts: statuses,
                missing: self.daemon.as_ref().map(|daemon| daemon.missing()).unwrap_or_default(),
                maps,
            }
        })
    }

    fn history(&self) -> History {
        self.mounts.history().samples()
    }

    fn torrents(&self, mount: MountQuery) -> BoxFuture<'_, Result<WebTorrents, FailureBody>> {
        Box::pin(async move {
            let mount = self.mount(&mount)?;
            mount.note_command();
            Ok(self.lists.of(&mount).await)
        })
    }

    fn torrent(
        &self,
        mount: MountQuery,
        info_hash: String,
    ) -> BoxFuture<'_, Result<TorrentDetail, FailureBody>> {
        Box::pin(async move {
            let info_hash = parse_hash(&info_hash)?;
            detail(&self.mount(&mount)?, info_hash, &self.tags).await
        })
    }

    fn pieces(
        &self,
        place: FilePlace,
        buckets: usize,
    ) -> BoxFuture<'_, Result<PieceMap, FailureBody>> {
        Box::pin(async move {
            let file = parse_place(&place)?;
            let files = self.mount_of(&place)?.files();
            let shares = files.piece_shares(file, buckets.clamp(1, BUCKETS_MAX)).await;
            let shares = shares.ok_or_else(|| unknown_torrent(file.torrent))?;
            Ok(piece_map(&shares, &files.readers_of(file)))
        })
    }

    fn search(
        &self,
        mount: MountQuery,
        words: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<SearchAnswer, FailureBody>> {
        Box::pin(async move {
            let mount = self.mount(&mount)?;
            let limit = u64::try_from(limit).unwrap_or(u64::MAX);
            let query = QueryText::Words(words);
            let request = SearchRequest { mountpoint: None, query, limit };
            blocking(move || mount.search(&request)).await
        })
    }

    fn open(
        &self,
        place: FilePlace,
        client: WebClient,
    ) -> BoxFuture<'_, Result<Box<dyn WebFile>, FailureBody>> {
        Box::pin(async move {
            let file = parse_place(&place)?;
            let WebClient { peer, agent } = client;
            let origin = Arc::new(ReaderOrigin { front: PAGE_FRONT, peer, agent });
            self.mount_of(&place)?.files().open(file, &origin)
        })
    }

    fn act(
        &self,
        mount: MountQuery,
        info_hash: String,
        action: WebAction,
    ) -> BoxFuture<'_, Result<(), FailureBody>> {
        Box::pin(async move {
            let (mount, info_hash) = (self.mount(&mount)?, parse_hash(&info_hash)?);
            if let WebAction::Preload { file_index } = action {
                let file = FileId { torrent: info_hash, index: FileIndex(file_index) };
                return self.preloads.start(&mount, file).await;
            }
            let acted = act(&mount, info_hash, action).await;
            self.lists.forget(&mount).await;
            acted
        })
    }

    fn add(&self, request: AddRequest) -> BoxFuture<'_, Result<WebAdded, FailureBody>> {
        Box::pin(async move {
            let mount = self.mount(&request.mount)?;
            let added = add(&mount, &request).await;
            self.lists.forget(&mount).await;
            added
        })
    }
}

impl fmt::Debug for WebMounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebMounts").field("mounts", &self.mounts).finish_non_exhaustive()
    }
}
