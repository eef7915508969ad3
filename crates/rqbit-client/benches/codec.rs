//! Costs of parsing a server's answers: the list of 10,000 torrents, and a bitfield.
//!
//! `cargo bench -p rqbit-client`. A mount reads the list every five seconds.
#![expect(clippy::unwrap_used, reason = "this is how a bench fails")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rqbit_client::{Bitfield, wire};

const TORRENTS: u32 = 10_000;

/// Number of pieces of a torrent of 100 GB.
const PIECES: u32 = 100_000;

/// Returns the answer to `GET /torrents?with_stats=true`, in the format of rqbit 9.1.0.
fn list() -> String {
    let torrents: Vec<_> = (0..TORRENTS)
        .map(|id| {
            format!(r#"{{"id":{id},"info_hash":"{id:040x}","name":"A series {id:06}","#,)
                + r#""output_folder":"/srv/torrents/A series","total_pieces":1234,"stats":{"#
                + r#""state":"live","file_progress":[5000000,5000000,5000000,5000000,5000000],"#
                + r#""error":null,"progress_bytes":25000000,"uploaded_bytes":1234567,"#
                + r#""total_bytes":25000000,"finished":true,"live":{"snapshot":{"#
                + r#""downloaded_and_checked_bytes":0,"fetched_bytes":0,"uploaded_bytes":1234567,"#
                + r#""downloaded_and_checked_pieces":0,"total_piece_download_ms":0,"#
                + r#""peer_stats":{"queued":0,"connecting":0,"live":3,"seen":9,"dead":0,"#
                + r#""not_needed":6}},"average_piece_download_time":null,"#
                + r#""download_speed":{"mbps":0.0,"human_readable":"0.00 MiB/s"},"#
                + r#""upload_speed":{"mbps":0.1,"human_readable":"0.10 MiB/s"},"#
                + r#""time_remaining":null}}}"#
        })
        .collect();
    format!(r#"{{"torrents":[{}]}}"#, torrents.join(","))
}

fn codec(criterion: &mut Criterion) {
    let text = list();
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("list of 10,000 torrents", |bencher| {
        bencher.iter(|| black_box(wire::parse_list(text.as_bytes()).unwrap().len()));
    });
    let bits = Bytes::from(vec![0xa5; PIECES.div_ceil(8).try_into().unwrap()]);
    group.throughput(Throughput::Bytes(bits.len() as u64));
    group.bench_function("bitfield of 100,000 pieces", |bencher| {
        bencher.iter(|| black_box(Bitfield::new(bits.clone(), PIECES).unwrap().have_count()));
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
