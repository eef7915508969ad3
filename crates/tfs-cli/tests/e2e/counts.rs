//! What a read in order costs, in counts that do not depend on the speed of the machine.
//!
//! The bounds are twice of what was counted on two processors with other builds beside. A change
//! that lowers the counts lowers the bounds too: this prints what it counts.
//!
//! ```sh
//! cargo test -p tfs-cli --test e2e -- --nocapture counts
//! ```

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::counts::ProcessCounts;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent};
use tfs_testkit::until::until;

use crate::support::{Mounted, status_json_below};

const LIMIT: Duration = Duration::from_secs(300);

const MIB: u64 = 1 << 20;

/// How much is read before counting: more than the memory limit, so that all buffers are there.
const WARM_BYTES: u64 = 128 * MIB;

/// How much is read while counting.
const PART_BYTES: u64 = 64 * MIB;

/// How often that is repeated until a part keeps the bounds. A server that gets no processor sends
/// drop by drop, and each drop wakes threads of tfs: ten times the switches, through no fault of
/// tfs.
const PARTS_MAX: u64 = 10;

const FILM: Content = Content::new(1, WARM_BYTES + PARTS_MAX * PART_BYTES);

/// The block size of copying programs.
const BLOCK_BYTES: usize = 1 << 20;

/// The bounds for a MiB, twice of what was counted.
const BOUNDS: PartCounts = PartCounts { requests: 8, switches: 26, faults: 200, file_calls: 22 };

/// Counts of the process behind the mount while a part was read, for each MiB, rounded up.
#[derive(Debug, Clone, Copy)]
struct PartCounts {
    /// Requests of the kernel that reached tfs.
    requests: u64,
    /// Waits of the threads of tfs.
    switches: u64,
    /// Page faults of tfs.
    faults: u64,
    /// Reads and writes of files and devices: each request of the kernel, its answer, and wake-ups
    /// by `eventfd`.
    file_calls: u64,
}

impl PartCounts {
    /// Reads a part, and counts.
    fn of(dir: &Path, pid: u32, file: &mut File, offset: u64) -> Self {
        let reads = || status_json_below(dir)[0]["reads"]["reads"].as_u64().unwrap();
        let (reads_before, before) = (reads(), ProcessCounts::of(pid).unwrap());
        read_in_order(file, offset, PART_BYTES);
        let counts = ProcessCounts::of(pid).unwrap() - before;
        let per_mib = |count: u64| count.div_ceil(PART_BYTES / MIB);
        Self {
            requests: per_mib(reads() - reads_before),
            switches: per_mib(counts.voluntary_switches),
            faults: per_mib(counts.page_faults),
            file_calls: per_mib(counts.read_calls + counts.write_calls),
        }
    }

    fn are_within(self, bounds: Self) -> bool {
        self.requests <= bounds.requests
            && self.switches <= bounds.switches
            && self.faults <= bounds.faults
            && self.file_calls <= bounds.file_calls
    }
}

#[test]
fn a_mebibyte_in_order_costs_a_bounded_number_of_system_events() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let mut film = FakeTorrent::folder(1, "film", 1 << 20, &[("film.mkv", FILM)]);
        film.is_complete = true;
        let server = FakeRqbit::start(vec![film]).unwrap();
        // Polls would count more, the longer a read takes.
        let mounted = Mounted::with(dir, &server.url(), &["--poll-interval", "1h"]);
        let pid = u32::try_from(mounted.pid().unwrap().as_raw()).unwrap();
        let path = mounted.path.join("film/film.mkv");
        let mut file = until("the file is shown", || File::open(&path).ok());

        read_in_order(&mut file, 0, WARM_BYTES);
        let mut parts = Vec::new();
        for nth in 0..PARTS_MAX {
            let part = PartCounts::of(dir, pid, &mut file, WARM_BYTES + nth * PART_BYTES);
            println!("for each MiB: {part:?}");
            if part.are_within(BOUNDS) {
                return;
            }
            parts.push(part);
        }
        panic!("no part is within {BOUNDS:?}: {parts:?}");
    });
}

/// Reads the next part of the film, from `offset` on, and checks its bytes.
fn read_in_order(file: &mut File, offset: u64, len: u64) {
    let mut block = vec![0; BLOCK_BYTES];
    for at in (offset..offset + len).step_by(BLOCK_BYTES) {
        file.read_exact(&mut block).unwrap();
        FILM.check(at, &block).unwrap();
    }
}
