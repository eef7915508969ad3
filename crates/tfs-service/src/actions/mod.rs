//! What commands do outside the process of a mount: with the torrents of servers, and with mounts.

mod act;
mod arranging;
mod list_tags;
mod merge;
mod notify;
mod preview;
mod searching;
mod select;
mod server_set;
mod tag_rows;
mod targets;
mod torrent_sizes;
mod torrents;
mod unmounting;
mod watched_servers;

pub use self::act::{ActedRow, TorrentAction, act};
pub use self::arranging::{
    ArrangedRow, ArrangedRows, PlaceRow, SkippedRow, arrange_names, arrange_torrents,
};
pub(crate) use self::list_tags::ListTags;
pub(crate) use self::merge::union;
pub use self::notify::notify_of_change;
pub use self::preview::{DeletedFile, DeletionPreview, preview_deletion};
pub use self::searching::{SearchError, search_servers};
pub use self::select::{SelectError, has_hash_start, select};
pub use self::server_set::{ServerSet, TorrentListing};
pub use self::tag_rows::{TagRow, TaggedRow};
pub use self::targets::{examined_servers, servers_of_mount, target_server, target_servers};
pub(crate) use self::torrents::row as torrent_row;
pub use self::torrents::{TorrentRow, add_torrent, torrents};
pub use self::unmounting::{EndedMount, end_mount};
pub use self::watched_servers::{WatchedList, WatchedServer, WatchedServers};
