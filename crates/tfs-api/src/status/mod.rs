//! The status of a mount: the content of `.tfs/status.json` and a part of `tfs status --json`.

mod budget;
mod discovery;
mod drop;
mod front;
mod histogram;
mod intake;
mod programs;
mod report;

pub use budget::{BudgetHolder, BudgetStatus};
pub use discovery::{
    AbsenceStatus, DetailsStatus, DiscoveryStatus, FailedStatus, LeftOutStatus, NamedTorrent,
    TORRENTS_NAMED_MAX,
};
pub use drop::{DropFileState, DropFileStatus, DropStatus};
pub use front::FrontStatus;
pub use histogram::{FailureCount, Histogram, ReadFigures};
pub use intake::{
    ArrStatus, HookFailure, HookStatus, IntakeStatus, WATCHED_FILES_NAMED_MAX, WatchFolderStatus,
    WatchedFile, WebStatus,
};
pub use programs::{ProgramDownloads, ProgramsStatus, RefusedReads};
pub use report::{
    BreakerStatus, EMBEDDED_NAME, MemoryStatus, PreloadTotals, ProcessUsage, ReadStatus,
    SILENCE_MIN, STATUS_VERSION, ServerStatus, StatusReport, TreeStatus,
};
