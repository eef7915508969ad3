//! Logging of panics: a mount in the background reports them nowhere else.
//!
//! A panic of rqbit inside the process ends the request or torrent that caused it. It is not a bug
//! of tfs, so it is one line without a backtrace.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

/// The name of the threads of the embedded server (`rqbit-embedded/src/runtime.rs`).
const RQBIT_THREAD: &str = "rqbit";

/// Part of the source paths of rqbit's libraries.
const RQBIT_SOURCE: &str = "/librqbit";

/// Logs panics as errors from now on, with their location. They are bugs. Each costs one request
/// (`fuse-adapter`) or one stream (`vfs-core`), and a bug report needs the location.
pub(super) fn log() {
    panic::set_hook(Box::new(log_one));
}

fn log_one(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let place = place.as_deref().unwrap_or("an unknown place");
    let thread = thread::current();
    let thread = thread.name().unwrap_or_default();
    // The message may contain the name of a torrent.
    let reason = info.payload_as_str().unwrap_or("no reason is given");
    if thread == RQBIT_THREAD || place.contains(RQBIT_SOURCE) {
        tracing::warn!(place, ?reason, "the rqbit inside this process failed at a request");
        return;
    }
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    let backtrace = backtrace.as_ref().map(tracing::field::display);
    tracing::error!(place, thread, ?reason, backtrace, "panic: this is a bug of tfs");
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::fmt;

    use super::super::memory::MemoryWriter;
    use super::*;

    /// Returns the log of a panic in a thread with this name.
    fn logged(name: &str, panicking: fn()) -> String {
        let memory = MemoryWriter::default();
        let writer = memory.clone();
        let subscriber =
            fmt().with_writer(move || writer.clone()).with_ansi(false).without_time().finish();
        let thread = thread::Builder::new().name(name.to_owned());
        let panicking = thread.spawn(move || {
            tracing::subscriber::with_default(subscriber, || {
                drop(panic::catch_unwind(panicking));
            });
        });
        panicking.unwrap().join().unwrap();
        memory.text()
    }

    #[test]
    fn a_panic_is_logged_with_its_place() {
        let before = panic::take_hook();
        log();
        let text = logged("a thread", || panic!("the \u{1b} of a test"));
        // A panic of rqbit, as for a torrent with a piece length of zero, is logged as one of
        // rqbit.
        let of_rqbit = logged("rqbit", || panic!("attempt to divide by zero"));
        panic::set_hook(before);
        assert!(text.starts_with("ERROR"), "{text}");
        let wanted = ["this is a bug of tfs", "panics.rs:", r"the \u{1b} of a test"];
        assert!(wanted.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(of_rqbit.lines().count(), 1, "{of_rqbit}");
        assert!(of_rqbit.contains("WARN") && of_rqbit.contains("rqbit inside"), "{of_rqbit}");
        assert!(!of_rqbit.contains("bug of tfs"), "{of_rqbit}");
    }
}
