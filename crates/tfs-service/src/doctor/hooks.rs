//! Checks the hooks of running processes: whether the last call of each succeeded.

use std::collections::BTreeSet;

use tfs_api::status::HookStatus;
use tfs_api::statuses;
use tokio::time::timeout;

use super::{CHECK_TIME_MAX, CheckResult};

pub(super) const CHECK: &str = "hooks";

/// Checks the hooks of this user's processes.
pub(super) async fn hooks() -> Vec<CheckResult> {
    // Another check reports mounts that do not answer.
    let Ok(Ok(statuses)) = timeout(CHECK_TIME_MAX, statuses(None)).await else {
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    let first = statuses.mounts.iter().filter(|mount| seen.insert(mount.status.pid));
    first.flat_map(|mount| &mount.status.intake.hooks).map(assess).collect()
}

fn assess(hook: &HookStatus) -> CheckResult {
    let HookStatus { name, target, calls, failures, failing, last_failure, .. } = hook;
    match last_failure {
        Some(failure) if *failing => {
            let found = format!("the last call of {name} failed: {}", failure.why);
            let fix = "tfs config edit && tfs config reload   # a daemon; restart a mount";
            CheckResult::warning(CHECK, found).fix(fix)
        }
        Some(_) | None => {
            let found = format!("{name} calls {target}: {calls} calls, {failures} failed");
            CheckResult::ok(CHECK, found)
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use tfs_api::status::HookFailure;

    use super::super::finding::render;
    use super::*;

    #[test]
    fn a_hook_whose_last_call_failed_is_a_warning() {
        let why = "mail ended with code 1: no route".to_owned();
        let failing = HookStatus {
            name: "mail".to_owned(),
            target: "/usr/bin/mail".to_owned(),
            calls: 3,
            failures: 1,
            failing: true,
            last_failure: Some(HookFailure { at: 1, why }),
            ..HookStatus::default()
        };
        let well = HookStatus { failing: false, ..failing.clone() };
        expect![[r"
            Warning hooks: the last call of mail failed: mail ended with code 1: no route
                $ tfs config edit && tfs config reload   # a daemon; restart a mount
            Ok hooks: mail calls /usr/bin/mail: 3 calls, 1 failed
        "]]
        .assert_eq(&render(&[assess(&failing), assess(&well)]));
    }
}
