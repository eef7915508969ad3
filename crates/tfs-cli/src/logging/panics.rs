//! Panics in the log: a mount in the background has no other place for them.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

/// Has panics logged from now on, as errors, with their place. They are bugs, each of which costs
/// one request (`fuse-adapter`) or one stream (`vfs-core`), and whoever reports one needs this.
pub(super) fn log() {
    panic::set_hook(Box::new(log_one));
}

fn log_one(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let place = place.as_deref().unwrap_or("an unknown place");
    let thread = thread::current();
    let thread = thread.name().unwrap_or_default();
    // It may quote a name of a torrent.
    let reason = info.payload_as_str().unwrap_or("no reason is given");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    let backtrace = backtrace.as_ref().map(tracing::field::display);
    tracing::error!(place, thread, ?reason, backtrace, "panic: this is a bug of tfs");
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::fmt;

    use super::super::memory::Memory;
    use super::*;

    #[test]
    fn a_panic_is_logged_with_its_place() {
        let memory = Memory::default();
        let writer = memory.clone();
        let subscriber =
            fmt().with_writer(move || writer.clone()).with_ansi(false).without_time().finish();
        let before = panic::take_hook();
        log();
        tracing::subscriber::with_default(subscriber, || {
            drop(panic::catch_unwind(|| panic!("the \u{1b} of a test")));
        });
        panic::set_hook(before);
        let text = memory.text();
        assert!(text.starts_with("ERROR"), "{text}");
        let wanted = ["this is a bug of tfs", "panics.rs:", r"the \u{1b} of a test"];
        assert!(wanted.iter().all(|part| text.contains(part)), "{text}");
    }
}
