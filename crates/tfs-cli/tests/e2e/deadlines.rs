//! Reads of slowly arriving data.

use std::fs::File;
use std::io::Read as _;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, run, tfs};

const LIMIT: Duration = Duration::from_secs(180);

const READ_TIMEOUT: Duration = Duration::from_secs(4);

const PIECE_BYTES: u32 = 8 << 20;

/// A piece takes five times the time-out.
const DOWNLOAD_BPS: u32 = PIECE_BYTES / 20;

/// Issue 16 D2: reads of 16 MiB pieces from peers of 100 kB/s failed after 60 s, repeatedly.
#[test]
fn a_large_piece_from_a_slow_peer_is_waited_for() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let content = Content::new(1, u64::from(PIECE_BYTES) * 2);
        let mut slow = TorrentSpec::file("slow.bin", content);
        slow.seed.piece_length = Some(PIECE_BYTES);
        let rqbits = Rqbits::start(Swarm::builder().torrent(slow).download_bps(DOWNLOAD_BPS));
        let timeout = format!("{}s", READ_TIMEOUT.as_secs());
        let flags = ["--read-timeout", &timeout, "--read-timeout-max", "150s"];
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &flags);

        let path = mounted.path.join("slow.bin");
        let began_at = Instant::now();
        let reader = thread::spawn(move || {
            let mut block = vec![0; 4096];
            File::open(path).unwrap().read_exact(&mut block).map(|()| block)
        });
        let status = |command: &mut Command| run(command);
        let wait = until("the time left is known", || {
            let status = status(tfs(dir).args(["status", "--json"]));
            let status: Value = serde_json::from_str(&status).unwrap();
            let wait = status[0]["readers"][0]["waits"].clone();
            (wait["left_millis"].is_u64() || reader.is_finished()).then_some(wait)
        });
        assert_eq!(wait["piece_bytes"], PIECE_BYTES, "{wait}");
        let text = status(tfs(dir).arg("status"));
        assert!(text.contains("(8 MiB piece, about ") && text.contains(" s left)"), "{text}");

        let block = reader.join().unwrap().unwrap();
        content.check(0, &block).unwrap();
        let took = began_at.elapsed();
        assert!(took > READ_TIMEOUT, "the piece came in {took:?}, so that this shows nothing");
        mounted.unmount();
    });
}
