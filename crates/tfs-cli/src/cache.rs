//! `tfs cache stats` and `tfs cache clear`.

use std::path::Path;

use tfs_api::wire::{CacheParts, CacheStats, ClearRequest, Cleared};
use tfs_api::{find_mount, served_name};

use crate::args::{CacheArgs, CacheCommand, ClearArgs, MountedArgs};
use crate::figures::{NO_READS, counted, percent, size};
use crate::{exit, output, runtime};

/// Runs the command.
pub(crate) fn run(args: &CacheArgs) -> eyre::Result<u8> {
    match &args.command {
        CacheCommand::Stats(args) => stats(args),
        CacheCommand::Clear(args) => clear(args),
    }
}

fn stats(args: &MountedArgs) -> eyre::Result<u8> {
    let (stats, has_kernel) = runtime()?.block_on(async {
        let found = find_mount(args.mountpoint.as_deref()).await?;
        let stats = found.client.cache_stats(&found.mount.mountpoint).await?;
        eyre::Ok((stats, has_kernel(&found.mount.mountpoint)))
    })?;
    output::line(&if args.json {
        serde_json::to_string_pretty(&stats)?
    } else {
        stats_text(&stats, has_kernel)
    })?;
    Ok(exit::SUCCESS)
}

fn clear(args: &ClearArgs) -> eyre::Result<u8> {
    let parts = match (args.metadata, args.data) {
        (true, false) => CacheParts::Metadata,
        (false, true) => CacheParts::Data,
        (true, true) | (false, false) => CacheParts::All,
    };
    let (cleared, has_kernel) = runtime()?.block_on(async {
        let found = find_mount(args.mounted.mountpoint.as_deref()).await?;
        let has_kernel = has_kernel(&found.mount.mountpoint);
        let mountpoint = Some(found.mount.mountpoint);
        let request = ClearRequest { mountpoint, parts };
        eyre::Ok((found.client.clear_cache(&request).await?, has_kernel))
    })?;
    output::line(&if args.mounted.json {
        serde_json::to_string_pretty(&cleared)?
    } else {
        cleared_text(&cleared, parts, has_kernel)
    })?;
    Ok(exit::SUCCESS)
}

/// Returns whether the kernel caches what a mount has. A library that is only served has no mount.
fn has_kernel(mountpoint: &str) -> bool {
    served_name(Path::new(mountpoint)).is_none()
}

fn stats_text(stats: &CacheStats, has_kernel: bool) -> String {
    let reads = match stats.reads {
        0 => NO_READS.to_owned(),
        reads => format!("{reads}, {} from memory", percent(stats.hits, reads)),
    };
    let mut lines = vec![
        ("cache", size(stats.cached_bytes)),
        ("buffers", size(stats.buffered_bytes)),
        ("limit", format!("{} for both", size(stats.memory_bytes_max))),
        ("reads", reads),
        ("fetched", size(stats.fetched_bytes)),
        ("given", size(stats.given_bytes)),
        ("unused", format!("{} fetched and dropped unread", size(stats.unused_bytes))),
    ];
    if has_kernel {
        lines.push(("kernel", format!("knows {}", counted(stats.kernel_inodes, "inode"))));
    }
    let lines = lines.into_iter().map(|(name, value)| format!("{name:<8} {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn cleared_text(cleared: &Cleared, parts: CacheParts, has_kernel: bool) -> String {
    let mut lines = Vec::new();
    if parts.has_data() {
        lines.push(format!("freed {} of memory", size(cleared.memory_bytes)));
        if has_kernel {
            let files = counted(cleared.kernel_files, "file");
            lines.push(format!("the kernel dropped the pages of {files}"));
        }
        if cleared.files_in_use > 0 {
            let files = counted(cleared.files_in_use, "file");
            lines.push(format!("it keeps pages of {files} in use, being read just now"));
        }
    }
    if parts.has_metadata() {
        if has_kernel {
            lines.push(format!("the kernel dropped {}", counted(cleared.kernel_names, "name")));
        }
        lines.push(if cleared.server_asked {
            "fetched the torrent list again".to_owned()
        } else {
            "the server does not answer; the tree stays as last known".to_owned()
        });
    }
    lines.join("\n")
}
