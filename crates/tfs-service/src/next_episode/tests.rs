//! What is preloaded for a player, over the fake source.

use std::num::NonZeroU32;

use tfs_testkit::fake::{FakeSource, directory};
use tokio::time::sleep_until;
use vfs_core::{Bitfield, ServerId, VfsConfig};

use super::*;

const MIB: u64 = 1 << 20;

/// A library with an episode in each of two torrents, and two in a third; nothing is there.
fn library() -> (FakeSource, Arc<Vfs<FakeSource>>) {
    let source = FakeSource::new(4);
    source.set_chunk_bytes(1 << 20);
    for (id, name, files) in [
        (1, "Show.S01E01.1080p", &["Show.S01E01.1080p.mkv"][..]),
        (2, "Show.S01E02.1080p", &["Show.S01E02.1080p.mkv", "Show.S01E02.1080p.srt"]),
        (3, "Show.S02.1080p", &["Show.S02E01.1080p.mkv", "Show.S02E02.1080p.mkv"]),
    ] {
        let files: Vec<_> = files.iter().map(|file| (*file, 40 * MIB)).collect();
        let pieces = 40 * u32::try_from(files.len()).unwrap();
        let mut details = directory(id, name, &files);
        details.piece_len = NonZeroU32::new(1 << 20);
        let torrent = source.add(details);
        source.update(torrent, |it| it.file_progress = Some(vec![0; files.len()].into()));
        source.set_haves(torrent, Bitfield::from_fn(pieces, |_| false).unwrap());
    }
    let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), VfsConfig::default()));
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1);
    (source, vfs)
}

/// Checks what is preloaded, as torrent, file, first and last MiB, after a file was played.
async fn check(path: &str, mode: NextMode, want: &[(u8, u32, u64, u64)]) {
    let (source, vfs) = library();
    let preloads = Preloads::default();
    let Some(next) = NextEpisodes::new(&vfs, mode, None, &preloads) else {
        assert_eq!((mode, want), (NextMode::Off, &[][..]));
        return;
    };
    let played = vfs.files_below(path).unwrap()[0].id;
    follow(next.parts, played).await;
    sleep_until(Instant::now() + Duration::from_secs(5)).await;
    let opened = source.opened().into_iter().map(|(file, range)| {
        let torrent = file.torrent.as_bytes()[0];
        (torrent, file.index.0, range.start() / MIB, range.end() / MIB)
    });
    let mut opened: Vec<_> = opened.collect();
    opened.sort_unstable();
    assert_eq!(opened, want, "after {path}");
    assert_eq!(preloads.running(), []);
}

#[tokio::test(start_paused = true)]
async fn the_start_and_the_end_of_the_next_episode_are_preloaded() {
    const ONE: &str = "Show.S01E01.1080p/Show.S01E01.1080p.mkv";
    const TWO: &str = "Show.S01E02.1080p/Show.S01E02.1080p.mkv";
    const LAST: &str = "Show.S02.1080p/Show.S02E02.1080p.mkv";
    // Another torrent has the next; its subtitles are above the limit.
    check(ONE, NextMode::Head, &[(2, 0, 0, 16), (2, 0, 39, 40)]).await;
    check(TWO, NextMode::Head, &[(3, 0, 0, 16), (3, 0, 39, 40)]).await;
    check(LAST, NextMode::Head, &[]).await;
    check(ONE, NextMode::Off, &[]).await;
}
