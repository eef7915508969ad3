//! What commands do with the torrents of servers, without a mount: list, watch, search, select and
//! change them.

mod act;
mod merge;
mod searching;
mod select;
mod server_set;
mod targets;
mod torrent_sizes;
mod torrents;
mod watched_servers;

pub use self::act::{ActedRow, TorrentAction, act};
pub use self::searching::{SearchError, search_servers};
pub use self::select::{SelectError, select};
pub use self::server_set::{ServerSet, TorrentListing};
pub use self::targets::{examined_servers, target_server, target_servers};
pub use self::torrents::{TorrentRow, add_torrent, torrents};
pub use self::watched_servers::{WatchedList, WatchedServer, WatchedServers};
