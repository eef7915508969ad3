//! `tfs config reload`: makes the daemon apply the changed configuration, and prints the result.

use std::fmt::Write as _;

use tfs_api::wire::{MountOutcome, Reloaded, ReloadedMount, ReloadedSection, SectionOutcome};
use tfs_service::daemon::reload_daemons;

use crate::output::{self, visible};
use crate::report::{self, UserError};
use crate::{exit, runtime};

/// The outcome of a mount that is in use.
pub(crate) const KEPT: &str = "stays as it was";

/// Runs the command. If there are several daemons, all of them get the request. The exit code is
/// that of the last error.
pub(crate) fn run(is_json: bool) -> eyre::Result<u8> {
    let answers = runtime()?.block_on(reload_daemons())?;
    if answers.is_empty() {
        return Err(no_daemon().into());
    }
    let mut code = exit::SUCCESS;
    let mut reloaded = Vec::new();
    for answer in answers {
        match answer {
            Ok(answer) => reloaded.push(answer),
            Err(error) => code = report::report(&error.into()),
        }
    }
    if code == exit::SUCCESS && reloaded.iter().any(is_not_as_wanted) {
        code = exit::RELOADED_IN_PART;
    }
    if is_json {
        output::line(&serde_json::to_string_pretty(&reloaded)?)?;
    } else if !reloaded.is_empty() {
        output::line(reloaded.iter().map(render).collect::<String>().trim_end())?;
    }
    Ok(code)
}

pub(crate) fn no_daemon() -> UserError {
    UserError::new(exit::NO_DAEMON, "this user has no running tfs daemon")
        .with_hint("start it with: tfs daemon; mounts of tfs mount have no configuration to reload")
}

fn is_not_as_wanted(reloaded: &Reloaded) -> bool {
    let is_wrong =
        |mount: &ReloadedMount| matches!(mount.outcome, MountOutcome::Kept | MountOutcome::Failed);
    let holds = |section: &ReloadedSection| section.outcome == SectionOutcome::Applied;
    reloaded.mounts.iter().any(is_wrong) || !reloaded.sections.iter().all(holds)
}

/// Returns the report of a daemon, a line for each item.
fn render(reloaded: &Reloaded) -> String {
    let mut text = String::new();
    for ReloadedMount { mountpoint, outcome, why } in &reloaded.mounts {
        let outcome = match outcome {
            MountOutcome::Mounted => "mounted",
            MountOutcome::Unchanged => "unchanged",
            MountOutcome::Remounted => "mounted anew",
            MountOutcome::Removed => "removed",
            MountOutcome::Kept => KEPT,
            MountOutcome::Failed => "failed, is tried again",
            MountOutcome::Unmounted => "unmounted",
            MountOutcome::Pending => "not done yet",
            MountOutcome::Unknown => "something else",
        };
        line(&mut text, outcome, mountpoint, why.as_deref());
    }
    for ReloadedSection { section, outcome, why } in &reloaded.sections {
        let outcome = match outcome {
            SectionOutcome::Applied => "applied",
            SectionOutcome::NeedsRestart => "needs a restart",
            SectionOutcome::Failed => "failed",
            SectionOutcome::Unknown => "something else",
        };
        line(&mut text, outcome, &format!("[{section}]"), why.as_deref());
    }
    text
}

/// Appends a line. Writing to a string cannot fail.
fn line(text: &mut String, outcome: &str, name: &str, why: Option<&str>) {
    let why = why.map(|why| format!(": {}", visible(why))).unwrap_or_default();
    _ = writeln!(text, "{outcome:<23} {}{why}", visible(name));
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_mount_and_section_is_a_line() {
        let mount = |mountpoint: &str, outcome, why: Option<&str>| ReloadedMount {
            mountpoint: mountpoint.to_owned(),
            outcome,
            why: why.map(str::to_owned),
        };
        let section = |section: &str, outcome| ReloadedSection {
            section: section.to_owned(),
            outcome,
            why: None,
        };
        let reloaded = Reloaded {
            pid: 7,
            mounts: vec![
                mount("/a", MountOutcome::Unchanged, None),
                mount("/b", MountOutcome::Remounted, None),
                mount("/c", MountOutcome::Kept, Some("it is in use by mpv (process 9)")),
                mount("/d", MountOutcome::Failed, Some("cannot mount on /d:\nx")),
            ],
            sections: vec![
                section("monitoring", SectionOutcome::Applied),
                section("logging", SectionOutcome::NeedsRestart),
            ],
        };
        expect![[r"
            unchanged               /a
            mounted anew            /b
            stays as it was         /c: it is in use by mpv (process 9)
            failed, is tried again  /d: cannot mount on /d:\nx
            applied                 [monitoring]
            needs a restart         [logging]
        "]]
        .assert_eq(&render(&reloaded));
        assert!(is_not_as_wanted(&reloaded));
    }
}
