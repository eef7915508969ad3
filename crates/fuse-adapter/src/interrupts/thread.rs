//! Signal state of a thread, read from `/proc`.

use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, test_kill_process};
use tfs_sys::process::ProcessStatus;

use crate::request::Tid;

/// A pending signal that a thread cannot handle while its read waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PendingSignal {
    /// The signal ends the thread, or the thread has exited.
    Fatal,
    /// The thread handles a signal that requests termination.
    Handled,
}

/// Signals that request termination. A program that handles one of them wants to clean up, so its
/// read has to return. All other handled signals, such as a profiler's `SIGPROF` or an alarm, do
/// not end a read: no read of a local file returns for them.
const ENDING: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

/// Signals whose default action is to ignore, stop or continue.
const HARMLESS: [Signal; 8] = [
    Signal::CHILD,
    Signal::CONT,
    Signal::URG,
    Signal::WINCH,
    Signal::STOP,
    Signal::TSTP,
    Signal::TTIN,
    Signal::TTOU,
];

/// Returns whether `/proc` belongs to this PID namespace. In a container it may belong to another,
/// or be absent.
pub(super) fn can_look() -> bool {
    fs::read_link("/proc/self").is_ok_and(|name| {
        name.to_str().and_then(|name| name.parse().ok()) == Some(std::process::id())
    })
}

/// Returns the pending signal of a thread, if any. A thread that is not visible has none.
pub(crate) fn look(tid: Tid) -> Option<PendingSignal> {
    match ProcessStatus::of(tid.0) {
        Ok(status) => {
            let status = SignalSets::parse(&status)?;
            let leader = || SignalSets::parse(&ProcessStatus::of(status.leader.0).ok()?);
            status.urge(leader)
        }
        // With the mount option `hidepid`, only processes of the same user are visible.
        Err(_) => is_gone(tid).then_some(PendingSignal::Fatal),
    }
}

fn is_gone(tid: Tid) -> bool {
    let pid = i32::try_from(tid.0).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// Relevant fields of `/proc/<tid>/status`. The integers are sets of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SignalSets {
    tid: Tid,
    /// First thread of the process.
    leader: Tid,
    is_dead: bool,
    own_pending: u64,
    shared_pending: u64,
    blocked: u64,
    ignored: u64,
    handled: u64,
}

impl SignalSets {
    fn parse(status: &ProcessStatus) -> Option<Self> {
        // In the order of the kernel, so that one pass finds all.
        let mut fields = status.fields();
        let mut field = |name| Some(fields.find(|(field, _)| *field == name)?.1);
        let is_dead = field("State")?.starts_with(['Z', 'X']);
        let leader = Tid(field("Tgid")?.parse().ok()?);
        let tid = Tid(field("Pid")?.parse().ok()?);
        let mut signals = |name| u64::from_str_radix(field(name)?, 16).ok();
        Some(Self {
            tid,
            leader,
            is_dead,
            own_pending: signals("SigPnd")?,
            shared_pending: signals("ShdPnd")?,
            blocked: signals("SigBlk")?,
            ignored: signals("SigIgn")?,
            handled: signals("SigCgt")?,
        })
    }

    fn urge(&self, leader: impl FnOnce() -> Option<Self>) -> Option<PendingSignal> {
        if self.is_dead {
            return Some(PendingSignal::Fatal);
        }
        self.urge_of(self.own_pending).or_else(|| {
            let urge = self.urge_of(self.shared_pending)?;
            // The kernel delivers a process-wide signal to the first thread if that accepts it.
            let is_for_leader = self.tid != self.leader
                && leader().is_some_and(|leader| {
                    !leader.is_dead && leader.urge_of(leader.shared_pending).is_some()
                });
            (!is_for_leader).then_some(urge)
        })
    }

    fn urge_of(&self, pending: u64) -> Option<PendingSignal> {
        let pending = pending & !self.blocked & !self.ignored;
        if pending & !self.handled & !set(&HARMLESS) != 0 {
            Some(PendingSignal::Fatal)
        } else if pending & self.handled & set(&ENDING) != 0 {
            Some(PendingSignal::Handled)
        } else {
            None
        }
    }
}

fn set(signals: &[Signal]) -> u64 {
    // Signal numbers start at 1.
    signals.iter().fold(0, |set, signal| set | 1 << (signal.as_raw() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: SignalSets = SignalSets {
        tid: Tid(7),
        leader: Tid(7),
        is_dead: false,
        own_pending: 0,
        shared_pending: 0,
        blocked: 0,
        ignored: 0,
        handled: 0,
    };

    #[track_caller]
    fn check(status: SignalSets, want: Option<PendingSignal>) {
        assert_eq!(status.urge(|| None), want, "{status:?}");
        let own = SignalSets { own_pending: status.shared_pending, shared_pending: 0, ..status };
        assert_eq!(own.urge(|| None), want, "{own:?}");
    }

    #[test]
    fn what_ends_a_program_or_is_meant_to() {
        let pending = |signal| SignalSets { shared_pending: set(&[signal]), ..IDLE };
        check(IDLE, None);
        for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
            let of = pending(signal);
            let signals = of.shared_pending;
            check(of, Some(PendingSignal::Fatal));
            check(SignalSets { handled: signals, ..of }, Some(PendingSignal::Handled));
            check(SignalSets { blocked: signals, ..of }, None);
            check(SignalSets { ignored: signals, ..of }, None);
        }
        for signal in [Signal::KILL, Signal::SEGV, Signal::PIPE, Signal::ALARM, Signal::PROF] {
            check(pending(signal), Some(PendingSignal::Fatal));
        }
        for signal in [Signal::ALARM, Signal::PROF, Signal::USR1, Signal::CHILD, Signal::TSTP] {
            check(SignalSets { handled: set(&[signal]), ..pending(signal) }, None);
        }
        for signal in HARMLESS {
            check(pending(signal), None);
        }
        check(SignalSets { is_dead: true, ..IDLE }, Some(PendingSignal::Fatal));
    }

    #[test]
    fn a_signal_for_all_is_for_the_first_thread_if_it_takes_it() {
        let int = set(&[Signal::INT]);
        let leader = SignalSets { shared_pending: int, handled: int, ..IDLE };
        let thread = SignalSets { tid: Tid(8), ..leader };
        assert_eq!(thread.urge(|| Some(leader)), None);
        let blocks = SignalSets { blocked: int, ..leader };
        assert_eq!(thread.urge(|| Some(blocks)), Some(PendingSignal::Handled));
        let dead = SignalSets { is_dead: true, ..leader };
        assert_eq!(thread.urge(|| Some(dead)), Some(PendingSignal::Handled));
        let killed = SignalSets { own_pending: set(&[Signal::KILL]), ..thread };
        assert_eq!(killed.urge(|| Some(leader)), Some(PendingSignal::Fatal));
    }

    #[test]
    fn this_process_is_seen_as_it_is() {
        assert!(can_look());
        let me = Tid(std::process::id());
        let status = SignalSets::parse(&ProcessStatus::of(me.0).unwrap()).unwrap();
        assert_eq!((status.tid, status.leader, status.is_dead), (me, me, false));
        assert_eq!(look(me), None);
        // The largest process id is 4,194,304.
        assert_eq!(look(Tid(i32::MAX as u32)), Some(PendingSignal::Fatal));
        assert_eq!(look(Tid::UNKNOWN), None);
        assert_eq!(look(Tid(u32::MAX)), None);

        let mut child = std::process::Command::new("true").spawn().unwrap();
        let tid = Tid(child.id());
        // Not waited for, so that it is a zombie.
        tfs_testkit::until::until("the child is seen dead", || look(tid));
        child.wait().unwrap();
        assert_eq!(look(tid), Some(PendingSignal::Fatal));
    }

    #[test]
    fn what_is_no_status_is_nothing() {
        for text in ["", "Name:\tPid: 7\nPid:\tx"] {
            assert_eq!(SignalSets::parse(&ProcessStatus::parse(text.as_bytes())), None);
        }
    }
}
