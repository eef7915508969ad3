//! A hundred concurrent readers of a hundred files, and their memory.

use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;

use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, TorrentSpec};

use crate::figures::{FigureReport, Want, megabytes};
use crate::mount::TfsMount;
use crate::process;
use crate::rqbits::{MIB, PIECE_BYTES, Rqbits};

const FILES: u64 = 100;

/// All files together are several times the memory limit.
const FILE_BYTES: u64 = 6 * MIB;

/// The default limit of all buffers, plus a fifth for everything else.
const GROWTH_MAX: u64 = 128 * MIB * 120 / 100;

pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    report.step("100 readers of 100 complete files");
    let files = (0..FILES).map(|idx| (format!("{idx:02}.bin"), Content::new(idx, FILE_BYTES)));
    let mut spec = TorrentSpec::directory("many", files);
    spec.seed.piece_length = Some(PIECE_BYTES);
    let rqbits = Rqbits::start(Swarm::builder().torrent(spec));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_finished(&torrent);
    let mount = TfsMount::new(dir, &rqbits.swarm.api_url(), &[]);

    let before = process::restart_peak(mount.pid());
    let start = Arc::new(Barrier::new(torrent.files.len()));
    let readers: Vec<_> = torrent
        .files
        .iter()
        .map(|file| {
            let (start, content) = (Arc::clone(&start), file.content);
            let path = mount.path.join(&torrent.name).join(file.path());
            thread::spawn(move || {
                start.wait();
                content.check_file(&path)
            })
        })
        .collect();
    let mut right = 0;
    for reader in readers {
        match reader.join().unwrap() {
            Ok(()) => right += 1,
            Err(error) => println!("memory: a reader failed: {error}"),
        }
    }
    let growth = process::peak(mount.pid()).saturating_sub(before);
    report.figure("RSS before", megabytes(before), "MB", Want::Nothing);
    let max = Want::AtMost(megabytes(GROWTH_MAX));
    report.figure("RSS grows by at most", megabytes(growth), "MB", max);
    report.all("readers that got the right bytes", right, torrent.files.len());
}
