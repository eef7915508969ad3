//! The status of a mount: `status.json`, `metrics` and `healthy` in `.tfs/`.
//!
//! [`StatusReport`] is the only source; the other formats are derived from it.

mod budget;
mod collect;
mod discovery;
mod files;
mod metrics;
mod process;
mod report;
mod watch;

pub use budget::{BudgetHolder, BudgetStatus};
pub(crate) use collect::status_of;
pub use discovery::{
    AbsenceStatus, DetailsStatus, DiscoveryStatus, FailedStatus, LeftOutStatus, NamedTorrent,
    TORRENTS_NAMED_MAX,
};
pub(crate) use files::{MountInfo, ServerDescription, control_files, healthy};
pub(crate) use metrics::metrics_of_all;
pub use report::{
    BreakerStatus, EMBEDDED_NAME, MemoryStatus, PreloadTotals, ProcessUsage, ReadStatus,
    SILENCE_MIN, ServerStatus, StatusReport, TreeStatus,
};
pub(crate) use watch::ServerWatch;
