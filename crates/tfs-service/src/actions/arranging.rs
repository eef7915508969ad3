//! Where torrents would be in views, without a mount.

use std::collections::HashMap;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use rqbit_source::RqbitSource;
use serde::Serialize;
use tfs_state::{KnownTree, ServerIdentity, TagStore, TagTable, read_known, user_state_dir};
use tfs_sys::blocking;
use tfs_sys::clock::now;
use tfs_views::{ExplainedPlace, SkippedView, TorrentKind, ViewRules};
use vfs_core::{
    ArrangedFile, ArrangedTorrent, Arrangement as _, FileIndex, FileKind, InfoHash, Layout,
    NodeKind, SourceError, SourceErrorKind, TorrentDetails, TorrentSource as _, escape,
};

use crate::RqbitServer;

/// Concurrent requests for details, as those of discovery.
const REQUESTS_MAX: usize = 8;

/// A torrent with its places in the views.
///
/// Serialized, this is an item of `tfs views test --json`: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArrangedRow {
    /// 40 lower-case hexadecimal digits; `null` for a name without a torrent.
    pub info_hash: Option<String>,
    /// The torrent's name.
    pub name: String,
    /// Names of the servers that have it.
    pub servers: Vec<String>,
    /// The guessed kind.
    pub kind: &'static str,
    /// Its places, in the order of the views.
    pub views: Vec<PlaceRow>,
    /// The views that were asked and do not show it.
    pub skipped: Vec<SkippedRow>,
}

/// The place of a torrent in a view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceRow {
    /// The name of the view.
    pub view: String,
    /// The name of the torrent's directory; `null` if the view does not change it.
    pub shown_as: Option<String>,
    /// Whether the files stand in the view itself.
    pub flat: bool,
    /// Number of files that are shown.
    pub files_shown: usize,
    /// Number of files that are hidden.
    pub files_hidden: usize,
    /// The conditions that decided.
    pub why: String,
}

/// A view that does not show a torrent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedRow {
    /// The name of the view.
    pub view: String,
    /// The condition that decided.
    pub why: String,
}

/// The torrents of some servers in views.
#[derive(Debug)]
pub struct ArrangedRows {
    /// The torrents whose files are known, by name.
    pub rows: Vec<ArrangedRow>,
    /// The names of all views, in their order.
    pub view_names: Vec<String>,
    /// Number of torrents whose files are not known yet.
    pub unresolved_count: usize,
}

/// What is known of a torrent.
struct FoundTorrent {
    details: TorrentDetails,
    servers: Vec<String>,
    added_at: i64,
    tags: Vec<String>,
    /// The files that a server downloads; `None` if all, or if it is unknown.
    selected: Option<vfs_core::Bitfield>,
}

/// Returns where the torrents of servers would be. Names, files and times come from the state
/// directory; details that it lacks are requested.
///
/// # Errors
/// If a server does not list its torrents.
pub async fn arrange_torrents(
    servers: &[(String, RqbitServer)],
    rules: &ViewRules,
) -> Result<ArrangedRows, SourceError> {
    let mut found: HashMap<InfoHash, FoundTorrent> = HashMap::new();
    let mut unresolved_count = 0;
    let tags = known_tags().await;
    for (name, server) in servers {
        // No bytes are read, so one stream is enough.
        let source = RqbitSource::new(server.client().clone(), 1);
        let identity = ServerIdentity::of_url(server.client().base_url());
        let mut known = KnownDetails::of(known_tree(identity).await);
        let listed = source.list().await?;
        let wanted: Vec<InfoHash> = listed.iter().map(|torrent| torrent.info_hash).collect();
        let asked: Vec<InfoHash> =
            wanted.iter().copied().filter(|hash| !known.details.contains_key(hash)).collect();
        let answers = iter(asked).map(async |hash| source.details(hash).await);
        let mut answers = std::pin::pin!(answers.buffer_unordered(REQUESTS_MAX));
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(details) => drop(known.details.insert(details.info_hash, details)),
                // A magnet link that is not resolved, or removed in the meantime.
                Err(error) if error.kind == SourceErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        for hash in wanted {
            if let Some(torrent) = found.get_mut(&hash) {
                torrent.servers.push(name.clone());
                continue;
            }
            let Some(details) = known.details.remove(&hash) else {
                unresolved_count += 1;
                continue;
            };
            let added_at = known.first_seen.get(&hash).copied().unwrap_or_else(now);
            let selected = known.selected.remove(&hash);
            let servers = vec![name.clone()];
            let tags = tags.of(hash);
            found.insert(hash, FoundTorrent { details, servers, added_at, tags, selected });
        }
    }
    let mut rows: Vec<_> = found.values().map(|torrent| torrent.row(rules)).collect();
    rows.sort_by(|a, b| (&a.name, &a.info_hash).cmp(&(&b.name, &b.info_hash)));
    Ok(ArrangedRows { rows, view_names: rules.view_names(), unresolved_count })
}

/// Returns where torrents of these names would be, as far as names tell.
pub fn arrange_names<'a>(
    names: impl IntoIterator<Item = &'a str>,
    rules: &ViewRules,
) -> ArrangedRows {
    let torrent = |name: &'a str| ArrangedTorrent {
        info_hash: InfoHash::from_bytes([0; InfoHash::BYTES]),
        name,
        layout: Layout::Directory,
        files: Vec::new(),
        servers: Vec::new(),
        added_at: now(),
        tags: &[],
    };
    let rows = names.into_iter().map(|name| row(&torrent(name), None, rules)).collect();
    ArrangedRows { rows, view_names: rules.view_names(), unresolved_count: 0 }
}

/// Returns what the state directory has of a server. A test of rules works without it.
async fn known_tree(identity: ServerIdentity) -> KnownTree {
    let Some(dir) = user_state_dir() else { return KnownTree::default() };
    match read_known(&dir, identity).await {
        Ok(known) => known.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "the state is not read: names and files are requested");
            KnownTree::default()
        }
    }
}

/// Returns the tags of all torrents, as far as the state directory can be read.
async fn known_tags() -> TagTable {
    let Some(dir) = user_state_dir() else { return TagTable::default() };
    match blocking(move || TagStore::in_dir(&dir).load()).await {
        Ok(tags) => tags,
        Err(error) => {
            tracing::warn!(%error, "the tags are not read");
            TagTable::default()
        }
    }
}

/// What the state directory has, by torrent.
struct KnownDetails {
    details: HashMap<InfoHash, TorrentDetails>,
    first_seen: HashMap<InfoHash, i64>,
    selected: HashMap<InfoHash, vfs_core::Bitfield>,
}

impl KnownDetails {
    fn of(known: KnownTree) -> Self {
        let KnownTree { details, early, remembered, selections, .. } = known;
        let details = details.into_iter().chain(early);
        Self {
            details: details.map(|details| (details.info_hash, details)).collect(),
            first_seen: remembered.iter().map(|it| (it.info_hash, it.first_seen)).collect(),
            selected: selections.into_iter().map(|(hash, kept)| (hash, kept.files)).collect(),
        }
    }
}

impl FoundTorrent {
    fn row(&self, rules: &ViewRules) -> ArrangedRow {
        let Self { details, servers, added_at, tags, selected } = self;
        let path = |path: &[String]| match details.layout {
            Layout::SingleFile => escape(&details.name),
            Layout::Directory => path.iter().map(|part| escape(part)).collect::<Vec<_>>().join("/"),
        };
        let paths: Vec<_> = details.files.iter().map(|file| path(&file.path)).collect();
        let files = (0..).zip(&details.files).zip(&paths);
        let files = files.filter_map(|((index, file), path)| {
            let kind = match file.kind {
                FileKind::Regular => NodeKind::File,
                FileKind::Symlink { .. } => NodeKind::Symlink,
                FileKind::Padding => return None,
            };
            let is_selected = selected.as_ref().is_none_or(|bits| bits.has(index));
            let index = FileIndex(index);
            Some(ArrangedFile { index, path, len: file.len, kind, is_selected })
        });
        let torrent = ArrangedTorrent {
            info_hash: details.info_hash,
            name: &details.name,
            layout: details.layout,
            files: files.collect(),
            servers: servers.iter().map(String::as_str).collect(),
            added_at: *added_at,
            tags,
        };
        row(&torrent, Some(details.info_hash), rules)
    }
}

fn row(
    torrent: &ArrangedTorrent<'_>,
    info_hash: Option<InfoHash>,
    rules: &ViewRules,
) -> ArrangedRow {
    let names = rules.view_names();
    let name_of = |view: usize| names.get(view).cloned().unwrap_or_default();
    let (places, skipped) = rules.explain(torrent);
    let place = |ExplainedPlace { place, reason }: ExplainedPlace| {
        let shown = place.files.as_ref().map_or(torrent.files.len(), Vec::len);
        PlaceRow {
            view: name_of(place.view),
            shown_as: place.name,
            flat: place.is_flat,
            files_shown: shown,
            files_hidden: torrent.files.len() - shown,
            why: reason,
        }
    };
    let skip = |SkippedView { view, reason }| SkippedRow { view: name_of(view), why: reason };
    let files = torrent.files.iter().map(|file| (file.path, file.len));
    ArrangedRow {
        info_hash: info_hash.map(|hash| hash.to_string()),
        name: torrent.name.to_owned(),
        servers: torrent.servers.iter().map(|name| (*name).to_owned()).collect(),
        kind: TorrentKind::of(torrent.name, files).word(),
        views: places.into_iter().map(place).collect(),
        skipped: skipped.into_iter().map(skip).collect(),
    }
}
