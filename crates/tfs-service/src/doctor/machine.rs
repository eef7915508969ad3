//! Checks the limit of open files, and the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

use super::CheckResult;

/// Open files that are enough for every mount: eight streams, the control socket with its clients,
/// and local files that readers have open.
const OPEN_FILES_ENOUGH: u64 = 1024;

/// Open files that the smallest mount needs: threads, sockets and the device.
const OPEN_FILES_LEAST: u64 = 128;

/// The beginning of 2026: no tfs is older, so an earlier clock is wrong.
const CLOCK_LEAST: Duration = Duration::from_secs(1_767_225_600);

/// Accepted difference between two clocks: modification times are still plausible.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(120);

/// Checks the limit of open files of this process.
pub(super) fn open_files() -> CheckResult {
    assess_open_files(getrlimit(Resource::Nofile).current)
}

fn assess_open_files(limit: Option<u64>) -> CheckResult {
    const CHECK: &str = "open-files";
    let fixes = |finding: CheckResult| {
        finding
            .fix(format!("ulimit -n {OPEN_FILES_ENOUGH}"))
            .fix(format!("sudo systemctl edit tfs@   # [Service] LimitNOFILE={OPEN_FILES_ENOUGH}"))
    };
    match limit {
        None => CheckResult::ok(CHECK, "no limit"),
        Some(limit @ OPEN_FILES_ENOUGH..) => CheckResult::ok(CHECK, format!("{limit} at a time")),
        Some(limit @ OPEN_FILES_LEAST..) => {
            fixes(CheckResult::warning(CHECK, format!("only {limit} at a time")))
        }
        Some(limit) => fixes(CheckResult::fault(CHECK, format!("only {limit} at a time"))),
    }
}

/// Checks the clock. Compares it with the server's, if the server reports one.
pub(super) fn clock(here: SystemTime, at_server: Option<SystemTime>) -> CheckResult {
    const CHECK: &str = "clock";
    const SET_CLOCK: &str = "sudo timedatectl set-ntp true";
    let since_epoch = here.duration_since(UNIX_EPOCH).unwrap_or_default();
    if since_epoch < CLOCK_LEAST {
        let found = "it is before 2026: TLS and modification times go wrong";
        return CheckResult::fault(CHECK, found).fix(SET_CLOCK);
    }
    let Some(at_server) = at_server else {
        return CheckResult::ok(CHECK, "plausible; no server to compare it with");
    };
    let (apart, which) = match at_server.duration_since(here) {
        Ok(apart) => (apart, "behind"),
        Err(error) => (error.duration(), "ahead of"),
    };
    if apart > CLOCK_SKEW_MAX {
        let seconds = apart.as_secs();
        return CheckResult::warning(CHECK, format!("{seconds} s {which} the server's"))
            .fix(format!("{SET_CLOCK}   # on the machine that is wrong"));
    }
    CheckResult::ok(CHECK, "agrees with the server's")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::finding::render;
    use super::*;

    #[test]
    fn limits_of_open_files() {
        let limits = [None, Some(1 << 20), Some(1024), Some(1023), Some(128), Some(127)];
        expect![[r#"
            Ok open-files: no limit
            Ok open-files: 1048576 at a time
            Ok open-files: 1024 at a time
            Warning open-files: only 1023 at a time
                $ ulimit -n 1024
                $ sudo systemctl edit tfs@   # [Service] LimitNOFILE=1024
            Warning open-files: only 128 at a time
                $ ulimit -n 1024
                $ sudo systemctl edit tfs@   # [Service] LimitNOFILE=1024
            Fault open-files: only 127 at a time
                $ ulimit -n 1024
                $ sudo systemctl edit tfs@   # [Service] LimitNOFILE=1024
        "#]]
        .assert_eq(&render(&limits.map(assess_open_files)));
    }

    #[test]
    fn clocks() {
        let here = UNIX_EPOCH + CLOCK_LEAST + Duration::from_secs(1_000_000);
        let minutes = |count: u64| Duration::from_secs(60 * count);
        expect![[r#"
            Fault clock: it is before 2026: TLS and modification times go wrong
                $ sudo timedatectl set-ntp true
            Ok clock: plausible; no server to compare it with
            Ok clock: agrees with the server's
            Warning clock: 180 s behind the server's
                $ sudo timedatectl set-ntp true   # on the machine that is wrong
            Warning clock: 3600 s ahead of the server's
                $ sudo timedatectl set-ntp true   # on the machine that is wrong
        "#]]
        .assert_eq(&render(&[
            clock(UNIX_EPOCH, None),
            clock(here, None),
            clock(here, Some(here + minutes(2))),
            clock(here, Some(here + minutes(3))),
            clock(here, Some(here - minutes(60))),
        ]));
    }
}
