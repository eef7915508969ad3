//! What `df` and monitors of disks see of a mount.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::support::{Mounted, Rqbits, run};

const LIMIT: Duration = Duration::from_secs(90);

/// Two blocks of 1 KiB, the unit of `df -P`.
const FILE_BYTES: u64 = 40_960;

/// Runs `df`, and returns the fields of the mount's line.
fn df(flags: &[&str], path: &Path) -> Vec<String> {
    let text = run(Command::new("df").args(flags).arg(path).env("LC_ALL", "C"));
    let line = text.lines().nth(1).unwrap();
    line.split_whitespace().skip(1).take(4).map(str::to_owned).collect()
}

/// Returns whether the rule of a monitor for a filesystem that is almost full fires: less than 10 %
/// available, as with `node_filesystem_avail_bytes / node_filesystem_size_bytes` of node_exporter.
fn fires(size: u64, available: u64) -> bool {
    size > 0 && available as f64 / (size as f64) < 0.1
}

#[test]
fn a_complete_library_is_no_full_disk_unless_that_is_wanted() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let torrent = TorrentSpec::file("film.mkv", Content::new(1, FILE_BYTES));
        let rqbits = Rqbits::start(Swarm::builder().torrent(torrent));
        for torrent in rqbits.swarm.torrents() {
            rqbits.wait_finished(torrent);
        }
        for (flags, want, is_alarm) in [
            (&[][..], ["40", "0", "40", "0%"], false),
            (&["--disk-usage", "none"], ["40", "0", "40", "0%"], false),
            (&["--disk-usage", "downloaded"], ["40", "40", "0", "100%"], true),
        ] {
            let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), flags);
            assert_eq!(df(&["-P", "-k"], &mounted.path), want, "{flags:?}");
            let stat = rustix::fs::statvfs(&mounted.path).unwrap();
            let (size, available) = (stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize);
            assert_eq!(fires(size, available), is_alarm, "{flags:?}");
            // Neither the inodes: the root and the file.
            assert_eq!(df(&["-P", "-i"], &mounted.path), ["2", "0", "2", "0%"], "{flags:?}");
            assert_eq!((stat.f_files, stat.f_ffree), (2, 2));
            mounted.unmount();
        }
    });
}
