//! Signals that a command handles, except those that were ignored at its start.
//!
//! A handler for an ignored signal would undo the effect of `nohup` and similar programs.

use std::fs::File;

use eyre::WrapErr as _;
use tfs_sys::process::ignored_signals;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output;

/// The controlling terminal. A process without one cannot open it (`tty(4)`).
const TERMINAL: &str = "/dev/tty";

/// A signal. `None` if it is ignored; then it never comes.
#[derive(Debug)]
struct Heard(Option<Signal>);

impl Heard {
    fn new(kind: SignalKind, ignored: Ignored) -> eyre::Result<Self> {
        let signal = if ignored.has(kind) { None } else { Some(signal(kind)?) };
        Ok(Self(signal))
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// The signals that end a command cleanly. SIGHUP is one of them: users do not expect a command to
/// outlive its terminal.
#[derive(Debug)]
pub(crate) struct Signals([Heard; 3]);

impl Signals {
    pub(crate) fn new() -> eyre::Result<Self> {
        let ignored = Ignored::at_start()?;
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(|kind| Heard::new(kind, ignored));
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    /// Resolves when one of the signals comes.
    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            () = interrupt.next() => {}
            () = terminate.next() => {}
            () = hangup.next() => {}
        }
    }
}

/// The meaning of SIGHUP to a process that serves mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// Its terminal is gone: the process ends.
    Ends,
    /// It has no terminal: the signal was sent on purpose, and the process reloads.
    Reloads,
}

impl Hangup {
    /// Returns the meaning for this process, by whether it has a controlling terminal. Standard
    /// input and output may be redirected, so the terminal itself is opened.
    pub(crate) fn of_this_process() -> Self {
        if File::open(TERMINAL).is_ok() { Self::Ends } else { Self::Reloads }
    }
}

/// The signals of a process that serves mounts.
#[derive(Debug)]
pub(crate) struct ServiceSignals {
    ends: [Heard; 2],
    hangup: Heard,
    on_hangup: Hangup,
}

/// The request that a signal makes to a process that serves mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceSignal {
    /// To end.
    End,
    /// To apply external changes.
    Reload,
}

impl ServiceSignals {
    pub(crate) fn new(on_hangup: Hangup) -> eyre::Result<Self> {
        let ignored = Ignored::at_start()?;
        let heard = |kind| Heard::new(kind, ignored);
        Ok(Self {
            ends: [heard(SignalKind::interrupt())?, heard(SignalKind::terminate())?],
            hangup: heard(SignalKind::hangup())?,
            on_hangup,
        })
    }

    /// Returns the request of the next signal.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn next(&mut self) -> ServiceSignal {
        let [interrupt, terminate] = &mut self.ends;
        tokio::select! {
            () = interrupt.next() => {
                output::end_interrupted_line();
                ServiceSignal::End
            }
            () = terminate.next() => ServiceSignal::End,
            () = self.hangup.next() => match self.on_hangup {
                Hangup::Ends => ServiceSignal::End,
                Hangup::Reloads => ServiceSignal::Reload,
            },
        }
    }

    /// Resolves when a signal requests the end.
    pub(crate) async fn end(&mut self) {
        while self.next().await != ServiceSignal::End {}
    }
}

/// A set of signals, one bit each; the lowest bit is signal 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ignored(u64);

impl Ignored {
    /// Returns the signals that this process ignores. Signals with a handler are not among them, so
    /// later calls return the same.
    fn at_start() -> eyre::Result<Self> {
        let ignored = ignored_signals().wrap_err("cannot find out which signals are ignored")?;
        Ok(Self(ignored))
    }

    fn has(self, kind: SignalKind) -> bool {
        let bit = u32::try_from(kind.as_raw_value() - 1).ok();
        bit.and_then(|bit| self.0.checked_shr(bit)).is_some_and(|mask| mask & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_signals_has_a_bit_for_each() {
        let ignored = Ignored(0x4001);
        assert!(ignored.has(SignalKind::hangup()) && ignored.has(SignalKind::terminate()));
        assert!(!ignored.has(SignalKind::interrupt()));
        // Rust ignores SIGPIPE in every program.
        assert!(Ignored::at_start().unwrap().has(SignalKind::pipe()));
    }
}
