//! `tfs cache stats` and `tfs cache clear`.

use tfs_api::find_mount;
use tfs_api::wire::{CacheParts, CacheStats, ClearRequest, Cleared};

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
    let stats = runtime()?.block_on(async {
        let found = find_mount(args.mountpoint.as_deref()).await?;
        eyre::Ok(found.client.cache_stats(&found.mount.mountpoint).await?)
    })?;
    output::line(&if args.json {
        serde_json::to_string_pretty(&stats)?
    } else {
        stats_text(&stats)
    })?;
    Ok(exit::SUCCESS)
}

fn clear(args: &ClearArgs) -> eyre::Result<u8> {
    let parts = match (args.metadata, args.data) {
        (true, false) => CacheParts::Metadata,
        (false, true) => CacheParts::Data,
        (true, true) | (false, false) => CacheParts::All,
    };
    let cleared = runtime()?.block_on(async {
        let found = find_mount(args.mounted.mountpoint.as_deref()).await?;
        let mountpoint = Some(found.mount.mountpoint);
        eyre::Ok(found.client.clear_cache(&ClearRequest { mountpoint, parts }).await?)
    })?;
    output::line(&if args.mounted.json {
        serde_json::to_string_pretty(&cleared)?
    } else {
        cleared_text(&cleared, parts)
    })?;
    Ok(exit::SUCCESS)
}

fn stats_text(stats: &CacheStats) -> String {
    let reads = match stats.reads {
        0 => NO_READS.to_owned(),
        reads => format!("{reads}, {} from memory", percent(stats.hits, reads)),
    };
    [
        ("cache", size(stats.cached_bytes)),
        ("buffers", size(stats.buffered_bytes)),
        ("limit", format!("{} for both", size(stats.memory_bytes_max))),
        ("reads", reads),
        ("fetched", size(stats.fetched_bytes)),
        ("given", size(stats.given_bytes)),
        ("unused", format!("{} fetched and dropped unread", size(stats.unused_bytes))),
        ("kernel", format!("knows {}", counted(stats.kernel_inodes, "inode"))),
    ]
    .map(|(name, value)| format!("{name:<8} {value}"))
    .join("\n")
}

fn cleared_text(cleared: &Cleared, parts: CacheParts) -> String {
    let mut lines = Vec::new();
    if parts.has_data() {
        lines.push(format!("freed {} of memory", size(cleared.memory_bytes)));
        let files = counted(cleared.kernel_files, "file");
        lines.push(format!("the kernel dropped the pages of {files}"));
        if cleared.files_in_use > 0 {
            let files = counted(cleared.files_in_use, "file");
            lines.push(format!("it keeps pages of {files} in use, being read just now"));
        }
    }
    if parts.has_metadata() {
        lines.push(format!("the kernel dropped {}", counted(cleared.kernel_names, "name")));
        lines.push(if cleared.server_asked {
            "fetched the torrent list again".to_owned()
        } else {
            "the server does not answer; the tree stays as last known".to_owned()
        });
    }
    lines.join("\n")
}
