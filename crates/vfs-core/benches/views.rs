//! Cost of views: 10,000 torrents in six of them.
//!
//! `cargo bench -p vfs-core --bench views`. Prints the memory of the tree with and without views
//! first.
#![expect(clippy::unwrap_used, reason = "this is how a bench fails")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tfs_testkit::fake::{FakeSource, directory};
use vfs_core::{
    ArrangedTorrent, Arrangement, InfoHash, Ino, RootContents, ServerId, TorrentDetails,
    TorrentSummary, Vfs, VfsConfig, ViewPlace,
};

const TORRENTS: u32 = 10_000;

const VIEWS: usize = 6;

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

type ViewLibrary = (Vec<TorrentSummary>, Vec<TorrentDetails>);

/// Shows every torrent in each view: whole, renamed, with its videos only, flat, once, or by a tag.
#[derive(Debug)]
struct SixViews;

impl Arrangement for SixViews {
    fn view_names(&self) -> Vec<String> {
        ["All", "Renamed", "Videos", "Flat", "Once", "Tagged"].map(str::to_owned).into()
    }

    fn places(&self, torrent: &ArrangedTorrent<'_>) -> Vec<ViewPlace> {
        let videos = torrent.files.iter().filter(|file| file.path.ends_with(".mkv"));
        let videos: Vec<_> = videos.map(|file| file.index).collect();
        let views = (0..VIEWS).filter(|view| *view < VIEWS - 1 || !torrent.tags.is_empty());
        let places = views.map(|view| ViewPlace {
            view,
            name: (view == 1).then(|| format!("{} (2020)", torrent.name)),
            files: matches!(view, 2 | 3).then(|| videos.clone()),
            is_flat: view == 3,
            hides_duplicates: view == 4,
        });
        places.collect()
    }
}

fn library() -> (Arc<FakeSource>, ViewLibrary) {
    let source = FakeSource::new(1);
    for number in 0..TORRENTS {
        let mut details = directory(0, &format!("A series {number:06}"), &PATHS);
        // Each has another length, as other releases have.
        details.files.iter_mut().for_each(|file| file.len += u64::from(number));
        details.info_hash = hash(number);
        source.add(details);
    }
    let library = (source.listing(), source.all_details());
    (Arc::new(source), library)
}

fn hash(number: u32) -> InfoHash {
    let mut bytes = [0; InfoHash::BYTES];
    bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(byte, digit)| *byte = digit);
    InfoHash::from_bytes(bytes)
}

/// Returns the resident memory of this process in bytes.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn views(criterion: &mut Criterion) {
    let (source, (listing, details)) = library();
    let empty = |contents| {
        let vfs = Vfs::new(Arc::clone(&source), VfsConfig::default());
        vfs.with_views(Arc::new(SixViews), contents)
    };
    let build = |contents| {
        let vfs = empty(contents);
        vfs.apply(ServerId::FIRST, listing.clone(), details.clone(), 1);
        vfs
    };
    // Kept, so that each has memory of its own.
    let mut kept = Vec::new();
    for contents in [RootContents::Flat, RootContents::Both, RootContents::Views] {
        let before = resident_bytes();
        kept.push(build(contents));
        let kibibytes = resident_bytes().saturating_sub(before) >> 10;
        #[expect(clippy::print_stdout, reason = "a figure")]
        {
            println!("memory of the tree, {contents:?}: {kibibytes} KiB");
        }
    }
    let mut group = criterion.benchmark_group("10,000 torrents, 100,000 files, six views");
    group.sample_size(10);
    for contents in [RootContents::Flat, RootContents::Both, RootContents::Views] {
        group.bench_function(format!("are new, {contents:?}"), |bencher| {
            bencher.iter_batched(
                || (empty(contents), listing.clone(), details.clone()),
                |(vfs, listing, details)| {
                    vfs.apply(ServerId::FIRST, listing, details, 1);
                    vfs
                },
                BatchSize::PerIteration,
            );
        });
    }
    let vfs = build(RootContents::Both);
    group.bench_function("are as they were", |bencher| {
        bencher.iter_batched(
            || listing.clone(),
            |listing| black_box(vfs.apply(ServerId::FIRST, listing, Vec::new(), 2)),
            BatchSize::PerIteration,
        );
    });
    let (mut number, mut at) = (0, 10);
    group.bench_function("one gets a tag", |bencher| {
        bencher.iter(|| {
            (number, at) = ((number + 7919) % TORRENTS, at + 1);
            let tags = if vfs.tags(hash(number)).is_empty() { "tag" } else { "" };
            let tags = std::iter::once(tags).filter(|tag| !tag.is_empty()).map(str::to_owned);
            vfs.set_tags(hash(number), tags.collect(), at);
        });
    });
    for view in ["All", "Flat"] {
        let dir = vfs.lookup(Ino::ROOT, view.as_bytes()).unwrap().attr.ino;
        group.bench_function(format!("are listed with attributes in {view}"), |bencher| {
            bencher.iter(|| {
                let mut count = 0_u32;
                let listed = vfs.read_dir_plus(dir, 0, |entry| {
                    count += u32::from(black_box(entry).attr.nlink > 0);
                    true
                });
                listed.unwrap();
                assert!(count > TORRENTS);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, views);
criterion_main!(benches);
