//! Files of a server on the same machine: read from its disk after verification, and never wrong.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;
use rqbit_client::Bitfield;
use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, check_file, check_range, run, tfs};

mod restart;

const LIMIT: Duration = Duration::from_secs(120);

const FILM_BYTES: u64 = 4_000_003;

/// The piece length of all torrents here.
const PIECE_BYTES: u64 = 64 * 1024;

fn film() -> TorrentSpec {
    let files = [("film.mkv", FILM_BYTES), ("note.txt", 77), ("other.mkv", 1_000_001)];
    let contents = (40..).zip(files).map(|(seed, (path, len))| (path, Content::new(seed, len)));
    let mut spec = TorrentSpec::directory("Film", contents);
    spec.seed.piece_length = Some(u32::try_from(PIECE_BYTES).unwrap());
    spec
}

/// The length of the run of pieces of which half is read. The kernel reads up to as much ahead.
const RUN_PIECES: u32 = 16;

struct LocalStage {
    rqbits: Rqbits,
    torrent: SwarmTorrent,
    url: String,
    dir: PathBuf,
}

impl LocalStage {
    /// Starts servers and waits until a torrent is complete.
    fn finished(dir: &Path) -> Self {
        let rqbits = Rqbits::start(Swarm::builder().torrent(film()));
        let torrent = rqbits.swarm.torrents()[0].clone();
        rqbits.wait_finished(&torrent);
        let url = rqbits.swarm.api_url();
        Self { rqbits, torrent, url, dir: dir.to_owned() }
    }

    /// Mounts without passthrough, whose reads cannot be counted.
    fn mount(&self, local_paths: &str) -> Mounted {
        Mounted::with_local(&self.dir, &self.url, local_paths, &["--passthrough", "off"])
    }

    fn mount_as_users_do(&self) -> Mounted {
        Mounted::with_local(&self.dir, &self.url, "auto", &[])
    }

    fn content(&self, index: usize) -> Content {
        self.torrent.files[index].content
    }

    fn on_disk(&self, index: usize) -> PathBuf {
        self.torrent.disk_path(&self.torrent.files[index])
    }

    /// Reads a file through a mount, with caches cleared.
    fn read(&self, mounted: &Mounted, index: usize) {
        run(tfs(&self.dir).args(["cache", "clear", "--data"]).arg(&mounted.path));
        let path = mounted.path.join("Film").join(self.torrent.files[index].path());
        check_file(&path, self.content(index), 100_000);
    }

    /// Returns the access method of each open handle, in the order of the status.
    fn ways(&self, mounted: &Mounted) -> Vec<String> {
        let status = self.status(mounted);
        let readers = status["readers"].as_array().unwrap();
        readers.iter().map(|reader| reader["way"].as_str().unwrap().to_owned()).collect()
    }

    /// Opens a file and reads it until the status reports the wanted access method for its handle.
    #[track_caller]
    fn read_until(&self, mounted: &Mounted, index: usize, way: &str) -> File {
        let path = mounted.path.join("Film").join(self.torrent.files[index].path());
        let open = File::open(&path).unwrap();
        until(way, || {
            run(tfs(&self.dir).args(["cache", "clear", "--data"]).arg(&mounted.path));
            check_range(&path, &open, self.content(index), 0, 600_000);
            (self.ways(mounted) == [way]).then_some(())
        });
        open
    }

    fn status(&self, mounted: &Mounted) -> Value {
        let mut status = tfs(&self.dir);
        let json = run(status.args(["status", "--json"]).arg(&mounted.path));
        serde_json::from_str::<Value>(&json).unwrap()[0].take()
    }

    /// Returns how many bytes came over HTTP and how many from the disk, so far.
    fn bytes(&self, mounted: &Mounted) -> (u64, u64) {
        let status = self.status(mounted);
        let of = |name: &str| status["reads"][name].as_u64().unwrap();
        (of("bytes_fetched"), of("bytes_local"))
    }
}

#[test]
fn a_finished_file_costs_no_stream() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = LocalStage::finished(dir);
        let mounted = stage.mount("auto");
        drop(stage.read_until(&mounted, 0, "local"));
        let (fetched, local) = stage.bytes(&mounted);
        stage.read(&mounted, 0);
        let (fetched_after, local_after) = stage.bytes(&mounted);
        assert_eq!(fetched_after, fetched);
        assert!(local_after - local >= FILM_BYTES, "{local_after} - {local}");

        // The table and the metrics agree.
        let open = File::open(mounted.path.join("Film/film.mkv")).unwrap();
        let text = run(tfs(dir).arg("status").arg(&mounted.path));
        assert!(text.contains("  local  "), "{text}");
        drop(open);
        let metrics = fs::read_to_string(mounted.path.join(".tfs/metrics")).unwrap();
        assert!(metrics.contains(&format!("tfs_local_bytes_total {local_after}")), "{metrics}");
        mounted.unmount();
    });
}

#[test]
fn a_finished_file_is_read_by_the_kernel_itself() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        if !geteuid().is_root() {
            skip::test(test, "only root may let the kernel read files");
            return;
        }
        let mut stage = LocalStage::finished(dir);
        let mounted = stage.mount_as_users_do();
        let path = mounted.path.join("Film/film.mkv");
        let first = stage.read_until(&mounted, 0, "local");
        // Later opens use the same access method while it is open.
        let second = File::open(&path).unwrap();
        assert_eq!(stage.ways(&mounted), ["local", "local"]);
        drop((first, second));
        // The kernel reports the end of an open shortly after it.
        until("nobody has it open", || stage.ways(&mounted).is_empty().then_some(()));

        let (first, second) = (File::open(&path).unwrap(), File::open(&path).unwrap());
        assert_eq!(stage.ways(&mounted), ["passthrough", "passthrough"]);
        let before = stage.bytes(&mounted);
        stage.read(&mounted, 0);
        assert_eq!(stage.bytes(&mounted), before);
        let text = run(tfs(dir).arg("status").arg(&mounted.path));
        assert!(text.contains("  passthrough  "), "{text}");
        drop(first);
        check_range(&path, &second, stage.content(0), FILM_BYTES - 100, 1000);
        // Other files are unaffected, and an open file outlives its name and its server.
        let other = mounted.path.join("Film/other.mkv");
        check_file(&other, stage.content(2), 4096);
        fs::remove_file(stage.on_disk(0)).unwrap();
        stage.rqbits.kill_downloader();
        check_range(&path, &second, stage.content(0), 1_000_000, 3_000_000);
        drop(second);
        mounted.unmount();
    });
}

#[test]
fn a_file_that_was_proven_once_is_passed_through_when_it_is_opened_again() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        if !geteuid().is_root() {
            skip::test(test, "only root may let the kernel read files");
            return;
        }
        let stage = LocalStage::finished(dir);
        let mounted = stage.mount_as_users_do();
        let path = mounted.path.join("Film/film.mkv");
        drop(stage.read_until(&mounted, 0, "local"));
        until("nobody has it open", || stage.ways(&mounted).is_empty().then_some(()));
        // As after a while without reads.
        run(tfs(dir).args(["cache", "clear", "--metadata"]).arg(&mounted.path));
        let open = File::open(&path).unwrap();
        assert_eq!(stage.ways(&mounted), ["passthrough"]);
        check_range(&path, &open, stage.content(0), 0, 100_000);
        drop(open);
        until("nobody has it open", || stage.ways(&mounted).is_empty().then_some(()));
        // A file that was replaced meanwhile is not the verified one.
        run(tfs(dir).args(["cache", "clear", "--metadata"]).arg(&mounted.path));
        let (on_disk, aside) = (stage.on_disk(0), dir.join("aside"));
        fs::rename(&on_disk, &aside).unwrap();
        fs::write(&on_disk, vec![7; usize::try_from(FILM_BYTES).unwrap()]).unwrap();
        let open = File::open(&path).unwrap();
        assert_eq!(stage.ways(&mounted), ["http"]);
        check_range(&path, &open, stage.content(0), 0, 100_000);
        drop(open);
        mounted.unmount();

        fs::rename(&aside, &on_disk).unwrap();
        let mounted = stage.mount("auto");
        drop(stage.read_until(&mounted, 0, "local"));
        until("nobody has it open", || stage.ways(&mounted).is_empty().then_some(()));
        let open = File::open(&path).unwrap();
        assert_eq!(stage.ways(&mounted), ["local"]);
        drop(open);
        mounted.unmount();
    });
}

#[test]
fn nothing_is_read_here_if_nobody_wants_it() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = LocalStage::finished(dir);
        let mounted = stage.mount("off");
        for _ in 0..3 {
            stage.read(&mounted, 0);
        }
        let (fetched, local) = stage.bytes(&mounted);
        assert!(fetched >= FILM_BYTES, "{fetched}");
        assert_eq!(local, 0);
        mounted.unmount();
    });
}

#[test]
fn folders_of_a_container_are_mapped() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = LocalStage::finished(dir);
        // The host sees the container's files at another path.
        let (downloads, elsewhere) = (stage.rqbits.swarm.download_dir(), dir.join("elsewhere"));
        run(std::process::Command::new("cp").arg("-a").arg(downloads).arg(&elsewhere));
        let map = format!("{}={}", downloads.display(), elsewhere.display());
        let mounted = stage.mount(&map);
        drop(stage.read_until(&mounted, 0, "local"));
        mounted.unmount();

        // A mapping for another path leaves only HTTP, though the files are at rqbit's path.
        let mounted = stage.mount(&format!("/nothing={}", elsewhere.display()));
        stage.read(&mounted, 0);
        stage.read(&mounted, 0);
        assert_eq!(stage.bytes(&mounted).1, 0);
        mounted.unmount();
    });
}

#[test]
fn half_a_download_is_read_from_both() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let rqbits = Rqbits::start(Swarm::builder().torrent(film()).download_bps(500_000));
        let torrent = rqbits.swarm.torrents()[0].clone();
        let url = rqbits.swarm.api_url();
        let mut stage = LocalStage { rqbits, torrent, url, dir: dir.to_owned() };
        let torrent = stage.torrent.info_hash.into();
        let client = stage.rqbits.swarm.client().clone();
        // There is no bitfield while rqbit checks the data on its disk.
        let haves = || stage.rqbits.runtime.block_on(client.torrent_haves(torrent)).ok();
        // A run longer than the kernel's read-ahead of its first half. rqbit downloads most pieces
        // in order, but not all.
        let run_of = |haves: &Bitfield| {
            let is_there = |start| (start..start + RUN_PIECES).all(|it| haves.has(it));
            let mut starts = 0..u32::try_from(FILM_BYTES / PIECE_BYTES).unwrap() - RUN_PIECES;
            starts.find(|start| is_there(*start))
        };
        let start = until("half of it is there", || {
            let is_half = stage.rqbits.progress_bytes(&stage.torrent) > FILM_BYTES / 2;
            run_of(&haves()?).filter(|_| is_half)
        });
        // A read of missing data fails immediately then, so that no read waits for it.
        stage.rqbits.runtime.block_on(client.pause(torrent)).unwrap();
        let haves = haves().unwrap();
        let mounted = stage.mount("auto");
        let path = mounted.path.join("Film/film.mkv");
        let film = File::open(&path).unwrap();
        let start = u64::from(start) * PIECE_BYTES;
        let run_bytes = usize::try_from(u64::from(RUN_PIECES) * PIECE_BYTES).unwrap();
        until("what is there is read here", || {
            run(tfs(dir).args(["cache", "clear", "--data"]).arg(&mounted.path));
            check_range(&path, &film, stage.content(0), start, run_bytes / 2);
            (stage.bytes(&mounted).1 > 0).then_some(())
        });
        let missing = (0..haves.piece_count()).find(|piece_idx| !haves.has(*piece_idx)).unwrap();
        let mut byte = [0];
        let offset = u64::from(missing) * PIECE_BYTES;
        let read = film.read_at(&mut byte, offset);
        assert!(offset >= FILM_BYTES || read.is_err(), "{read:?} at {offset}");
        stage.rqbits.runtime.block_on(client.start(torrent)).unwrap();
        let Rqbits { runtime, swarm } = &mut stage.rqbits;
        runtime.block_on(swarm.set_download_limit(None)).unwrap();
        until("the torrent is seen to run", || {
            film.read_at(&mut byte, offset.min(FILM_BYTES - 1)).ok()
        });
        drop(film);
        stage.read(&mounted, 0);
        mounted.unmount();
    });
}

#[test]
fn a_file_that_was_replaced_is_not_believed() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = LocalStage::finished(dir);
        // rqbit has the right file open, and still serves its bytes.
        let (path, aside) = (stage.on_disk(0), dir.join("aside"));
        fs::rename(&path, &aside).unwrap();
        fs::write(&path, vec![7; usize::try_from(FILM_BYTES).unwrap()]).unwrap();
        let mounted = stage.mount("auto");
        for _ in 0..3 {
            stage.read(&mounted, 0);
        }
        assert_eq!(stage.bytes(&mounted).1, 0);
        mounted.unmount();

        // Nor is a file that changes during a read. Other files are still read from disk.
        fs::rename(&aside, &path).unwrap();
        let mounted = stage.mount("auto");
        drop(stage.read_until(&mounted, 0, "local"));
        let copy = dir.join("copy");
        fs::copy(&path, &copy).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(1000).unwrap();
        run(tfs(dir).args(["cache", "clear", "--data"]).arg(&mounted.path));
        let in_mount = mounted.path.join("Film/film.mkv");
        let open = File::open(&in_mount).unwrap();
        // rqbit itself has lost these bytes: an error, but never wrong bytes.
        let mut bytes = [0; 100];
        assert!(open.read_exact_at(&mut bytes, 2_000_000).is_err());
        fs::write(&path, fs::read(&copy).unwrap()).unwrap();
        until("it is read again", || open.read_exact_at(&mut bytes, 2_000_000).ok());
        check_range(&in_mount, &open, stage.content(0), 2_000_000, 100);
        stage.read(&mounted, 2);
        drop(open);
        mounted.unmount();
    });
}

#[test]
fn no_link_leads_out_of_the_folder() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let stage = LocalStage::finished(dir);
        // The right bytes, but behind links: one for the file, and one in the path to it.
        let (path, outside) = (stage.on_disk(0), dir.join("outside"));
        fs::rename(&path, &outside).unwrap();
        symlink(&outside, &path).unwrap();
        let mounted = stage.mount("auto");
        for _ in 0..3 {
            stage.read(&mounted, 0);
        }
        assert_eq!(stage.bytes(&mounted).1, 0);
        mounted.unmount();
    });
}

#[test]
fn what_is_here_is_read_while_the_server_is_away() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let mut stage = LocalStage::finished(dir);
        let mounted = stage.mount("auto");
        drop(stage.read_until(&mounted, 0, "local"));
        stage.rqbits.kill_downloader();
        stage.read(&mounted, 0);
        stage.rqbits.start_downloader();
        stage.read(&mounted, 0);
        mounted.unmount();
    });
}
