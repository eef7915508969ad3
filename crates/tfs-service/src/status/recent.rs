//! The long waits of the last day and the scans of the last minute of a mount.

use tfs_api::wire::{LongWait, RecentStatus};
use vfs_core::{LoggedWait, TorrentSource, Vfs};

use crate::mounting::KernelSide;

/// Returns what happened in a mount recently, without its rates and failures. `now` is in seconds
/// since 1970. Does not block.
pub(crate) fn recent_of<S: TorrentSource>(
    vfs: &Vfs<S>,
    kernel: &KernelSide,
    now: i64,
) -> RecentStatus {
    let longest = vfs.longest_waits().into_iter();
    let longest = longest.map(|wait| long_wait(vfs.path_of(wait.file), &wait, now));
    RecentStatus {
        longest_waits: longest.collect(),
        scans: kernel.scans(),
        ..RecentStatus::default()
    }
}

fn long_wait(path: Option<String>, wait: &LoggedWait, now: i64) -> LongWait {
    let ended_ago = i64::try_from(wait.ended_ago.as_secs()).unwrap_or(i64::MAX);
    LongWait {
        path,
        info_hash: wait.file.torrent.to_string(),
        file_index: wait.file.index.0,
        offset: wait.offset,
        for_millis: u64::try_from(wait.waited.as_millis()).unwrap_or(u64::MAX),
        ended_at: now.saturating_sub(ended_ago),
        failure: wait.failure.map(|reason| reason.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vfs_core::{FailureReason, FileId, FileIndex, InfoHash};

    use super::*;

    #[test]
    fn a_long_wait_ends_in_wall_clock_time_and_names_its_reason() {
        let torrent = InfoHash::from_bytes([0xab; InfoHash::BYTES]);
        let logged = LoggedWait {
            file: FileId { torrent, index: FileIndex(3) },
            offset: 4096,
            waited: Duration::from_millis(1500),
            ended_ago: Duration::from_secs(90),
            failure: Some(FailureReason::TimedOut),
        };
        let want = LongWait {
            path: Some("t/film.mkv".to_owned()),
            info_hash: "ab".repeat(20),
            file_index: 3,
            offset: 4096,
            for_millis: 1500,
            ended_at: 1_700_000_000,
            failure: Some("timed_out".to_owned()),
        };
        assert_eq!(long_wait(Some("t/film.mkv".to_owned()), &logged, 1_700_000_090), want);
        let came = LoggedWait { failure: None, ..logged };
        assert_eq!(
            long_wait(None, &came, 0),
            LongWait { path: None, ended_at: -90, failure: None, ..want }
        );
    }
}
