//! The plan as tables: events, actions and results.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use expect_test::{Expect, expect};
use tokio::time::Instant;

use super::plan::{MountAction, MountPlan, TaskExit};

/// The next event. A configuration is a list of mounts with their settings.
#[derive(Debug, Clone, Copy)]
enum DaemonStep {
    Set(&'static [(&'static str, u32)]),
    Up(&'static str),
    Kept(&'static str),
    Failed(&'static str),
    Broken(&'static str),
    Unmounted(&'static str),
    Stopped(&'static str),
    /// This number of seconds passes, and due actions are executed.
    Pass(u64),
    End,
}

use DaemonStep::{Broken, Failed, Kept, Pass, Set, Stopped, Unmounted, Up};

/// Runs steps, and compares the actions of each and the results at the end.
#[track_caller]
fn check(steps: &[DaemonStep], want: &Expect) {
    let mut plan = MountPlan::new();
    let mut now = Instant::now();
    let mut text = String::new();
    for step in steps {
        let actions = apply(&mut plan, *step, &mut now);
        let actions = actions.iter().map(|action| format!("\n    {}", shown(action)));
        writeln!(text, "{step:?}{}", actions.collect::<String>()).unwrap();
    }
    for mount in plan.report() {
        let why = mount.why.map(|why| format!(" ({why})")).unwrap_or_default();
        writeln!(text, "{} {:?}{why}", mount.mountpoint, mount.outcome).unwrap();
    }
    for mount in plan.missing() {
        writeln!(text, "{} is missing: {}", mount.mountpoint, mount.why).unwrap();
    }
    let settled = if plan.is_settled() { "settled" } else { "not settled" };
    let over = if plan.is_over() { ", over" } else { "" };
    writeln!(text, "{}; {settled}{over}", plan.status()).unwrap();
    want.assert_eq(&text);
}

fn apply(plan: &mut MountPlan<u32>, step: DaemonStep, now: &mut Instant) -> Vec<MountAction<u32>> {
    let mut ended = |path: &str, end| plan.on_ended(Path::new(path), end, *now);
    match step {
        Set(mounts) => {
            let mounts = mounts.iter().map(|(path, spec)| (PathBuf::from(path), *spec));
            plan.set(BTreeMap::from_iter(mounts))
        }
        Up(path) => {
            plan.on_up(Path::new(path), *now);
            Vec::new()
        }
        Kept(path) => {
            plan.on_kept(Path::new(path), "in use".to_owned());
            Vec::new()
        }
        Failed(path) => Vec::from_iter(ended(path, TaskExit::NotStarted("no".to_owned()))),
        Broken(path) => Vec::from_iter(ended(path, TaskExit::Broken("lost".to_owned()))),
        Unmounted(path) => Vec::from_iter(ended(path, TaskExit::Unmounted)),
        Stopped(path) => Vec::from_iter(ended(path, TaskExit::Stopped)),
        Pass(seconds) => {
            *now += Duration::from_secs(seconds);
            plan.on_time(*now)
        }
        DaemonStep::End => plan.end(),
    }
}

fn shown(action: &MountAction<u32>) -> String {
    match action {
        MountAction::Start(path, spec) => format!("start {} as {spec}", path.display()),
        MountAction::Unmount(path) => format!("unmount {}", path.display()),
        MountAction::Stop(path) => format!("stop {}", path.display()),
    }
}

#[test]
fn each_mount_comes_up_and_fails_by_itself() {
    check(
        &[Set(&[("/a", 1), ("/b", 1)]), Failed("/a"), Up("/b"), Pass(1), Pass(1), Up("/a")],
        &expect![[r#"
            Set([("/a", 1), ("/b", 1)])
                start /a as 1
                start /b as 1
            Failed("/a")
            Up("/b")
            Pass(1)
            Pass(1)
                start /a as 1
            Up("/a")
            /a Mounted
            /b Mounted
            2 of 2 mounts answer; settled
        "#]],
    );
}

#[test]
fn one_that_fails_is_tried_less_and_less_often() {
    let mut plan = MountPlan::new();
    let mut now = Instant::now();
    apply(&mut plan, Set(&[("/a", 1)]), &mut now);
    let mut waits = Vec::new();
    for _ in 0..10 {
        apply(&mut plan, Failed("/a"), &mut now);
        let until = plan.next_deadline().unwrap();
        waits.push((until - now).as_secs());
        now = until;
        assert_eq!(plan.on_time(now).len(), 1);
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    // A mount is not trusted at its start, only after it has run for a while.
    for (lived, want) in [(1, 300), (60, 2), (59, 4)] {
        apply(&mut plan, Up("/a"), &mut now);
        apply(&mut plan, Pass(lived), &mut now);
        apply(&mut plan, Broken("/a"), &mut now);
        let until = plan.next_deadline().unwrap();
        assert_eq!((until - now).as_secs(), want, "after {lived} s");
        now = until;
        plan.on_time(now);
    }
}

#[test]
fn what_a_user_unmounts_stays_away_until_a_reload() {
    check(
        &[Set(&[("/a", 1)]), Up("/a"), Unmounted("/a"), Pass(100_000)],
        &expect![[r#"
            Set([("/a", 1)])
                start /a as 1
            Up("/a")
            Unmounted("/a")
            Pass(100000)
            /a Unmounted
            /a is missing: it was unmounted; a reload mounts it again
            0 of 1 mounts answer; /a: unmounted; settled
        "#]],
    );
    check(
        &[Set(&[("/a", 1)]), Up("/a"), Unmounted("/a"), Set(&[("/a", 1)]), Up("/a")],
        &expect![[r#"
            Set([("/a", 1)])
                start /a as 1
            Up("/a")
            Unmounted("/a")
            Set([("/a", 1)])
                start /a as 1
            Up("/a")
            /a Mounted
            1 of 1 mounts answer; settled
        "#]],
    );
}

#[test]
fn what_breaks_is_mounted_again() {
    check(
        &[Set(&[("/a", 1)]), Up("/a"), Broken("/a"), Pass(2)],
        &expect![[r#"
            Set([("/a", 1)])
                start /a as 1
            Up("/a")
            Broken("/a")
            Pass(2)
                start /a as 1
            /a Pending
            /a is missing: lost; retrying
            0 of 1 mounts answer; /a: lost; not settled
        "#]],
    );
}

#[test]
fn a_reload_changes_only_what_has_changed() {
    check(
        &[
            Set(&[("/a", 1), ("/b", 1), ("/c", 1)]),
            Up("/a"),
            Up("/b"),
            Up("/c"),
            Set(&[("/a", 1), ("/b", 2), ("/d", 1)]),
            Unmounted("/b"),
            Unmounted("/c"),
            Up("/b"),
            Up("/d"),
        ],
        &expect![[r#"
            Set([("/a", 1), ("/b", 1), ("/c", 1)])
                start /a as 1
                start /b as 1
                start /c as 1
            Up("/a")
            Up("/b")
            Up("/c")
            Set([("/a", 1), ("/b", 2), ("/d", 1)])
                unmount /b
                unmount /c
                start /d as 1
            Unmounted("/b")
                start /b as 2
            Unmounted("/c")
            Up("/b")
            Up("/d")
            /a Unchanged
            /b Remounted
            /c Removed
            /d Mounted
            3 of 3 mounts answer; settled
        "#]],
    );
}

#[test]
fn what_is_in_use_stays_as_it_was() {
    check(
        &[
            Set(&[("/a", 1), ("/b", 1)]),
            Up("/a"),
            Up("/b"),
            Set(&[("/a", 2)]),
            Kept("/a"),
            Kept("/b"),
        ],
        &expect![[r#"
            Set([("/a", 1), ("/b", 1)])
                start /a as 1
                start /b as 1
            Up("/a")
            Up("/b")
            Set([("/a", 2)])
                unmount /a
                unmount /b
            Kept("/a")
            Kept("/b")
            /a Kept (in use)
            /b Kept (in use)
            2 of 2 mounts answer; settled
        "#]],
    );
    // A later reload tries again, and one that reverts the change has nothing to do.
    check(
        &[
            Set(&[("/a", 1), ("/b", 1)]),
            Up("/a"),
            Up("/b"),
            Set(&[("/a", 2)]),
            Kept("/a"),
            Kept("/b"),
            Set(&[("/a", 1)]),
            Unmounted("/b"),
        ],
        &expect![[r#"
            Set([("/a", 1), ("/b", 1)])
                start /a as 1
                start /b as 1
            Up("/a")
            Up("/b")
            Set([("/a", 2)])
                unmount /a
                unmount /b
            Kept("/a")
            Kept("/b")
            Set([("/a", 1)])
                unmount /b
            Unmounted("/b")
            /a Unchanged
            /b Removed
            1 of 1 mounts answer; settled
        "#]],
    );
}

#[test]
fn what_is_lost_while_a_change_waits_comes_back_as_the_configuration_says() {
    check(
        &[Set(&[("/a", 1)]), Up("/a"), Set(&[("/a", 2)]), Kept("/a"), Broken("/a"), Pass(2)],
        &expect![[r#"
            Set([("/a", 1)])
                start /a as 1
            Up("/a")
            Set([("/a", 2)])
                unmount /a
            Kept("/a")
            Broken("/a")
            Pass(2)
                start /a as 2
            /a Pending
            /a is missing: lost; retrying
            0 of 1 mounts answer; /a: lost; not settled
        "#]],
    );
    check(
        &[Set(&[("/a", 1)]), Up("/a"), Set(&[("/b", 1)]), Kept("/a"), Broken("/a"), Pass(2)],
        &expect![[r#"
            Set([("/a", 1)])
                start /a as 1
            Up("/a")
            Set([("/b", 1)])
                unmount /a
                start /b as 1
            Kept("/a")
            Broken("/a")
            Pass(2)
            /a Removed
            /b Pending
            /b is missing: it is starting
            0 of 1 mounts answer; not settled
        "#]],
    );
}

#[test]
fn a_reload_meets_a_mount_at_any_time() {
    // While it starts.
    check(
        &[
            Set(&[("/a", 1), ("/b", 1), ("/c", 1)]),
            Set(&[("/a", 2), ("/b", 1)]),
            Up("/c"),
            Stopped("/c"),
            Stopped("/a"),
            Up("/a"),
            Up("/b"),
        ],
        &expect![[r#"
            Set([("/a", 1), ("/b", 1), ("/c", 1)])
                start /a as 1
                start /b as 1
                start /c as 1
            Set([("/a", 2), ("/b", 1)])
                stop /a
                stop /c
            Up("/c")
            Stopped("/c")
            Stopped("/a")
                start /a as 2
            Up("/a")
            Up("/b")
            /a Remounted
            /b Mounted
            /c Removed
            2 of 2 mounts answer; settled
        "#]],
    );
    // While it waits, and while it is unmounted for the previous reload.
    check(
        &[
            Set(&[("/a", 1), ("/b", 1), ("/c", 1)]),
            Failed("/a"),
            Failed("/b"),
            Up("/c"),
            Set(&[("/a", 1), ("/c", 2)]),
            Set(&[("/a", 1), ("/c", 3)]),
            Unmounted("/c"),
        ],
        &expect![[r#"
            Set([("/a", 1), ("/b", 1), ("/c", 1)])
                start /a as 1
                start /b as 1
                start /c as 1
            Failed("/a")
            Failed("/b")
            Up("/c")
            Set([("/a", 1), ("/c", 2)])
                start /a as 1
                unmount /c
            Set([("/a", 1), ("/c", 3)])
            Unmounted("/c")
                start /c as 3
            /a Pending
            /c Pending
            /a is missing: it is starting
            /c is missing: it is starting
            0 of 2 mounts answer; not settled
        "#]],
    );
}

#[test]
fn the_end_waits_for_every_task_and_starts_none() {
    check(
        &[
            Set(&[("/a", 1), ("/b", 1), ("/c", 1), ("/d", 1)]),
            Up("/b"),
            Failed("/c"),
            Up("/d"),
            Unmounted("/d"),
            DaemonStep::End,
            Set(&[("/e", 1)]),
            Up("/a"),
            Stopped("/a"),
            Pass(1000),
        ],
        &expect![[r#"
            Set([("/a", 1), ("/b", 1), ("/c", 1), ("/d", 1)])
                start /a as 1
                start /b as 1
                start /c as 1
                start /d as 1
            Up("/b")
            Failed("/c")
            Up("/d")
            Unmounted("/d")
            End
                stop /a
                stop /b
            Set([("/e", 1)])
            Up("/a")
            Stopped("/a")
            Pass(1000)
            /a Removed
            /b Pending
            /c Failed (no)
            /d Unmounted
            0 of 1 mounts answer; /c: no; not settled
        "#]],
    );
    check(
        &[Set(&[("/a", 1)]), Up("/a"), DaemonStep::End, Broken("/a")],
        &expect![[r#"
            Set([("/a", 1)])
                start /a as 1
            Up("/a")
            End
                stop /a
            Broken("/a")
            /a Removed
            0 of 0 mounts answer; settled, over
        "#]],
    );
}
