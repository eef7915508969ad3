//! Lines of `tfs status` about the last minutes and hours: rates, waits, failures and scans.

use std::time::Duration;

use tfs_api::status::{FailureCount, Histogram, ReadStatus, StatusReport};
use tfs_api::wire::{LongWait, RecentStatus, ScanStatus};

use crate::figures::{NO_READS, percent, size};
use crate::output::visible;

/// Maximum number of waits that are shown; JSON has more.
const WAITS_SHOWN_MAX: usize = 3;

/// Shortest wait that is shown: shorter ones are usual while a torrent downloads.
const WAIT_SHOWN_MIN: Duration = Duration::from_secs(1);

/// The share of reads whose duration is shown, in percent.
const SHARE_SHOWN: u64 = 99;

/// Returns the present rates, if bytes flow.
pub(crate) fn rates_text(recent: &RecentStatus) -> Option<String> {
    let RecentStatus { given_bps, fetched_bps, local_bps, .. } = recent;
    let rates = [(given_bps, "given"), (fetched_bps, "fetched"), (local_bps, "from local disk")];
    let rates = rates.iter().filter(|(bps, _)| **bps > 0);
    let rates: Vec<_> = rates.map(|(bps, what)| format!("{}/s {what}", size(**bps))).collect();
    (!rates.is_empty()).then(|| rates.join(", "))
}

/// Returns the reads since the start of the mount, their hit rates and durations.
pub(crate) fn reads_text(status: &StatusReport) -> String {
    let ReadStatus { reads, hits, local_reads, failures, waiting, .. } = status.reads;
    if reads == 0 && waiting == 0 {
        return NO_READS.to_owned();
    }
    let duration = duration_text(&status.figures.read).unwrap_or_default();
    format!(
        "{reads}, {} from memory, {} from local disk, {failures} failed, {waiting} waiting{duration}",
        percent(hits, reads),
        percent(local_reads, reads),
    )
}

/// Returns the bytes since the start of the mount. Received bytes that were not used are mentioned
/// from one percent on.
pub(crate) fn bytes_text(reads: &ReadStatus) -> String {
    let ReadStatus { bytes_fetched, bytes_given, bytes_local, bytes_unused, .. } = *reads;
    let unused = if bytes_unused.saturating_mul(100) >= bytes_fetched && bytes_unused > 0 {
        format!(" ({} not used)", percent(bytes_unused, bytes_fetched))
    } else {
        String::new()
    };
    format!(
        "{} fetched{unused}, {} given, {} from local disk",
        size(bytes_fetched),
        size(bytes_given),
        size(bytes_local),
    )
}

/// Returns the duration of nearly all reads, as the end of a line. Bounds of buckets are known
/// only.
fn duration_text(histogram: &Histogram) -> Option<String> {
    let needed = histogram.count().checked_mul(SHARE_SHOWN)?.div_ceil(100);
    if needed == 0 {
        return None;
    }
    let mut count = 0;
    let within = histogram.bounds_micros.iter().zip(&histogram.counts).find(|(_, more)| {
        count += **more;
        count >= needed
    });
    Some(match (within, histogram.bounds_micros.last()) {
        (Some((bound, _)), _) => format!("; {SHARE_SHOWN}% within {}", duration(*bound)),
        (None, Some(bound)) => format!("; some take more than {}", duration(*bound)),
        (None, None) => return None,
    })
}

fn duration(micros: u64) -> String {
    humantime::format_duration(Duration::from_micros(micros)).to_string()
}

/// Returns the lines about the last day and the last minute, with the name of each line, and
/// whether it is about a failure. `now` is in seconds since 1970.
pub(crate) fn recent_lines(recent: &RecentStatus, now: i64) -> Vec<(&'static str, String, bool)> {
    let RecentStatus { longest_waits, failures, scans, .. } = recent;
    let is_shown = |wait: &&LongWait| Duration::from_millis(wait.for_millis) >= WAIT_SHOWN_MIN;
    let waits = longest_waits.iter().filter(is_shown).take(WAITS_SHOWN_MAX);
    let waits = waits.map(|wait| ("waited", wait_text(wait, now), wait.failure.is_some()));
    let failures = failures_text(failures)
        .map(|text| ("failures", format!("{text} in the last 24 hours"), false));
    let scans = scans.iter().map(|scan| ("scan", scan_text(scan), false));
    waits.chain(failures).chain(scans).collect()
}

fn wait_text(wait: &LongWait, now: i64) -> String {
    let LongWait { path, offset, for_millis, ended_at, failure, .. } = wait;
    let seconds = Duration::from_millis(*for_millis).as_secs_f64();
    let path = visible(path.as_deref().unwrap_or("(removed)"));
    let ago = ago(now.saturating_sub(*ended_at));
    let failure = failure.as_deref().map(|reason| format!(": {}", words(reason)));
    let failure = failure.unwrap_or_default();
    format!("{seconds:.1} s for {path} at {}, {ago} ago{failure}", size(*offset))
}

/// Returns counts with their reasons, without those that are 0; `None` if all are.
pub(crate) fn failures_text(failures: &[FailureCount]) -> Option<String> {
    let failures = failures.iter().filter(|failure| failure.count > 0);
    let failures =
        failures.map(|FailureCount { reason, count }| format!("{count} {}", words(reason)));
    let failures: Vec<_> = failures.collect();
    (!failures.is_empty()).then(|| failures.join(", "))
}

fn scan_text(scan: &ScanStatus) -> String {
    let ScanStatus { command, pid, files_per_minute } = scan;
    let pid = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    format!("{files_per_minute} files a minute by {}{pid}", visible(command))
}

/// Returns a reason, such as `timed_out`, as words.
fn words(reason: &str) -> String {
    visible(&reason.replace('_', " "))
}

/// Returns an age in its largest unit. A clock that was set back is an age of 0.
pub(crate) fn ago(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{} s", seconds.max(0)),
        60..3600 => format!("{} min", seconds / 60),
        3600.. => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const NOW: i64 = 1_700_000_000;

    #[track_caller]
    fn check(recent: &RecentStatus, want: &Expect) {
        let lines = recent_lines(recent, NOW).into_iter();
        let lines = lines.map(|(name, text, failed)| format!("{failed} {name} {text}\n"));
        let rates = rates_text(recent).map(|rates| format!("now {rates}\n"));
        want.assert_eq(&rates.into_iter().chain(lines).collect::<String>());
    }

    fn wait(for_millis: u64, seconds_ago: i64) -> LongWait {
        LongWait {
            path: Some("t/film.mkv".to_owned()),
            info_hash: "00".repeat(20),
            file_index: 0,
            offset: 5 << 30,
            for_millis,
            ended_at: NOW - seconds_ago,
            failure: None,
        }
    }

    fn failures(all: &[(&str, u64)]) -> Vec<FailureCount> {
        let failure =
            |&(reason, count): &(&str, u64)| FailureCount { reason: reason.to_owned(), count };
        all.iter().map(failure).collect()
    }

    #[test]
    fn nothing_to_say_is_no_line() {
        check(&RecentStatus::default(), &expect![""]);
        let quiet = RecentStatus {
            longest_waits: vec![wait(999, 5)],
            failures: failures(&[("timed_out", 0)]),
            ..RecentStatus::default()
        };
        check(&quiet, &expect![""]);
    }

    #[test]
    fn the_longest_waits_failures_and_scans_are_named() {
        let failed = LongWait { failure: Some("timed_out".to_owned()), ..wait(60_040, 3599) };
        let gone = LongWait { path: None, ..wait(14_250, 7300) };
        let evil = LongWait { path: Some("a\u{1b}[31m".to_owned()), ..wait(2_000, -7) };
        let recent = RecentStatus {
            given_bps: 38 << 20,
            fetched_bps: 0,
            local_bps: 1 << 20,
            longest_waits: vec![failed, gone, evil, wait(1_500, 1)],
            failures: failures(&[("timed_out", 3), ("removed", 0), ("unreachable", 1)]),
            scans: vec![
                ScanStatus {
                    command: "jelly\nfin".to_owned(),
                    pid: Some(990),
                    files_per_minute: 12,
                },
                ScanStatus { command: "plex".to_owned(), pid: None, files_per_minute: 3 },
            ],
        };
        check(
            &recent,
            &expect![[r#"
                now 38.0 MiB/s given, 1.0 MiB/s from local disk
                true waited 60.0 s for t/film.mkv at 5.0 GiB, 59 min ago: timed out
                false waited 14.2 s for (removed) at 5.0 GiB, 2 h ago
                false waited 2.0 s for a\u{1b}[31m at 5.0 GiB, 0 s ago
                false failures 3 timed out, 1 unreachable in the last 24 hours
                false scan 12 files a minute by jelly\nfin (process 990)
                false scan 3 files a minute by plex
            "#]],
        );
    }

    #[test]
    fn durations_are_those_of_nearly_all_reads() {
        let histogram = |counts: [u64; 3]| Histogram {
            bounds_micros: vec![500, 60_000_000],
            counts: counts.to_vec(),
            sum_micros: 1,
        };
        let text = |counts| duration_text(&histogram(counts)).unwrap_or_default();
        assert_eq!(text([0, 0, 0]), "");
        assert_eq!(text([99, 1, 0]), "; 99% within 500us");
        assert_eq!(text([98, 2, 0]), "; 99% within 1m");
        assert_eq!(text([0, 0, 1]), "; some take more than 1m");
        assert_eq!(duration_text(&Histogram::default()), None);
    }

    #[test]
    fn unused_bytes_are_mentioned_from_one_percent_on() {
        let text = |unused| {
            let json = format!(
                r#"{{"open_files": 0, "waiting": 0, "streams_open": 0, "streams_max": 4,
                    "reads": 0, "hits": 0, "failures": 0, "streams_opened": 0, "retries": 0,
                    "bytes_fetched": 102400, "bytes_given": 5, "bytes_unused": {unused}}}"#
            );
            bytes_text(&serde_json::from_str(&json).unwrap())
        };
        assert_eq!(text(1023), "100.0 KiB fetched, 5 B given, 0 B from local disk");
        assert_eq!(text(2048), "100.0 KiB fetched (2% not used), 5 B given, 0 B from local disk");
    }
}
