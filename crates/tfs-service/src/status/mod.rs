//! The status of a mount: `status.json`, `metrics` and `healthy` in `.tfs/`.
//!
//! [`StatusReport`](tfs_api::status::StatusReport) is the only source; the other formats derive
//! from it.

mod collect;
mod counting;
mod downloads;
mod files;
mod info;
mod metrics;
mod process;
mod recent;
mod watch;

pub(crate) use collect::status_of;
pub(crate) use counting::log_downloads;
pub(crate) use files::{control_files, healthy};
pub(crate) use info::{MountInfo, ServerDescription};
pub(crate) use metrics::metrics_of_all;
pub(crate) use recent::recent_of;
pub(crate) use watch::ServerWatch;
