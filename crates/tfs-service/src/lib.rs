//! The services of a tfs process: servers, discovery of torrents, mounts.
//!
//! [`RunningMount`] is the main part: it connects to the server (or starts an embedded one), lists
//! its torrents, mounts them, keeps the tree up to date, and shuts down cleanly. [`torrents()`]
//! answers `tfs list` from a server, without a mount.
//!
//! # Invariants
//! This crate parses no arguments and prints nothing: `tfs-cli` does. It contains no FUSE protocol
//! and no API of rqbit; it uses the crates that implement them.

mod actions;
mod add;
mod arr;
mod budget;
pub mod control;
pub mod daemon;
mod discovery;
pub mod doctor;
mod drop;
mod embedded_servers;
mod events;
pub mod failed;
mod fronts;
mod history;
mod intake;
mod intake_server;
mod kernel_timeout;
mod mount;
mod mounting;
mod next_episode;
pub mod on_demand;
mod on_demand_records;
mod page_files;
mod preload;
mod private_file;
mod random;
mod record_place;
mod selecting;
mod server;
pub mod service;
pub mod service_manager;
mod status;
mod tags;
mod watch_folder;
mod web;

pub use actions::{
    ActedRow, ArrangedRow, ArrangedRows, DeletedFile, DeletionPreview, EndedMount, PlaceRow,
    SearchError, SelectError, ServerSet, SkippedRow, TagRow, TaggedRow, TorrentAction,
    TorrentListing, TorrentRow, WatchedList, WatchedServer, WatchedServers, act, add_torrent,
    arrange_names, arrange_torrents, end_mount, examined_servers, has_hash_start, notify_of_change,
    preview_deletion, search_servers, select, servers_of_mount, target_server, target_servers,
    torrents,
};
pub use add::{
    AddError, AddFault, AddWishes, AddedRow, Existing, MagnetFault, PreparedTorrent,
    RESOLVE_TIME_DEFAULT, RESOLVE_TIME_MAX, TorrentInput, add,
};
pub use arr::{ArrError, ArrServer, ArrSettings};
pub use budget::BudgetWarning;
pub use discovery::{PollIntervals, REMOVAL_DELAY_DEFAULT, RefreshError, Refresher};
pub use drop::DropSettings;
pub use events::hook_settings;
pub use fronts::{
    DEVICE_TOKENS_MAX, DeviceToken, DeviceTokenError, DeviceTokenStore, FrontAuth, FrontError,
    FrontKind, FrontSettings, FrontTls,
};
pub use kernel_timeout::KernelTimeout;
#[cfg(feature = "embedded")]
pub use mount::{EmbeddedDirError, EmbeddedSettings};
pub use mount::{
    MountServer, MountSettings, RunningMount, ServerChoice, ServerDown, ServerDownCause, StartError,
};
pub use mounting::{
    AttrOptions, DiskUsage, Holder, KernelFuse, LibraryPlace, MissingErrno, MountError,
    MountpointError, ProgramPatterns, READ_AHEAD_KB_DEFAULT, SecurityContext, SessionError,
    Unmount, UnmountError, check_mountpoint, probe_kernel_fuse, unmount,
};
pub use preload::PreloadSettings;
pub use rqbit_client::{BaseUrl, BaseUrlError, Credentials, CredentialsError};
#[cfg(feature = "embedded")]
pub use rqbit_embedded as embed;
pub use rqbit_source::{
    LocalPaths, STREAMS_MAX_DEFAULT, TORRENT_TTL_DEFAULT, TorrentFault, USES_LOCAL_FILES,
};
pub use server::{ConnectError, RQBIT_VERSIONS_TESTED, RqbitServer, ServerFailure};
pub use tags::{ChangedTags, NoStateDir, change_tags, user_tags};
pub use tfs_drop::RemovalPolicy;
pub use tfs_hooks::{HookSettings, Hooks};
pub use tfs_state::{TagChange, TagError, TagStore, TagTable};
pub use tfs_types::{ParseTagError, Tag};
pub use vfs_core::{
    MissingPolicy, Query, QueryError, ReadPolicy, RootContents, RootLayout, SourceErrorKind,
    TorrentTime,
};
pub use watch_folder::{WatchFolders, WatchSettings};
pub use web::{PageError, PageServer, PageSettings};
