//! Duration of queries over a million files, and the cost of the index.
//!
//! `cargo bench -p vfs-core --bench search` prints it. The names are generated, similar to those in
//! torrents, and the same in each run.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this is how a bench fails and speaks"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use vfs_core::{
    Bitfield, ByteRange, FileEntry, FileId, FileKind, InfoHash, Layout, MetadataStatus, Query,
    ServerId, SourceError, SourceErrorKind, SourceLimits, SourceStream, TorrentDetails,
    TorrentSource, TorrentState, TorrentSummary, Vfs, VfsConfig,
};

const TORRENTS: u32 = 10_000;
const FILES_EACH: u32 = 100;

/// The number of requested results, as for a program that shows a list.
const LIMIT: usize = 10_000;

/// How often each query runs.
const ROUNDS: usize = 21;

const NOUNS: [&str; 24] = [
    "Harbour",
    "Winter",
    "Machine",
    "Garden",
    "Signal",
    "Empire",
    "River",
    "Shadow",
    "Castle",
    "Orchid",
    "Engine",
    "Desert",
    "Mirror",
    "Falcon",
    "Station",
    "Island",
    "Thunder",
    "Library",
    "Market",
    "Canyon",
    "Lantern",
    "Voyage",
    "Glacier",
    "Überfahrt",
];
const ADJECTIVES: [&str; 16] = [
    "Silent", "Broken", "Golden", "Hidden", "Last", "Northern", "Crimson", "Electric", "Hollow",
    "Distant", "Quiet", "Burning", "Frozen", "Little", "Grand", "Wild",
];
const QUALITIES: [&str; 5] = ["480p", "720p", "1080p", "2160p", "576i"];
const ENDINGS: [&str; 8] = ["mkv", "mp4", "srt", "flac", "jpg", "nfo", "pdf", "iso"];
const GROUPS: [&str; 6] = ["ORION", "lumen", "NTX", "Kestrel", "h3lix", "AURA"];

/// A source whose torrents were listed already.
struct NoSource;

struct NoStream(Infallible);

impl SourceStream for NoStream {
    async fn next_chunk(&mut self) -> Result<Option<bytes::Bytes>, SourceError> {
        match self.0 {}
    }

    fn position(&self) -> u64 {
        match self.0 {}
    }
}

fn nothing() -> SourceError {
    SourceError::new(SourceErrorKind::NotFound, "ask nobody")
}

impl TorrentSource for NoSource {
    type Stream = NoStream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        Err(nothing())
    }

    async fn details(&self, _: InfoHash) -> Result<TorrentDetails, SourceError> {
        Err(nothing())
    }

    async fn haves(&self, _: InfoHash) -> Result<Bitfield, SourceError> {
        Err(nothing())
    }

    async fn open_at(&self, _: FileId, _: u64, _: ByteRange) -> Result<NoStream, SourceError> {
        Err(nothing())
    }

    fn limits(&self) -> SourceLimits {
        SourceLimits { streams_max: 1 }
    }
}

/// A xorshift64* generator, which is random enough for names.
struct BenchRandom(u64);

impl BenchRandom {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(value).unwrap() % count
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

fn info_hash(number: u32) -> InfoHash {
    let mut bytes = [0; InfoHash::BYTES];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash::from_bytes(bytes)
}

/// Returns a torrent like a series or an album: folders with numbered files.
fn torrent(number: u32, random: &mut BenchRandom) -> TorrentDetails {
    let title = format!("The {} {} {number:05}", random.of(&ADJECTIVES), random.of(&NOUNS));
    let year = 1970 + random.below(56);
    let (quality, group) = (random.of(&QUALITIES), random.of(&GROUPS));
    let files = (0..FILES_EACH).map(|file| {
        let (season, episode) = (1 + file / 20, 1 + file % 20);
        let (adjective, noun) = (random.of(&ADJECTIVES), random.of(&NOUNS));
        let name = format!(
            "{}.S{season:02}E{episode:02}.{adjective}.{noun}.{quality}.WEB.x265-{group}.{}",
            title.replace(' ', "."),
            random.of(&ENDINGS),
        );
        let path = vec![format!("Season {season:02}"), name];
        FileEntry { path, len: 1 << 30, kind: FileKind::Regular }
    });
    TorrentDetails {
        info_hash: info_hash(number),
        files: files.collect(),
        name: format!("{title} ({year}) [{quality}]"),
        layout: Layout::Directory,
        created: None,
        piece_len: None,
        metadata: MetadataStatus::Known,
    }
}

fn summary(number: u32) -> TorrentSummary {
    TorrentSummary {
        info_hash: info_hash(number),
        added_order: number.into(),
        is_resolved: true,
        is_listed: true,
        state: TorrentState::Live,
        file_progress: None,
    }
}

fn queries() -> Vec<(&'static str, Query)> {
    let words = |text| Query::words(text).unwrap();
    let regex = |text| Query::regex(text).unwrap();
    vec![
        ("one file that is not there, by words", words("07777 s03e07 mkv")),
        ("one torrent, by words", words("harbour 04242")),
        ("nothing, a rare word", words("zzyzx")),
        ("common words, 10,000 results", words("the 1080p")),
        ("five words, a few results", words("überfahrt crimson s05e20 2160p kestrel")),
        ("words of which no two meet", words("mkv srt")),
        ("letters", words("e q")),
        ("a glob", Query::glob("*07777*S03E0?*.mkv").unwrap()),
        ("a glob that all names begin with", Query::glob("The*Nowhere").unwrap()),
        ("a regex with a text in it", regex(r"07777.*S\d\dE07")),
        ("a regex without", regex(r"^\d+$")),
        ("a regex that backtracks elsewhere", regex(r"(x+x+)+y$")),
        ("a regex that counts", regex(r"(?:[a-z]*\.){9}[0-9]{40}$")),
        ("a regex of ever new states", regex(r"[a-z].{18}[A-Z].{18}q")),
        ("a regex as large as may be", regex(r"[^q]{200}q$")),
    ]
}

fn main() {
    let mut random = BenchRandom(42);
    let details: Vec<_> = (0..TORRENTS).map(|number| torrent(number, &mut random)).collect();
    let bytes: usize = details
        .iter()
        .flat_map(|torrent| torrent.files.iter().map(|file| torrent.name.len() + path_bytes(file)))
        .sum();
    let vfs = Vfs::new(Arc::new(NoSource), VfsConfig::default());
    vfs.apply(ServerId::FIRST, (0..TORRENTS).map(summary).collect(), details, 0);
    let files = vfs.counts().files;
    println!("{files} files, {} bytes in a path on average", bytes / files);
    println!("{:.1} bytes a file for the index", per(vfs.search_memory_bytes(), files));
    println!("{:<40} {:>7} {:>9} {:>9}", "query", "results", "p50 ms", "max ms");
    for (what, query) in queries() {
        let mut times: Vec<_> = (0..ROUNDS).map(|_| time(&vfs, &query)).collect();
        times.sort();
        let results = vfs.search(&query, LIMIT).len();
        let (half, most) = (times[ROUNDS / 2], times[ROUNDS - 1]);
        println!("{what:<40} {results:>7} {:>9.2} {:>9.2}", ms(half), ms(most));
    }
    mixed(&vfs, &mut random);
}

/// Searches for files like a user, each time for another one.
fn mixed(vfs: &Vfs<NoSource>, random: &mut BenchRandom) {
    let mut times: Vec<_> = (0..1000)
        .map(|_| {
            let (adjective, noun) = (random.of(&ADJECTIVES), random.of(&NOUNS));
            let (season, quality) = (1 + random.below(5), random.of(&QUALITIES));
            let text = format!("{adjective} {noun} season {season:02} {quality}");
            time(vfs, &Query::words(&text).unwrap())
        })
        .collect();
    times.sort();
    let (p50, p99) = (ms(times[times.len() / 2]), ms(times[times.len() * 99 / 100]));
    println!("1000 queries of five words: p50 {p50:.2} ms, p99 {p99:.2} ms");
}

fn path_bytes(file: &FileEntry) -> usize {
    file.path.iter().map(|name| name.len() + 1).sum()
}

/// Returns the processor time of a query, which excludes other load on the machine.
fn time(vfs: &Vfs<NoSource>, query: &Query) -> Duration {
    let start = on_processor();
    let hits = vfs.search(query, LIMIT);
    let took = on_processor() - start;
    drop(hits);
    took
}

/// Returns the processor time of this thread (`schedstats` in the kernel's documentation).
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per(bytes: usize, files: usize) -> f64 {
    bytes as f64 / files as f64
}
