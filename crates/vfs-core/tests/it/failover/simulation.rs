//! Random readers and random faults: while one server is healthy, every read is answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tfs_testkit::random::Random;
use tokio::task::JoinSet;
use tokio::time::Instant;
use vfs_core::{ReadPolicy, SourceErrorKind};

use super::{FailoverStage, LEN, Mode, PIECES, SimulatedServer, millis, pass, read, seconds};

/// The minimum for three servers with this many streams, so that memory is always full.
const MEMORY_BYTES_MAX: usize = 6 << 20;

/// Three servers with random pieces, of which at most two have a fault at a time. The server
/// `spare` is healthy and has every piece that no other server has. So every read is answered.
async fn simulate(seed: u64) {
    let mut chance = Random::new(seed);
    let mut have: Vec<Vec<bool>> =
        (0..3).map(|_| (0..PIECES).map(|_| chance.below(2) == 0).collect()).collect();
    let spare = usize::try_from(chance.below(3)).unwrap();
    have[spare] = vec![true; PIECES as usize];
    let names = ["one", "two", "three"];
    let servers: Vec<_> = names
        .iter()
        .zip(&have)
        .map(|(name, have)| SimulatedServer::new(name, |piece| have[piece as usize]))
        .collect();
    let policy = ReadPolicy { memory_bytes_max: MEMORY_BYTES_MAX, ..ReadPolicy::default() };
    let stage = FailoverStage::with(servers, policy);
    let mut readers = JoinSet::new();
    for reader in 0..6 {
        let (vfs, film) = (Arc::clone(&stage.vfs), stage.open());
        let mut chance = Random::new(seed ^ (reader << 32));
        readers.spawn(async move {
            let mut offset = 0;
            for _ in 0..40 {
                let len = u32::try_from(1 + chance.below(150_000)).unwrap();
                let took = read(&vfs, film, offset, len).await;
                let took = took.unwrap_or_else(|error| panic!("{seed} {reader} {offset}: {error}"));
                assert!(took < seconds(60), "{seed} {reader} {offset}: {took:?}");
                offset += u64::from(len);
                if chance.below(3) == 0 || offset >= LEN {
                    offset = chance.below(LEN);
                }
                pass(millis(chance.below(400))).await;
            }
            vfs.release(film);
        });
    }
    let faults = async {
        loop {
            pass(millis(100 + chance.below(3000))).await;
            stage.check_memory(MEMORY_BYTES_MAX);
            let which = usize::try_from(chance.below(3)).unwrap();
            if which == spare {
                *stage.servers[which].latency.lock().unwrap() = millis(chance.below(20));
                continue;
            }
            let mode = match chance.below(6) {
                0 => Mode::Silent,
                1 => Mode::Fails(SourceErrorKind::Unreachable),
                2 => Mode::Fails(SourceErrorKind::Failed),
                3 => Mode::Fails(SourceErrorKind::Protocol),
                _ => Mode::Up,
            };
            stage.servers[which].set(mode);
            if mode == Mode::Up {
                let first = usize::try_from(chance.below(u64::from(PIECES))).unwrap();
                stage.servers[which].get(first..PIECES as usize);
                stage.hear();
            }
        }
    };
    tokio::select! {
        () = async { while let Some(read) = readers.join_next().await { read.unwrap(); } } => {}
        () = faults => {}
    }
    assert_eq!(stage.vfs.counters().total.failures, 0, "{seed}");
    // A released handle owns nothing.
    stage.servers.iter().for_each(|server| server.set(Mode::Up));
    let patience = Instant::now() + seconds(120);
    while stage.servers.iter().any(|server| server.open_count.load(Ordering::Relaxed) > 0) {
        assert!(Instant::now() < patience, "{seed}: streams are left");
        pass(millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_read_is_answered_while_one_server_that_has_the_bytes_is_well() {
    for seed in 0..40 {
        simulate(seed).await;
    }
}
