//! The holders of a server's streams, for users.

use tfs_api::status::{BudgetHolder, BudgetStatus};
use tfs_sys::process;
use tfs_sys::runtime_dir;
use tfs_types::chain;

use super::record::ProcessRecord;
use super::slot_dir::SlotDir;
use super::{DIR_NAME, ServerKey};

/// Returns the mounts of a process.
pub(super) fn holders_of_process(record: &ProcessRecord) -> Vec<BudgetHolder> {
    let is_stopped = record.pid != std::process::id() && process::is_stopped(record.pid);
    let holders = record.members.iter().map(|member| BudgetHolder {
        pid: record.pid,
        mountpoint: member.mountpoint.clone(),
        streams_max: member.streams_max,
        held: member.held,
        waiting: member.waits_here_millis.is_some() || member.waits_missing_millis.is_some(),
        stopped: is_stopped,
    });
    holders.collect()
}

/// Returns the mounts of this user that share the streams of a server, for a process that does not
/// take part. Reads a few files.
pub(crate) fn holders_of(key: &ServerKey) -> BudgetStatus {
    match SlotDir::scan(&runtime_dir::path().join(DIR_NAME), key.as_file_name()) {
        Ok(others) => {
            let holders = others.records.iter();
            let holders = holders.flat_map(holders_of_process);
            BudgetStatus::new(holders.collect(), None)
        }
        Err(error) => BudgetStatus::new(Vec::new(), Some(chain(&error))),
    }
}
