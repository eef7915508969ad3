//! Cost of names: a listing of 10,000 torrents, a lookup, a directory.
//!
//! `cargo bench -p vfs-core --bench tree`.
#![expect(clippy::unwrap_used, reason = "this is how a bench fails")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tfs_testkit::fake::{FakeSource, directory};
use vfs_core::{InfoHash, Ino, ServerId, TorrentDetails, TorrentSummary, Vfs, VfsConfig};

const TORRENTS: u32 = 10_000;

/// The files of each torrent.
const PATHS: [(&str, u64); 10] = [
    ("cover.jpg", 1),
    ("Season 1/Episode 1.mkv", 2),
    ("Season 1/Episode 2.mkv", 3),
    ("Season 1/Episode 3.mkv", 4),
    ("Season 1/Episode 4.mkv", 5),
    ("Season 2/Episode 1.mkv", 6),
    ("Season 2/Episode 2.mkv", 7),
    ("Season 2/Episode 3.mkv", 8),
    ("Season 2/Episode 4.mkv", 9),
    ("about.nfo", 10),
];

type BenchLibrary = (Vec<TorrentSummary>, Vec<TorrentDetails>);

fn library() -> (Arc<FakeSource>, BenchLibrary) {
    let source = FakeSource::new(1);
    for number in 0..TORRENTS {
        let mut details = directory(0, &format!("A series {number:06}"), &PATHS);
        let mut bytes = [0; InfoHash::BYTES];
        bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(byte, digit)| *byte = digit);
        details.info_hash = InfoHash::from_bytes(bytes);
        source.add(details);
    }
    let library = (source.listing(), source.all_details());
    (Arc::new(source), library)
}

fn tree(criterion: &mut Criterion) {
    let (source, (listing, details)) = library();
    let empty = || Vfs::new(Arc::clone(&source), VfsConfig::default());
    let mut group = criterion.benchmark_group("10,000 torrents, 100,000 files");
    group.sample_size(10);
    group.bench_function("are new", |bencher| {
        bencher.iter_batched(
            || (empty(), listing.clone(), details.clone()),
            |(vfs, listing, details)| {
                vfs.apply(ServerId::FIRST, listing, details, 1);
                vfs
            },
            BatchSize::PerIteration,
        );
    });
    let vfs = empty();
    vfs.apply(ServerId::FIRST, listing.clone(), details, 1);
    group.bench_function("are as they were", |bencher| {
        bencher.iter_batched(
            || listing.clone(),
            |listing| black_box(vfs.apply(ServerId::FIRST, listing, Vec::new(), 2)),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("are listed with attributes", |bencher| {
        bencher.iter(|| {
            let mut count = 0_u32;
            let listed = vfs.read_dir_plus(Ino::ROOT, 0, |entry| {
                count += u32::from(black_box(entry).attr.nlink > 0);
                true
            });
            listed.unwrap();
            // The caller of the listing holds a lookup of each entry, and forgets it.
            assert_eq!(count, TORRENTS + 2);
        });
    });
    group.finish();
    let mut number = 0;
    criterion.bench_function("lookup among 10,000", |bencher| {
        bencher.iter(|| {
            number = (number + 7919) % TORRENTS;
            let name = format!("A series {number:06}");
            let entry = vfs.lookup(Ino::ROOT, name.as_bytes()).unwrap();
            vfs.forget(entry.attr.ino, 1);
        });
    });
}

criterion_group!(benches, tree);
criterion_main!(benches);
