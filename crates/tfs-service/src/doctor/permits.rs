//! Determines how many streams rqbit supports: its `--max-blocking-threads`, if its process is
//! visible.
//!
//! rqbit has this many permits. Every open stream holds one, and writing, hashing and adding need
//! one each. When streams hold all permits, rqbit stops downloading. Its API does not report the
//! number.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rqbit_client::BaseUrl;
use tfs_api::status::{BudgetHolder, BudgetStatus};
use tokio::time::timeout;

use super::{CHECK_TIME_MAX, CheckResult, Severity, in_thread};
use crate::budget::{BudgetWarning, ServerKey, holders_of, unshared_mounts};

/// The default of rqbit 9.
const PERMITS_DEFAULT: usize = 8;

/// Permits that must remain for rqbit's own work: writing pieces, hashing and adding.
const PERMITS_FOR_RQBIT: usize = 2;

const FLAG: &str = "--max-blocking-threads";
const VARIABLE: &str = "RQBIT_RUNTIME_MAX_BLOCKING_THREADS";

/// Returns the permits of local rqbit processes that this user may inspect.
pub(super) fn permits_of_local_rqbits() -> Vec<usize> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let is_process = |name: &OsStr| name.as_bytes().iter().all(u8::is_ascii_digit);
    let processes = entries.flatten().filter(|entry| is_process(&entry.file_name()));
    processes.filter_map(|entry| permits_of(&entry.path())).collect()
}

fn permits_of(process: &Path) -> Option<usize> {
    let command = fs::read(process.join("cmdline")).ok()?;
    // Only the process's user may read its environment; all users may read the command line.
    let environment = fs::read(process.join("environ")).unwrap_or_default();
    permits(&command, &environment)
}

/// Returns the permits of a process if it is an rqbit. Arguments and environment are NUL-terminated
/// strings.
fn permits(command: &[u8], environment: &[u8]) -> Option<usize> {
    let mut arguments = words(command);
    let program = Path::new(arguments.next()?).file_name()?;
    if program != "rqbit" {
        return None;
    }
    let mut value = None;
    while let Some(argument) = arguments.next() {
        if argument == FLAG {
            value = arguments.next();
        } else if let Some(inline) = argument.strip_prefix(FLAG)
            && let Some(inline) = inline.strip_prefix('=')
        {
            value = Some(inline);
        }
    }
    let of_variable = || {
        let mut variables = words(environment).filter_map(|variable| variable.split_once('='));
        variables.find(|(name, _)| *name == VARIABLE).map(|(_, value)| value)
    };
    let value = value.or_else(of_variable);
    Some(value.and_then(|value| value.parse().ok()).unwrap_or(PERMITS_DEFAULT))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes.split(|byte| *byte == 0).filter_map(|word| str::from_utf8(word).ok())
}

/// Returns the permits of the rqbit processes that may serve this address: none if it is remote.
pub(super) async fn permits_at(url: &BaseUrl) -> Vec<usize> {
    if !url.is_loopback() {
        return Vec::new();
    }
    let permits = timeout(CHECK_TIME_MAX, in_thread(permits_of_local_rqbits));
    permits.await.ok().flatten().unwrap_or_default()
}

/// Warns if a mount may open more streams than rqbit's default supports, unless the local rqbit
/// processes have more permits. This is no error: another rqbit may have more permits, and does not
/// report them.
pub(crate) async fn permits_warning(url: &BaseUrl, streams_max: usize) -> Option<BudgetWarning> {
    if streams_max + PERMITS_FOR_RQBIT <= PERMITS_DEFAULT {
        return None;
    }
    let finding = assess(&permits_at(url).await, streams_max);
    if finding.verdict == Severity::Ok {
        return None;
    }
    let hint = format!(
        "start rqbit with more permits, or lower max_streams: {}",
        finding.fixes.join("; ")
    );
    Some(BudgetWarning { message: finding.found, hint })
}

/// Checks who uses the streams of a server, and which mounts do not share its budget.
pub(super) async fn shares(url: &BaseUrl, streams_max: usize) -> Vec<CheckResult> {
    let key = ServerKey::of(url).await;
    let of_key = key.clone();
    let looked = timeout(CHECK_TIME_MAX, in_thread(move || holders_of(&of_key))).await;
    let Some(status) = looked.ok().flatten() else {
        return vec![CheckResult::warning("streams", "the runtime directory does not answer")];
    };
    let unshared = timeout(CHECK_TIME_MAX, unshared_mounts(&key, &status.holders)).await;
    let warning = BudgetWarning::of_unshared(&unshared.unwrap_or_default(), streams_max);
    assess_shares(&status, warning)
}

fn assess_shares(status: &BudgetStatus, unshared: Option<BudgetWarning>) -> Vec<CheckResult> {
    const CHECK: &str = "streams";
    let mut findings = Vec::new();
    for warning in BudgetWarning::of_status(status).into_iter().chain(unshared) {
        let found = format!("{}; {}", warning.message, warning.hint);
        findings.push(CheckResult::warning(CHECK, found));
    }
    let stopped = status.holders.iter().filter(|holder| holder.stopped && holder.held > 0);
    for BudgetHolder { pid, mountpoint, held, .. } in stopped {
        let found = format!("{mountpoint} holds {held} streams, and its process {pid} is stopped");
        findings.push(CheckResult::warning(CHECK, found).fix(format!("kill -CONT {pid}")));
    }
    let holders = status
        .holders
        .iter()
        .map(|holder| format!("{} ({}, process {})", holder.held, holder.mountpoint, holder.pid));
    let holders: Vec<_> = holders.collect();
    let found = if holders.is_empty() {
        "no mount of this user shows the server".to_owned()
    } else {
        format!("{} of {} held: {}", status.held, status.streams_max, holders.join(", "))
    };
    findings.push(CheckResult::ok(CHECK, found));
    findings
}

/// Compares the streams that tfs may open with the permits; the smallest number counts.
pub(super) fn assess(permits: &[usize], streams_max: usize) -> CheckResult {
    const CHECK: &str = "permits";
    let wanted = streams_max + PERMITS_FOR_RQBIT;
    let start = format!("rqbit {FLAG} {} server start ...", wanted.max(2 * PERMITS_DEFAULT));
    match permits.iter().min() {
        Some(&permits) if permits <= streams_max => CheckResult::fault(
            CHECK,
            format!(
                "rqbit has {permits} permits, tfs may hold {streams_max}: readers of missing data \
                 would stop its downloads"
            ),
        )
        .fix(start)
        .fix(format!("tfs mount --max-streams {} ...", (permits / 2).max(1))),
        Some(&permits) if permits < wanted => CheckResult::warning(
            CHECK,
            format!(
                "rqbit has {permits} permits, and tfs may hold {streams_max}: few are left \
                     for downloads"
            ),
        )
        .fix(start),
        Some(permits) => CheckResult::ok(
            CHECK,
            format!("tfs opens {streams_max} streams at most, rqbit has {permits} permits"),
        ),
        None if wanted > PERMITS_DEFAULT => CheckResult::warning(
            CHECK,
            format!(
                "tfs may hold {streams_max} of rqbit's permits, of which it has \
                 {PERMITS_DEFAULT} unless it was started with more"
            ),
        )
        .fix(start),
        None => CheckResult::ok(
            CHECK,
            format!(
                "tfs opens {streams_max} streams at most, rqbit has {PERMITS_DEFAULT} permits \
                 unless it was started with other {FLAG}"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::finding::render;
    use super::*;

    #[track_caller]
    fn check(command: &str, environment: &str, want: Option<usize>) {
        let nul = |text: &str| text.replace(' ', "\0").into_bytes();
        assert_eq!(permits(&nul(command), &nul(environment)), want);
    }

    #[test]
    fn the_permits_of_a_process() {
        check("rqbit server start /d", "", Some(8));
        check("/usr/bin/rqbit --max-blocking-threads 32 server start /d ", "", Some(32));
        check("rqbit --max-blocking-threads=16 server start /d", "", Some(16));
        let variable = "A=b RQBIT_RUNTIME_MAX_BLOCKING_THREADS=24";
        check("rqbit server start /d", variable, Some(24));
        // The command line takes precedence over the variable, as in rqbit.
        check("rqbit --max-blocking-threads 4 server start", variable, Some(4));
        check("rqbit --max-blocking-threads many server start", "", Some(8));
        check("rqbit --max-blocking-threads", "", Some(8));
        check("vim rqbit", variable, None);
        check("", "", None);
    }

    #[test]
    fn holders_of_streams_are_said() {
        let holder = |pid, mountpoint: &str, held, stopped| BudgetHolder {
            pid,
            mountpoint: mountpoint.to_owned(),
            streams_max: 4,
            held,
            waiting: false,
            stopped,
        };
        let holders = vec![holder(7, "/mnt/a", 1, false), holder(8, "/mnt/b", 3, true)];
        let status = BudgetStatus { streams_max: 4, held: 4, holders, error: None };
        let unshared = BudgetWarning::of_unshared(&["/mnt/c".into()], 4);
        expect![[r#"
            Warning streams: the server is also mounted on /mnt/c, by another user or from another runtime directory; streams are not shared with it, so rqbit may stop; split the streams: mount each of them with --max-streams 2
            Warning streams: /mnt/b holds 3 streams, and its process 8 is stopped
                $ kill -CONT 8
            Ok streams: 4 of 4 held: 1 (/mnt/a, process 7), 3 (/mnt/b, process 8)
        "#]].assert_eq(&render(&assess_shares(&status, unshared)));
        let error = Some("use the runtime directory /run/tfs: Read-only file system".to_owned());
        let status = BudgetStatus { error, ..BudgetStatus::default() };
        expect![[r#"
            Warning streams: streams are not shared with other processes: failed to use the runtime directory /run/tfs: Read-only file system; make the runtime directory writable, or split the streams between all mounts of the server with --max-streams
            Ok streams: no mount of this user shows the server
        "#]].assert_eq(&render(&assess_shares(&status, None)));
    }

    #[test]
    fn too_few_permits_are_said() {
        expect![[r#"
            Ok permits: tfs opens 4 streams at most, rqbit has 8 permits unless it was started with other --max-blocking-threads
            Warning permits: tfs may hold 8 of rqbit's permits, of which it has 8 unless it was started with more
                $ rqbit --max-blocking-threads 16 server start ...
            Ok permits: tfs opens 4 streams at most, rqbit has 8 permits
            Warning permits: rqbit has 5 permits, and tfs may hold 4: few are left for downloads
                $ rqbit --max-blocking-threads 16 server start ...
            Fault permits: rqbit has 4 permits, tfs may hold 4: readers of missing data would stop its downloads
                $ rqbit --max-blocking-threads 16 server start ...
                $ tfs mount --max-streams 2 ...
            Fault permits: rqbit has 1 permits, tfs may hold 4: readers of missing data would stop its downloads
                $ rqbit --max-blocking-threads 16 server start ...
                $ tfs mount --max-streams 1 ...
        "#]].assert_eq(&render(&[
            assess(&[], 4),
            assess(&[], 8),
            assess(&[8], 4),
            assess(&[32, 5], 4),
            assess(&[4], 4),
            assess(&[1], 4),
        ]));
    }
}
