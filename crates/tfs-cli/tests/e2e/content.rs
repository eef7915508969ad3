//! Every byte of every file, during and after the download, compared with the seeded content.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::random::Random;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};

use crate::support::{Mounted, Rqbits, check_file, check_range};

/// Slow enough that the download still runs when the readers finish their first rounds: the film
/// alone takes half a minute. Then the limit is removed.
const DOWNLOAD_BPS: u32 = 6 << 20;

/// The large file: 200 MB and one odd byte.
const FILM_BYTES: u64 = 200_000_001;

const READERS: u64 = 8;

/// How many random ranges each reader reads.
const RANGES_PER_READER: u64 = 40;

/// The longest range: it spans several pieces and requests.
const RANGE_BYTES_MAX: u64 = 300_000;

fn everything() -> TorrentSpec {
    let files = [
        ("film.mkv", FILM_BYTES),
        ("empty", 0),
        ("one byte", 1),
        ("Extras/deep/er/still deeper/x.bin", 65_536),
        ("Extras/spaces  and [brackets] (2026).txt", 65_537),
        ("Extras/Grüße aus Köln – Übergröße.txt", 100_003),
        ("Extras/🎬🍿/emoji 🎉.mkv", 3_000_000),
        ("Extras/100% 'quoted' \"twice\" & #?;.txt", 12_345),
    ];
    let contents = (100..).zip(files).map(|(seed, (path, len))| (path, Content::new(seed, len)));
    let mut spec = TorrentSpec::directory("Everything [2026]", contents);
    spec.seed.piece_length = Some(256 * 1024);
    spec
}

fn path_of(mount: &Path, torrent: &SwarmTorrent, index: usize) -> PathBuf {
    mount.join(&torrent.name).join(torrent.files[index].path())
}

#[test]
fn every_byte_is_right_while_it_downloads_and_after() {
    check_all(tfs_testkit::test_name!(), "off");
}

#[test]
fn every_byte_is_right_from_this_machines_disk_too() {
    check_all(tfs_testkit::test_name!(), "auto");
}

fn check_all(test: &str, local_paths: &'static str) {
    isolate::run_with_fuse(test, Duration::from_secs(180), |dir| {
        let swarm = Swarm::builder().torrent(everything()).download_bps(DOWNLOAD_BPS);
        let mut rqbits = Rqbits::start(swarm);
        let torrent = rqbits.swarm.torrents()[0].clone();
        let url = rqbits.swarm.api_url();
        let mounted = Mounted::with_local(dir, &url, local_paths, &[]);
        check_names(&mounted.path, &torrent);
        let total: u64 = torrent.files.iter().map(|file| file.content.len()).sum();
        read_at_random(&mounted.path, &torrent);
        let have = rqbits.progress_bytes(&torrent);
        assert!(have < total, "the download was over before the readers were");
        println!("random readers were done when {have} of {total} bytes were there");
        let Rqbits { runtime, swarm } = &mut rqbits;
        runtime.block_on(swarm.set_download_limit(None)).unwrap();
        read_in_order(&mounted.path, &torrent);
        rqbits.wait_finished(&torrent);
        mounted.unmount();

        // Again, with an empty page cache.
        let mounted = Mounted::with_local(dir, &url, local_paths, &[]);
        read_at_random(&mounted.path, &torrent);
        read_in_order(&mounted.path, &torrent);
        mounted.unmount();
    });
}

#[test]
fn small_blocks_read_right() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), Duration::from_secs(60), |dir| {
        let content = Content::new(7, 150_001);
        let rqbits = Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a.bin", content)));
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        for block_bytes in [1, 4096, 1 << 20] {
            check_file(&mounted.path.join("a.bin"), content, block_bytes);
        }
        mounted.unmount();
    });
}

/// Compares all names and lengths with the torrent, in both directions.
fn check_names(mount: &Path, torrent: &SwarmTorrent) {
    let mut want: Vec<_> =
        torrent.files.iter().map(|file| (file.path(), file.content.len())).collect();
    let top = mount.join(&torrent.name);
    let mut got = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let attributes = entry.metadata().unwrap();
            if attributes.is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(&top).unwrap().to_str().unwrap().to_owned();
                got.push((path, attributes.len()));
            }
        }
    }
    want.sort();
    got.sort();
    assert_eq!(got, want);
}

/// Runs readers of random ranges concurrently. Many ranges cross pieces or the end of the file.
fn read_at_random(mount: &Path, torrent: &SwarmTorrent) {
    thread::scope(|scope| {
        for reader in 0..READERS {
            scope.spawn(move || {
                let mut random = Random::new(reader + 1);
                for _ in 0..RANGES_PER_READER {
                    let index = random.below(torrent.files.len() as u64 + 8);
                    // The film is read more often than the others.
                    let index = usize::try_from(index).unwrap() % (torrent.files.len() + 8);
                    let file = torrent.files.get(index).unwrap_or(&torrent.files[film(torrent)]);
                    let path = mount.join(&torrent.name).join(file.path());
                    let opened = File::open(&path).unwrap();
                    let offset = random.below(file.content.len() + 10);
                    let len = usize::try_from(random.below(RANGE_BYTES_MAX)).unwrap();
                    check_range(&path, &opened, file.content, offset, len);
                }
            });
        }
    });
}

fn read_in_order(mount: &Path, torrent: &SwarmTorrent) {
    thread::scope(|scope| {
        for index in 0..torrent.files.len() {
            let path = path_of(mount, torrent, index);
            let content = torrent.files[index].content;
            scope.spawn(move || check_file(&path, content, 100_000));
        }
    });
}

fn film(torrent: &SwarmTorrent) -> usize {
    torrent.files.iter().position(|file| file.path() == "film.mkv").unwrap()
}
