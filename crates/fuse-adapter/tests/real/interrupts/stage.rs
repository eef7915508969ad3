//! A mount whose files do not respond, and programs that wait for them.

use std::path::{Path, PathBuf};

use fuse_adapter::FuseMount;
use rustix::process::Signal;
use tfs_testkit::fake::{directory, file_id};

use super::cases::Wait;
use super::program::{Program, RunningProgram};
use crate::support::{Fixture, eventually};

/// Length of the files: more than a read-ahead window.
const FILE_BYTES: u64 = 3_000_000;

/// A mount with a file for each round.
pub(super) struct InterruptStage {
    pub(super) fixture: Fixture,
    pub(super) mount: FuseMount,
    used_count: u32,
}

impl InterruptStage {
    pub(super) fn new(dir: &Path, files_max: usize) -> Self {
        let names: Vec<_> = (0..files_max).map(|index| index.to_string()).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), FILE_BYTES)).collect();
        let fixture = Fixture::new([directory(1, "t", &files)]);
        let mount = fixture.mount(dir);
        Self { fixture, mount, used_count: 0 }
    }

    /// Returns a file that does not respond, and its index.
    pub(super) fn held_file(&mut self) -> (u32, PathBuf) {
        let index = self.used_count;
        self.used_count += 1;
        self.fixture.source.fake.hold(file_id(1, index));
        (index, self.mount.mountpoint().join("t").join(index.to_string()))
    }

    pub(super) fn until_opened(&self, index: u32, is_right: impl Fn(u64) -> bool) {
        eventually("the read reaches the source", || {
            let opened = self.fixture.source.fake.opened();
            let mut reads = opened.iter().filter(|(file, _)| *file == file_id(1, index));
            reads.any(|(_, range)| is_right(range.len()))
        });
    }

    /// Returns a waiting program.
    pub(super) fn waiting(&mut self, program: Program, wait: Wait) -> RunningProgram {
        let (index, path) = self.held_file();
        if wait == Wait::First {
            let running = program.start(&path);
            self.until_opened(index, |_| true);
            return running;
        }
        let other = Program::Cat.start(&path);
        self.until_opened(index, |_| true);
        let running = program.start(&path);
        // It waits for a page of the other's read-ahead, until that fails for the other.
        running.until_waits_for(&path);
        assert_eq!(other.end_by(Signal::KILL).0.to_string(), "signal 9");
        self.until_opened(index, |len| len == 4096);
        running
    }

    /// Returns after the waiting threads were polled: a reader that only tfs can release is
    /// released.
    pub(super) fn until_looked(&mut self) {
        let witness = self.waiting(Program::Dd(Some("iflag=direct")), Wait::First);
        assert_eq!(witness.end_by(Signal::KILL).0.to_string(), "signal 9");
    }
}
