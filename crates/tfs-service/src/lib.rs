//! The services of a tfs process: servers, discovery of torrents, mounts.
//!
//! [`RunningMount`] is the main part: it connects to the server (or starts an embedded one), lists
//! its torrents, mounts them, keeps the tree up to date, and shuts down cleanly. [`torrents()`]
//! answers `tfs list` from a server, without a mount.
//!
//! # Invariants
//! This crate parses no arguments and prints nothing: `tfs-cli` does. It contains no FUSE protocol
//! and no API of rqbit; it uses the crates that implement them.

mod act;
mod add;
mod budget;
pub mod control;
pub mod daemon;
mod discovery;
pub mod doctor;
pub mod failed;
mod kernel_timeout;
mod merge;
mod mount;
mod preload;
mod rqbit_version;
mod searching;
mod select;
mod server;
pub mod service_manager;
mod status;
mod targets;
mod torrent_sizes;
mod torrents;
mod union;
mod watched_servers;

pub use act::{ActedRow, TorrentAction, act};
pub use add::{
    AddError, AddFault, AddedRow, Existing, MagnetFault, PreparedTorrent, RESOLVE_TIME_DEFAULT,
    RESOLVE_TIME_MAX, TorrentInput, add,
};
pub use budget::BudgetWarning;
pub use discovery::{REMOVAL_DELAY_DEFAULT, RefreshError, Refresher};
pub use fuse_adapter::{
    AttrOptions, Holder, MissingErrno, MountError, MountpointError, READ_AHEAD_KB_DEFAULT,
    SessionError, Unmount, UnmountError, check_mountpoint, unmount,
};
pub use kernel_timeout::KernelTimeout;
#[cfg(feature = "embedded")]
pub use mount::{EmbeddedDirError, EmbeddedSettings};
pub use mount::{
    MountServer, MountSettings, RunningMount, ServerChoice, ServerDown, ServerDownCause, StartError,
};
pub use preload::PreloadSettings;
pub use rqbit_client::{BaseUrl, BaseUrlError, Credentials, CredentialsError};
#[cfg(feature = "embedded")]
pub use rqbit_embedded as embed;
pub use rqbit_source::{LocalPaths, STREAMS_MAX_DEFAULT, TORRENT_TTL_DEFAULT, TorrentFault};
pub use searching::{SearchError, search_servers};
pub use select::{SelectError, select};
pub use server::{ConnectError, RqbitServer, ServerFailure};
pub use targets::{examined_servers, target_server, target_servers};
pub use torrents::{TorrentRow, add_torrent, torrents};
pub use union::{ServerSet, TorrentListing};
pub use vfs_core::{MissingPolicy, QueryError, ReadPolicy, RootLayout, SourceErrorKind};
pub use watched_servers::{WatchedList, WatchedServer, WatchedServers};
