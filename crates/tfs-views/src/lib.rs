//! The views of tfs: rules that sort torrents into directories.
//!
//! ```text
//! ViewSpec     what a user wrote
//!   ViewRules    compiled: the Arrangement that the tree of vfs-core asks
//!     Conditions   which torrents: by kind, name, size, server, tag, date, selection
//!     HideRule     which of their files are left out
//!     NameTemplate the names of their folders, from parsed release names
//! OnDemandPolicy  which torrents are added on demand
//! NextFinder   the file that follows another: episodes, parts, tracks
//! TorrentKind  film, show, anime, music, book or software, from names and files
//! ```
//!
//! # Invariants
//! No clock, no disk and no network: the place of a torrent depends on the torrent and the rules
//! only, so that a restart shows the same tree. Patterns are bounded; a match takes linear time.

mod conditions;
mod facts;
mod folder_name;
mod hide;
mod kind;
mod marks;
mod media;
mod next;
mod on_demand;
mod problem;
mod release;
mod spec;
mod views;

pub use kind::{TorrentKind, UnknownKind};
pub use next::{NextCandidate, NextFile, NextFinder};
pub use on_demand::{NewTorrent, OnDemandPolicy, OnDemandRule};
pub use problem::ViewProblem;
pub use release::ReleaseName;
pub use spec::{ConditionSpec, ViewDepth, ViewSpec};
pub use views::{ExplainedPlace, REST_NAME, SkippedView, VIEWS_MAX, ViewRules, check_view_name};
