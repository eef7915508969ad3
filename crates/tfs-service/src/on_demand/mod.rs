//! On-demand torrents: no file is selected, so the server downloads only what is read.
//!
//! ```text
//! add ----------.
//! set_mode -----+--> ServerRecords (before), `selecting` (then the server)
//! Controller ---'      one task for each server of a mount; ProvenReaders decides
//! ```
//!
//! # Invariants
//! A selection changes only if a command says so, or if the record of the torrent has the file as
//! one that tfs has selected. The record is written before the server is asked.

mod controller;
mod fault;
mod pending;
mod proof;
mod set_mode;

pub(crate) use self::controller::{OnDemandController, mark_on_demand};
pub use self::fault::OnDemandFailure;
pub(crate) use self::pending::disown_selected;
pub use self::set_mode::{ModeChange, modes_of, set_mode};
pub use crate::on_demand_records::{OnDemandChoice, RecordsError};
pub use tfs_state::OnDemandRecord;
pub use tfs_types::OnDemandMode;
