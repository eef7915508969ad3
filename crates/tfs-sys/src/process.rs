//! Processes and threads as `/proc` shows them.
//!
//! macOS has no `/proc`: there each of these calls reports an error, `None` or no processes.

use std::fs::{self, File};
use std::io::{self, Read as _};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// Larger than any `/proc/<pid>/status`, so that one call reads it: its length is not known before.
const STATUS_BYTES: usize = 4096;

/// Maximum length of a name that is shown, in characters. File names have up to 255 bytes.
const SHOWN_CHARS_MAX: usize = 64;

/// The status of a process or thread: `/proc/<pid>/status` (`proc_pid_status(5)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessStatus(String);

impl ProcessStatus {
    /// Reads the status of this process.
    ///
    /// # Errors
    /// If `/proc` is not mounted.
    pub fn of_this_process() -> io::Result<Self> {
        Self::read("self")
    }

    /// Reads the status of a process or thread; threads are readable although no listing of `/proc`
    /// shows them. Takes no lock that a thread may hold.
    ///
    /// # Errors
    /// If it has exited, has no such id in this PID namespace, or is hidden (mount option
    /// `hidepid`).
    pub fn of(id: u32) -> io::Result<Self> {
        Self::read(&id.to_string())
    }

    fn read(name: &str) -> io::Result<Self> {
        let mut bytes = Vec::with_capacity(STATUS_BYTES);
        File::open(format!("/proc/{name}/status"))?.read_to_end(&mut bytes)?;
        Ok(Self::parse(&bytes))
    }

    /// Parses the content of the file. The name of a process need not be UTF-8.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Returns the names and values of the fields, in the order of the kernel.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.0.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name, value.trim()))
    }

    /// Returns the value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// Returns the value of a field that is a hexadecimal set of bits, such as signals or
    /// capabilities.
    #[must_use]
    pub fn bits(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(self.field(name)?, 16).ok()
    }
}

/// Returns the signals that this process ignores, one bit each; the lowest bit is signal 1. Signals
/// with a handler are not among them.
///
/// # Errors
/// On Linux if `/proc` is not mounted.
pub fn ignored_signals() -> io::Result<u64> {
    #[cfg(target_os = "linux")]
    {
        let status = ProcessStatus::of_this_process()?;
        let no_field = || io::Error::other("/proc/self/status does not list them");
        status.bits("SigIgn").ok_or_else(no_field)
    }
    #[cfg(not(target_os = "linux"))]
    Ok((1..=SIGNALS_MAX)
        .filter(|signal| is_ignored(*signal))
        .fold(0, |set, signal| set | 1_u64.checked_shl(signal.saturating_sub(1)).unwrap_or(0)))
}

/// The highest signal of macOS (`signal.h`, `NSIG`).
#[cfg(not(target_os = "linux"))]
const SIGNALS_MAX: u32 = 31;

#[cfg(not(target_os = "linux"))]
fn is_ignored(signal: u32) -> bool {
    let Ok(signal) = libc::c_int::try_from(signal) else { return false };
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    #[expect(unsafe_code, reason = "no safe crate asks for the action of a signal")]
    // SAFETY: without a new action the call changes nothing; it writes one structure.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    #[expect(unsafe_code, reason = "the kernel fills the structure")]
    // SAFETY: it was zeroed, and it consists of numbers.
    let action = unsafe { action.assume_init() };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Returns the name of a process, truncated to 15 bytes. `None` if it has exited or is hidden.
#[must_use]
pub fn command(pid: u32) -> Option<String> {
    let command = fs::read(format!("/proc/{pid}/comm")).ok()?;
    // It need not be UTF-8.
    Some(String::from_utf8_lossy(&command).trim_end().to_owned())
}

/// Returns the name of the file that a process runs: of a script, that of its interpreter. It ends
/// with ` (deleted)` if the file is gone. `None` if the process has exited, is hidden, or belongs
/// to another user and this process has no right to trace it.
#[must_use]
pub fn executable_name(pid: u32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// Returns the name of a program as it may be shown and logged: without blanks around it, with
/// control characters escaped, and cut after 64 characters. A process chooses its own name.
#[must_use]
pub fn shown_name(name: &str) -> String {
    let mut shown = String::new();
    for char in name.trim().chars().take(SHOWN_CHARS_MAX) {
        if char.is_control() {
            shown.extend(char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown.chars().take(SHOWN_CHARS_MAX).collect()
}

/// Returns whether the system shows that a process was stopped by a signal or a debugger. macOS
/// shows it in no file, so the answer is always `false` there.
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The program name is in parentheses, and may contain any characters.
    let state = text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('T' | 't'))
}

/// Returns whether a process exists, of any user. `None` if `pid` cannot be one.
#[must_use]
pub fn exists(pid: u32) -> Option<bool> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    Some(test_kill_process(pid) != Err(Errno::SRCH))
}

/// Returns the ids of the visible processes.
pub fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_ignores_sigpipe() {
        // Signal 13, on Linux and on macOS.
        assert_eq!(ignored_signals().unwrap() >> 12 & 1, 1);
        let status = "Name:\ttfs\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000004001\n";
        assert_eq!(ProcessStatus::parse(status.as_bytes()).bits("SigIgn"), Some(0x4001));
        assert_eq!(ProcessStatus::parse(b"Name:\ttfs\n").bits("SigIgn"), None);
    }

    #[test]
    fn fields_have_a_name_and_a_value() {
        let status = ProcessStatus::parse(
            b"Name:\tt\xfff:s\nTgid:\t7\nCapEff:\t000001ffffffffff\nNoNewPrivs:\t1\ngarbage\n",
        );
        assert_eq!(status.field("Name"), Some("t\u{fffd}f:s"));
        assert_eq!(status.field("Tgid"), Some("7"));
        assert_eq!(status.bits("CapEff"), Some(0x1ff_ffff_ffff));
        assert_eq!(status.field("garbage"), None);
        assert_eq!(status.bits("Name"), None);
        assert_eq!(status.fields().count(), 4);
        assert_eq!(ProcessStatus::parse(b"").fields().count(), 0);
    }

    #[test]
    fn names_are_cut_and_have_no_control_characters() {
        assert_eq!(shown_name(&"\u{7}\n".repeat(99)).chars().count(), SHOWN_CHARS_MAX);
        assert_eq!(shown_name("a\nb\u{1b}[m"), "a\\nb\\u{1b}[m");
        assert_eq!(shown_name(" \u{e9}t\u{e9} "), "\u{e9}t\u{e9}");
    }

    #[test]
    fn this_process_is_visible() {
        let me = std::process::id();
        let status = ProcessStatus::of_this_process().unwrap();
        assert_eq!(status.field("Pid").unwrap().parse(), Ok(me));
        assert_eq!(ProcessStatus::of(me).unwrap().field("Name"), status.field("Name"));
        assert!(ProcessStatus::of(u32::MAX).is_err());
        assert!(pids().any(|pid| pid == me));
        assert!(command(me).is_some_and(|command| !command.is_empty()));
        assert_eq!(command(u32::MAX), None);
        let file = std::env::current_exe().unwrap();
        assert_eq!(executable_name(me).as_deref(), file.file_name().unwrap().to_str());
        assert_eq!(executable_name(u32::MAX), None);
    }
}
