//! What the kernel's part of a mount knows, and what it keeps.

use std::collections::{HashMap, HashSet};

#[cfg(target_os = "linux")]
use fuse_adapter::{
    Caller, KernelCaches, KernelCleared, KernelHandle, ProgramScan, RefusedProgram,
};
use tfs_api::status::RefusedReads;
use tfs_api::wire::{CacheParts, Cleared, ScanStatus};
use vfs_core::{HandleId, KnownNode};

/// A process of this machine that reads a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadingProgram {
    pub(crate) pid: u32,
    /// Its name, truncated to 15 bytes.
    pub(crate) command: String,
}

/// The kernel's part of a mount. Clones share it; they do not keep the mount alive.
#[derive(Debug, Clone)]
pub(crate) enum KernelSide {
    /// That of FUSE.
    #[cfg(target_os = "linux")]
    Fuse(KernelHandle),
    /// The library is not mounted, or mounted by NFS, where tfs does not know what the kernel does.
    None,
}

impl KernelSide {
    /// Returns the processes that use open files, as far as they are known. Reads `/proc`.
    pub(crate) fn programs(&self) -> HashMap<HandleId, ReadingProgram> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(kernel) => {
                let callers = kernel.callers().into_iter();
                let program = |Caller { pid, command }| ReadingProgram { pid, command };
                callers.map(|(handle, caller)| (handle, program(caller))).collect()
            }
            Self::None => HashMap::new(),
        }
    }

    /// Returns the program that read missing data of a file last, or else the one that opened it,
    /// also of a file that was closed up to half a minute ago. May read `/proc`.
    pub(crate) fn program_of(&self, handle: HandleId) -> Option<ReadingProgram> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(kernel) => {
                let Caller { pid, command } = kernel.program_of(handle)?;
                Some(ReadingProgram { pid, command })
            }
            Self::None => None,
        }
    }

    /// Returns the programs whose reads of missing data were refused.
    pub(crate) fn refused_programs(&self) -> Vec<RefusedReads> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(kernel) => {
                let reads = |RefusedProgram { name, reads }| RefusedReads { program: name, reads };
                kernel.refused_programs().into_iter().map(reads).collect()
            }
            Self::None => Vec::new(),
        }
    }

    /// Returns the files that the kernel reads itself.
    pub(crate) fn passed_through(&self) -> HashSet<HandleId> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(kernel) => kernel.passed_through(),
            Self::None => HashSet::new(),
        }
    }

    /// Returns the programs that opened several files for a moment in the last minute.
    pub(crate) fn scans(&self) -> Vec<ScanStatus> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(kernel) => {
                let scan = |ProgramScan { command, pid, files }| ScanStatus {
                    command,
                    pid: Some(pid),
                    files_per_minute: files as u64,
                };
                kernel.scans().into_iter().map(scan).collect()
            }
            Self::None => Vec::new(),
        }
    }

    /// Returns the number of reads over pages of which only some were present.
    pub(crate) fn reads_split(&self) -> u64 {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(kernel) => kernel.reads_split(),
            Self::None => 0,
        }
    }

    /// Resolves when programs see all changes of the tree so far, or after two seconds.
    pub(crate) async fn settled(&self) {
        match self {
            #[cfg(target_os = "linux")]
            Self::Fuse(kernel) => kernel.settled().await,
            Self::None => std::future::ready(()).await,
        }
    }

    /// Drops the kernel's caches of these nodes, and adds the counts to `cleared`.
    #[cfg(target_os = "linux")]
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

    /// Does nothing: macOS drops its caches of NFS mounts by itself, within seconds.
    #[cfg(not(target_os = "linux"))]
    pub(crate) async fn clear(
        &self,
        _nodes: Vec<KnownNode>,
        _parts: CacheParts,
        _cleared: &mut Cleared,
    ) {
        std::future::ready(()).await;
    }
}
