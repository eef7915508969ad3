//! Table of programs, signals and expected ends.

use rustix::process::Signal;

use super::program::Program;

/// The read in which a program waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Its first read.
    First,
    /// The kernel's single-page retry after a failed read-ahead.
    SinglePage,
}

/// A program, its wait, the signal, and the expected end.
pub(super) type InterruptCase = (&'static str, Program, Wait, Signal, &'static str);

#[rustfmt::skip]
pub(super) const CASES: &[InterruptCase] = &[
    ("cat", Program::Cat, Wait::First, Signal::INT, "signal 2"),
    ("cat", Program::Cat, Wait::First, Signal::TERM, "signal 15"),
    ("cat", Program::Cat, Wait::First, Signal::KILL, "signal 9"),
    ("cat, which dumps core", Program::Cat, Wait::First, Signal::QUIT, "signal 3"),
    ("cat, single page", Program::Cat, Wait::SinglePage, Signal::INT, "signal 2"),
    ("cat, single page", Program::Cat, Wait::SinglePage, Signal::KILL, "signal 9"),
    ("dd, which handles it", Program::Dd(None), Wait::First, Signal::INT, "signal 2"),
    ("dd, O_DIRECT", Program::Dd(Some("iflag=direct")), Wait::First, Signal::INT, "signal 2"),
    ("dd, O_DIRECT", Program::Dd(Some("iflag=direct")), Wait::First, Signal::KILL, "signal 9"),
    ("Python", Program::Python("read()"), Wait::First, Signal::INT,
        "signal 2, KeyboardInterrupt"),
    ("Python, handler returns",
        Program::Python("on(signal.SIGINT); print(said(read))"),
        Wait::First, Signal::INT, "exit 0, ECANCELED"),
    ("Python, handler raises",
        Program::Python("on(signal.SIGTERM, lambda *_: sys.exit(3)); read()"),
        Wait::First, Signal::TERM, "exit 3"),
    ("read(2), handler sets a flag",
        Program::Python("on(signal.SIGINT); print(read_once())"),
        Wait::First, Signal::INT, "exit 0, EINTR"),
    ("read(2), handler, SA_RESTART",
        Program::Python("on(signal.SIGTERM, restart=True); print(read_once())"),
        Wait::First, Signal::TERM, "exit 0, EINTR"),
    ("read(2), handler, single page",
        Program::Python("on(signal.SIGINT); print(read_once())"),
        Wait::SinglePage, Signal::INT, "exit 0, EINTR"),
    ("mmap", Program::Python("touch()"), Wait::First, Signal::KILL, "signal 9"),
    ("mmap", Program::Python("touch()"), Wait::First, Signal::TERM, "signal 15"),
    ("mmap, handler", Program::Python("touch()"), Wait::First, Signal::INT, "signal 7"),
    ("mmap, single page", Program::Python("touch(mmap.MADV_RANDOM)"),
        Wait::First, Signal::KILL, "signal 9"),
    ("mmap, single page, handler", Program::Python("touch(mmap.MADV_RANDOM)"),
        Wait::First, Signal::INT, "signal 7"),
    ("threads, another waits", Program::Python("threading.Thread(target=read).start()"),
        Wait::First, Signal::TERM, "signal 15"),
    ("threads, another waits, handler",
        Program::Python("on(signal.SIGINT, lambda *_: os._exit(3))
threading.Thread(target=read).start()
threading.Event().wait()"),
        Wait::First, Signal::INT, "exit 3"),
    ("threads, the first waits",
        Program::Python("threading.Thread(target=threading.Event().wait, daemon=True).start()
read()"),
        Wait::First, Signal::INT, "signal 2, KeyboardInterrupt"),
    ("threads, the first does not take it",
        Program::Python("on(signal.SIGINT)
def other():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    print(read_once(), flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
threading.Thread(target=other).start()"),
        Wait::First, Signal::INT, "exit 0, EINTR"),
];
