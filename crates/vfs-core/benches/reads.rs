//! Cost of a read in the engine, without kernel and network: from its arrival to its answer.
//!
//! `cargo bench -p vfs-core --bench reads`. Each is measured alone, and beside a hundred readers
//! that wait for data that never arrives: these must not slow down the others.
#![expect(clippy::unwrap_used, reason = "this is how a bench fails")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tfs_testkit::fake::{FakeSource, file_id, single_file};
use tokio::runtime::Runtime;
use vfs_core::{Bitfield, HandleId, Ino, ReadPolicy, ServerId, Vfs, VfsConfig};

/// As many streams as tfs opens on an rqbit.
const STREAMS_MAX: usize = 4;

/// The chunk size of rqbit.
const CHUNK_BYTES: usize = 64 << 10;

/// The kernel's read-ahead for a user other than root.
const READ_BYTES: u32 = 128 << 10;

const FILE_BYTES: u64 = 256 << 20;
const PIECE_BYTES: u32 = 1 << 20;

/// Less than a reader reads between two visits of the same MiB: the data is no longer in memory
/// when it returns.
const MEMORY_BYTES_SMALL: usize = 16 << 20;

/// Longer than any measurement.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A complete file, and a missing one that has readers.
struct ReadBench {
    runtime: Runtime,
    vfs: Arc<Vfs<FakeSource>>,
    film: HandleId,
}

impl ReadBench {
    fn new(stuck_count: u64, memory_bytes_max: usize) -> Self {
        let source = FakeSource::new(STREAMS_MAX);
        source.set_chunk_bytes(CHUNK_BYTES);
        source.add(single_file(1, "film", FILE_BYTES));
        let mut missing = single_file(2, "missing", FILE_BYTES);
        missing.piece_len = Some(PIECE_BYTES.try_into().unwrap());
        let missing = source.add(missing);
        let pieces = u32::try_from(FILE_BYTES / u64::from(PIECE_BYTES)).unwrap();
        source.set_haves(missing, Bitfield::from_fn(pieces, |_| false).unwrap());
        source.update(missing, |summary| summary.file_progress = Some([0].into()));
        source.hold(file_id(2, 0));
        let policy = ReadPolicy::default();
        let read = ReadPolicy { timeout: PATIENCE, memory_bytes_max, ..policy };
        let config = VfsConfig { read, ..VfsConfig::default() };
        let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), config));
        vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1);
        let open = |name: &str| {
            vfs.open(vfs.lookup(Ino::ROOT, name.as_bytes()).unwrap().attr.ino).unwrap()
        };
        let (film, stuck) = (open("film"), open("missing"));
        let builder = &mut tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_time().build().unwrap();
        for reader in 0..stuck_count {
            let vfs = Arc::clone(&vfs);
            runtime.spawn(async move {
                let offset = reader * 2 * u64::from(PIECE_BYTES);
                vfs.read(stuck, offset, READ_BYTES).await.map(drop)
            });
        }
        Self { runtime, vfs, film }
    }

    fn read(&self, offset: u64) {
        let read = self.vfs.read(self.film, offset, READ_BYTES);
        black_box(self.runtime.block_on(read).unwrap());
    }
}

fn reads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read 128 KiB");
    group.throughput(Throughput::Bytes(READ_BYTES.into()));
    for stuck in [0, 100] {
        let stage = ReadBench::new(stuck, ReadPolicy::default().memory_bytes_max);
        stage.read(0);
        group.bench_function(format!("in memory, {stuck} stuck readers"), |bencher| {
            bencher.iter(|| {
                let read = stage.vfs.try_read(stage.film, 0, READ_BYTES);
                black_box(read.unwrap().unwrap())
            });
        });
        let mut offset = 0;
        group.bench_function(format!("in order from a stream, {stuck} stuck readers"), |bencher| {
            bencher.iter(|| {
                stage.read(offset);
                offset = (offset + u64::from(READ_BYTES)) % FILE_BYTES;
            });
        });
        stage.vfs.shut_down();
        let stage = ReadBench::new(stuck, MEMORY_BYTES_SMALL);
        let mut step = 0;
        group.bench_function(format!("by a stream of its own, {stuck} stuck readers"), |bencher| {
            bencher.iter(|| {
                // Far from the last position, and never twice at the same place before all others.
                step = (step + 97) % (FILE_BYTES >> 20);
                stage.read(step << 20);
            });
        });
        stage.vfs.shut_down();
    }
    group.finish();
}

criterion_group!(benches, reads);
criterion_main!(benches);
