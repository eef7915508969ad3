//! What is downloaded of the next episode while one is played, with servers that download nothing
//! by themselves.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, SwarmTorrent, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits};

const LIMIT: Duration = Duration::from_secs(180);

const MIB: u64 = 1 << 20;

const PIECE_BYTES: u32 = 256 << 10;

const DOWNLOAD_BPS: u32 = 16 << 20;

const FIRST: Content = Content::new(1, 24 * MIB);

const SECOND: Content = Content::new(2, 64 * MIB);

const THIRD: Content = Content::new(3, 8 * MIB);

fn torrent(name: &str, files: &[(&str, Content)]) -> TorrentSpec {
    let files: Vec<_> =
        files.iter().map(|(name, content)| ((*name).to_owned(), *content)).collect();
    let mut spec = TorrentSpec::directory(name, files).paused();
    spec.seed.piece_length = Some(PIECE_BYTES);
    spec
}

/// Returns rqbits with torrents without selected files.
fn nothing_selected(specs: Vec<TorrentSpec>) -> Rqbits {
    let builder = Swarm::builder().download_bps(DOWNLOAD_BPS).blocking_permits(8);
    let builder = specs.into_iter().fold(builder, |builder, spec| builder.torrent(spec));
    let rqbits = Rqbits::start(builder);
    let client = rqbits.swarm.client();
    for torrent in rqbits.swarm.torrents() {
        let torrent = torrent.info_hash.into();
        rqbits.runtime.block_on(client.update_only_files(torrent, &[])).unwrap();
        rqbits.runtime.block_on(client.start(torrent)).unwrap();
    }
    rqbits
}

/// Returns how many pieces of a part of a torrent are missing, and how many are there.
fn pieces(rqbits: &Rqbits, torrent: &SwarmTorrent, start: u64, end: u64) -> (usize, usize) {
    let haves = rqbits.swarm.client().torrent_haves(torrent.info_hash.into());
    let haves = rqbits.runtime.block_on(haves).unwrap();
    let piece_bytes = u64::from(PIECE_BYTES);
    let all = start / piece_bytes..end.div_ceil(piece_bytes);
    let there = all.clone().filter(|piece| haves.has(u32::try_from(*piece).unwrap())).count();
    (all.count() - there, there)
}

/// Reads a file in order up to a place, as a player does, and returns it open.
fn play(path: &Path, end: u64) -> File {
    let mut file = File::open(path).unwrap();
    let mut buf = vec![0; 128 << 10];
    for _ in 0..end / buf.len() as u64 {
        file.read_exact(&mut buf).unwrap();
    }
    file
}

#[test]
fn the_start_and_the_end_of_the_next_episode_come_while_one_is_played() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let files =
            [("Show.S01E01.mkv", FIRST), ("Show.S01E02.mkv", SECOND), ("Show.S01E03.mkv", THIRD)];
        let rqbits = nothing_selected(vec![torrent("Show.S01", &files)]);
        let torrent = &rqbits.swarm.torrents()[0];
        let _tracker = rqbits.runtime.block_on(async { rqbits.swarm.track(torrent) }).unwrap();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let first = mounted.path.join("Show.S01/Show.S01E01.mkv");

        // A scanner reads the start and the end.
        let mut scanner = play(&first, MIB);
        scanner.seek(SeekFrom::End(-65536)).unwrap();
        scanner.read_to_end(&mut Vec::new()).unwrap();
        // A player, up to half of the file.
        let player = play(&first, 12 * MIB);
        // The file before the second one ends at a piece.
        let (second, third) = (24 * MIB, (24 + 64) * MIB);
        assert_eq!(pieces(&rqbits, torrent, second, third + 8 * MIB).1, 0);
        drop(player);

        let players = [(); 2].map(|()| play(&first, 22 * MIB));
        until("the next episode can start", || {
            let head = pieces(&rqbits, torrent, second, second + 16 * MIB).0;
            let tail = pieces(&rqbits, torrent, third - MIB, third).0;
            (head + tail == 0).then_some(())
        });
        // The server decides how far it reads ahead of a stream.
        let more = pieces(&rqbits, torrent, second + 16 * MIB, third - MIB).1;
        println!("{more} pieces more");
        assert!(more <= 48, "{more}");
        assert_eq!(pieces(&rqbits, torrent, third, third + 8 * MIB).1, 0);
        drop((scanner, players));
        mounted.unmount();
    });
}

#[test]
fn all_of_the_next_episode_comes_from_another_torrent() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = nothing_selected(vec![
            torrent("Show.S01E01.1080p", &[("Show.S01E01.1080p.mkv", FIRST)]),
            torrent("Show.S01E02.1080p", &[("Show.S01E02.1080p.mkv", SECOND)]),
        ]);
        let torrents = rqbits.swarm.torrents();
        let _trackers = [0, 1].map(|idx| {
            rqbits.runtime.block_on(async { rqbits.swarm.track(&torrents[idx]) }).unwrap()
        });
        let mounted = Mounted::with(dir, &rqbits.swarm.api_url(), &["--next", "whole"]);
        let first = mounted.path.join("Show.S01E01.1080p/Show.S01E01.1080p.mkv");
        let player = play(&first, 22 * MIB);
        until("all of the next episode is there", || {
            (pieces(&rqbits, &torrents[1], 0, 64 * MIB).0 == 0).then_some(())
        });
        drop(player);
        mounted.unmount();
    });
}
