//! The kernel's timeout for FUSE requests. If one request takes longer, the kernel aborts the whole
//! mount with all of its open files (Linux 6.15, `fs.fuse.default_request_timeout` and
//! `fs.fuse.max_request_timeout`; <https://github.com/borgbackup/borg/issues/10044>).

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use vfs_core::ReadPolicy;

/// Directory of the kernel's settings.
const PROC_SYS: &str = "/proc/sys";

/// Timeout of connections that request none, such as those of tfs: fuser sends 0.
const DEFAULT_KEY: &str = "fs.fuse.default_request_timeout";

/// Upper bound for the timeout of any connection.
const MAX_KEY: &str = "fs.fuse.max_request_timeout";

/// The share of the timeout that is reserved for the kernel: a request waits in its queue before
/// tfs reads it. The kernel checks for expired requests only every 15 s, so it never aborts early.
const MARGIN_SHARE: u32 = 5;

/// Upper bound for the reserved time: no thread of tfs is busy with other requests for longer.
const MARGIN_MAX: Duration = Duration::from_secs(10);

/// The time after which the kernel aborts a mount with an unanswered request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelTimeout {
    /// The timeout.
    pub limit: Duration,
    /// The kernel setting that it comes from.
    pub key: &'static str,
}

impl KernelTimeout {
    /// Returns the timeout of a mount that is created now. `None` if there is none, as by default
    /// and before Linux 6.15.
    #[must_use]
    pub fn of_this_machine() -> Option<Self> {
        Self::read(Path::new(PROC_SYS))
    }

    /// Like [`Self::of_this_machine`], with another directory for `/proc/sys`.
    fn read(proc_sys: &Path) -> Option<Self> {
        let read = |key: &'static str| {
            let text = fs::read_to_string(proc_sys.join(key.replace('.', "/"))).ok()?;
            let seconds: u64 = text.trim().parse().ok()?;
            (seconds > 0).then_some(Self { limit: Duration::from_secs(seconds), key })
        };
        // The default applies to tfs, but the maximum bounds it.
        let timeouts = [read(DEFAULT_KEY), read(MAX_KEY)];
        timeouts.into_iter().flatten().min_by_key(|timeout| timeout.limit)
    }

    /// Returns the maximum duration of a read whose answer must be in time.
    #[must_use]
    pub fn read_time_max(&self) -> Duration {
        let margin = (self.limit / MARGIN_SHARE).min(MARGIN_MAX);
        self.limit.saturating_sub(margin)
    }

    /// Shortens the deadlines of reads to what the kernel allows. Returns whether any changed.
    pub(crate) fn cut(&self, read: &mut ReadPolicy) -> bool {
        let time_max = self.read_time_max();
        let before = *read;
        read.timeout = read.timeout.min(time_max);
        read.timeout_max = read.timeout_max.max(before.timeout).min(time_max);
        read.timeout != before.timeout || read.timeout_max < before.timeout_max
    }

    /// Returns the command that disables the timeout for later mounts.
    #[must_use]
    pub fn fix(&self) -> String {
        format!("sudo sysctl {}=0   # then mount anew", self.key)
    }
}

impl fmt::Display for KernelTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, time_max) = (self.limit.as_secs(), self.read_time_max().as_secs());
        write!(
            f,
            "the kernel aborts a mount after {limit} s without an answer ({}={limit}), so reads \
             end after {time_max} s",
            self.key
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], (timeout, timeout_max): (u64, u64), want: &str) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("fs/fuse")).unwrap();
        for (name, text) in files {
            fs::write(dir.path().join("fs/fuse").join(name), text).unwrap();
        }
        let seconds = Duration::from_secs;
        let mut read = ReadPolicy {
            timeout: seconds(timeout),
            timeout_max: seconds(timeout_max),
            ..ReadPolicy::default()
        };
        let found = KernelTimeout::read(dir.path());
        let is_cut = found.is_some_and(|found| found.cut(&mut read));
        let times = (read.timeout.as_secs(), read.timeout_max.as_secs());
        let limit = found.map(|found| (found.limit.as_secs(), found.key));
        assert_eq!(format!("{limit:?} {times:?} {is_cut}"), want);
    }

    /// <https://github.com/borgbackup/borg/issues/10044>: a mount was aborted by one slow request.
    #[test]
    fn borg_10044_no_read_takes_longer_than_the_kernel_waits() {
        // Before Linux 6.15, by default, and with invalid values.
        check(&[], (60, 600), "None (60, 600) false");
        check(&[("default_request_timeout", "0\n")], (60, 600), "None (60, 600) false");
        check(&[("max_request_timeout", "x")], (60, 600), "None (60, 600) false");
        let default = |text| [("default_request_timeout", text), ("max_request_timeout", "0\n")];
        let key = r#""fs.fuse.default_request_timeout""#;
        check(&default("20\n"), (60, 600), &format!("Some((20, {key})) (16, 16) true"));
        check(&default("300\n"), (60, 600), &format!("Some((300, {key})) (60, 290) true"));
        check(&default("3600\n"), (60, 600), &format!("Some((3600, {key})) (60, 600) false"));
        check(&default("1\n"), (60, 600), &format!("Some((1, {key})) (0, 0) true"));
        check(&default("20\n"), (5, 5), &format!("Some((20, {key})) (5, 5) false"));
        // The maximum applies to all connections, also if the default is longer.
        let both = [("default_request_timeout", "100\n"), ("max_request_timeout", "30\n")];
        let key = r#""fs.fuse.max_request_timeout""#;
        check(&both, (60, 600), &format!("Some((30, {key})) (24, 24) true"));
        check(&both[1..], (10, 600), &format!("Some((30, {key})) (10, 24) true"));
    }
}
