//! What the kernel's part of a mount knows, and what it keeps.

use std::collections::{HashMap, HashSet};

use fuse_adapter::{Caller, KernelCaches, KernelCleared, KernelHandle, ProgramScan};
use tfs_api::wire::{CacheParts, Cleared, ScanStatus};
use vfs_core::{HandleId, KnownNode};

/// A process of this machine that reads a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) pid: u32,
    /// Its name, truncated to 15 bytes.
    pub(crate) command: String,
}

/// The kernel's part of a mount. Clones share it; they do not keep the mount alive.
#[derive(Debug, Clone)]
pub(crate) enum KernelSide {
    /// That of FUSE.
    Fuse(KernelHandle),
    /// The library is not mounted.
    None,
}

impl KernelSide {
    /// Returns the processes that use open files, as far as they are known. Reads `/proc`.
    pub(crate) fn programs(&self) -> HashMap<HandleId, Program> {
        let Self::Fuse(kernel) = self else { return HashMap::new() };
        let callers = kernel.callers().into_iter();
        let program = |Caller { pid, command }| Program { pid, command };
        callers.map(|(handle, caller)| (handle, program(caller))).collect()
    }

    /// Returns the files that the kernel reads itself.
    pub(crate) fn passed_through(&self) -> HashSet<HandleId> {
        match self {
            Self::Fuse(kernel) => kernel.passed_through(),
            Self::None => HashSet::new(),
        }
    }

    /// Returns the programs that opened several files for a moment in the last minute.
    pub(crate) fn scans(&self) -> Vec<ScanStatus> {
        let Self::Fuse(kernel) = self else { return Vec::new() };
        let scan = |ProgramScan { command, pid, files }| ScanStatus {
            command,
            pid: Some(pid),
            files_per_minute: files as u64,
        };
        kernel.scans().into_iter().map(scan).collect()
    }

    /// Returns the number of reads over pages of which only some were present.
    pub(crate) fn reads_split(&self) -> u64 {
        match self {
            Self::Fuse(kernel) => kernel.reads_split(),
            Self::None => 0,
        }
    }

    /// Drops the kernel's caches of these nodes, and adds the counts to `cleared`.
    pub(crate) async fn clear(
        &self,
        nodes: Vec<KnownNode>,
        parts: CacheParts,
        cleared: &mut Cleared,
    ) {
        let Self::Fuse(kernel) = self else { return };
        let caches =
            KernelCaches { has_data: parts.has_data(), has_metadata: parts.has_metadata() };
        let KernelCleared { files, names, files_in_use } = kernel.clear(nodes, caches).await;
        cleared.kernel_files = files;
        cleared.kernel_names = names;
        cleared.files_in_use = files_in_use;
    }
}
