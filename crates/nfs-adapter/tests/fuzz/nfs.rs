//! A target: whatever comes to the NFS server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nfs_adapter::{NfsServer, NfsSettings};
use tfs_testkit::fake::{FakeSource, directory, single_file};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use vfs_core::{Export, ServerId, Vfs, VfsConfig};

/// How long the replies to an input may take: far more than they take.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Size of the pipe in bytes: a client that is slower than the server.
const PIPE_BYTES: usize = 16 << 10;

/// Replies that are longer are none: the data of a READ, and some.
const REPLY_BYTES_MAX: u32 = (1 << 20) + 512;

/// A server, which lives as long as its thread.
struct NfsTarget {
    runtime: Runtime,
    server: NfsServer,
}

thread_local! {
    static TARGET: NfsTarget = NfsTarget::new();
}

impl NfsTarget {
    fn new() -> Self {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("there are threads");
        let source = FakeSource::new(4);
        source.add(directory(1, "film", &[("film.mkv", 3_000_000), ("sub/de.srt", 100)]));
        source.add(single_file(2, "single", 10));
        let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
        vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1_700_000_000);
        // The corpus has handles with this key.
        let settings = NfsSettings::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), [7; 32]);
        let started = runtime.block_on(NfsServer::start(Export::new(Arc::new(vfs)), settings));
        Self { runtime, server: started.expect("a loopback port is free") }
    }
}

/// Any bytes on a connection: the server answers with records of replies, closes the connection,
/// and serves the next one. If the first byte is odd, the rest is one record without its mark.
///
/// # Panics
/// If it does not.
pub(crate) fn nfs(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let mark = (1 << 31) | u32::try_from(rest.len()).expect("inputs are short");
    let stream = if first % 2 == 1 { [&mark.to_be_bytes(), rest].concat() } else { rest.to_vec() };
    TARGET.with(|target| {
        let answers = answers(&target.server, &stream);
        let answers = target.runtime.block_on(async { timeout(TIME_MAX, answers).await });
        check(&answers.expect("the connection ends"));
    });
}

async fn answers(server: &NfsServer, stream: &[u8]) -> Vec<u8> {
    let (client, connection) = tokio::io::duplex(PIPE_BYTES);
    server.serve(connection, "a fuzzer");
    let (mut input, mut output) = tokio::io::split(client);
    let mut answers = Vec::new();
    let sending = async {
        // The server may have read enough before all is sent.
        drop(output.write_all(stream).await);
        drop(output.shutdown().await);
    };
    let (read, ()) = tokio::join!(input.read_to_end(&mut answers), sending);
    drop(read);
    answers
}

/// Checks that bytes are whole records, each a reply.
fn check(mut answers: &[u8]) {
    while let Some((mark, rest)) = answers.split_first_chunk() {
        let mark = u32::from_be_bytes(*mark);
        let len = mark & !(1 << 31);
        assert!(mark != len && len <= REPLY_BYTES_MAX, "a record mark: {mark:#x}");
        let record = rest.split_at_checked(usize::try_from(len).expect("it is short"));
        // A record is cut off where the server closed the connection.
        let Some((record, rest)) = record else { return };
        assert_eq!(record.get(4..8), Some(&[0, 0, 0, 1][..]), "a reply");
        answers = rest;
    }
}
