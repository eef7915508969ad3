//! Programs whose reads of missing data are refused, and how often that happened.
//!
//! Indexers and virus scanners read every file of a mount. Without data there is nothing to index,
//! and waiting would download the whole library.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tfs_sys::mounting::ProgramPatterns;
use tfs_sys::process::{executable_name, shown_name};

use crate::Caller;

/// Maximum number of programs that are counted by name: a process chooses its own name.
const PROGRAMS_MAX: usize = 32;

/// The name that further programs share.
const OTHER: &str = "other";

/// How often the log mentions a program at most.
const LOG_INTERVAL: Duration = Duration::from_secs(3600);

/// A program whose reads of missing data were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedProgram {
    /// Its name, without control characters and of 64 characters at most; `other` for all programs
    /// after the first 32.
    pub name: String,
    /// Reads since the mount was made. The kernel repeats a long read page by page.
    pub reads: u64,
}

/// The programs of a mount whose reads of missing data are refused.
#[derive(Debug, Default)]
pub(crate) struct RefusedPrograms {
    patterns: ProgramPatterns,
    /// Protects the counts; held for one access.
    counts: Mutex<BTreeMap<String, RefusalCount>>,
}

#[derive(Debug, Default)]
struct RefusalCount {
    reads: u64,
    logged_at: Option<Instant>,
}

impl RefusedPrograms {
    pub(crate) fn new(patterns: ProgramPatterns) -> Self {
        Self { patterns, counts: Mutex::default() }
    }

    /// Returns the name by which a program is refused: that of its process, or else that of its
    /// executable file. May read `/proc`.
    pub(crate) fn refused_name(&self, program: &Caller) -> Option<String> {
        if self.patterns.is_empty() {
            return None;
        }
        if self.patterns.match_command(&program.command) {
            return Some(shown_name(&program.command));
        }
        let file = executable_name(program.pid)?;
        self.patterns.match_file(&file).then(|| shown_name(file.trim_end_matches(" (deleted)")))
    }

    /// Counts a read that was refused, and logs it if this program was not logged for an hour.
    pub(crate) fn on_refused(&self, name: &str, now: Instant) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = counts.contains_key(name) || counts.len() < PROGRAMS_MAX;
        let name = if is_known { name } else { OTHER };
        let count = counts.entry(name.to_owned()).or_default();
        count.reads = count.reads.saturating_add(1);
        let is_new = count
            .logged_at
            .is_none_or(|logged_at| now.saturating_duration_since(logged_at) >= LOG_INTERVAL);
        if is_new {
            count.logged_at = Some(now);
        }
        drop(counts);
        if is_new {
            tracing::info!(
                program = name,
                "a read of missing data is refused: read.refused_programs has this program, so \
                 that it downloads nothing"
            );
        }
    }

    /// Returns the programs, in the order of their names.
    pub(crate) fn list(&self) -> Vec<RefusedProgram> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let programs = counts.iter();
        programs
            .map(|(name, count)| RefusedProgram { name: name.clone(), reads: count.reads })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks by which name this process, called `command`, is refused.
    #[track_caller]
    fn check(patterns: &[&str], command: &str, want: Option<&str>) {
        let refused = RefusedPrograms::new(ProgramPatterns::new(patterns));
        let program = Caller { pid: std::process::id(), command: command.to_owned() };
        assert_eq!(refused.refused_name(&program).as_deref(), want, "{patterns:?} {command:?}");
    }

    #[test]
    fn the_process_or_its_file_is_matched() {
        check(&["updatedb"], "updatedb", Some("updatedb"));
        check(&["updatedb"], "updatedb  ", Some("updatedb"));
        check(&["updatedb*"], "updatedb\u{1b}[m", Some("updatedb\\u{1b}[m"));
        check(&["updatedb"], "mpv", None);
        check(&[], "updatedb", None);
        let file = std::env::current_exe().unwrap();
        let file = file.file_name().unwrap().to_str().unwrap();
        check(&["fuse_adapter-*"], "mpv", Some(file));
        // A process that has exited is known by its name only.
        let refused = RefusedPrograms::new(ProgramPatterns::new(["fuse_adapter-*"]));
        let exited = Caller { pid: u32::MAX, command: "mpv".to_owned() };
        assert_eq!(refused.refused_name(&exited), None);
    }

    #[test]
    fn programs_are_bounded_and_counts_only_grow() {
        let (refused, now) = (RefusedPrograms::default(), Instant::now());
        for _ in 0..2 {
            for program in 0..100 {
                refused.on_refused(&program.to_string(), now);
            }
        }
        let list = refused.list();
        assert_eq!(list.len(), PROGRAMS_MAX + 1);
        let other = list.iter().find(|program| program.name == OTHER).unwrap();
        assert_eq!(other.reads, 2 * (100 - PROGRAMS_MAX as u64));
        assert!(list.iter().all(|program| program.reads >= 2));
    }
}
