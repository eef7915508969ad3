//! Piece maps: the union of what servers and the local disk have.

use vfs_core::PieceShares;

use super::*;

async fn shares(stage: &FailoverStage, buckets_max: usize) -> String {
    let map = stage.vfs.piece_map(file_id(1, 0), buckets_max).await.unwrap();
    assert_eq!((map.pieces, map.piece_bytes, map.file_len), (PIECES, 1 << 16, LEN));
    text(&map)
}

fn text(map: &PieceShares) -> String {
    let digit = |share: &Option<u8>| share.map_or('?', |share| char::from(b'0' + share));
    map.shares.iter().map(digit).collect()
}

#[tokio::test(start_paused = true)]
async fn a_piece_of_any_server_is_there() {
    let stage = FailoverStage::new(vec![
        SimulatedServer::new("home", |piece| piece < 8),
        SimulatedServer::new("away", |piece| piece >= PIECES - 12),
    ]);
    assert_eq!(shares(&stage, 8).await, "90000049");
    assert_eq!(shares(&stage, 512).await.len(), PIECES as usize);
    // New pieces are seen once the last answer is a second old.
    stage.servers[0].get(8..16);
    assert_eq!(shares(&stage, 8).await, "90000049");
    pass(seconds(1)).await;
    assert_eq!(shares(&stage, 8).await, "99000049");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_or_silent_counts_with_its_last_answer() {
    let stage = halves();
    stage.servers[1].set(Mode::Silent);
    let start = Instant::now();
    assert_eq!(shares(&stage, 4).await, "9910");
    assert_eq!(start.elapsed(), millis(500));
    stage.servers[1].set(Mode::Up);
    pass(seconds(1)).await;
    assert_eq!(shares(&stage, 4).await, "9999");
    stage.servers[1].set(Mode::Silent);
    pass(seconds(1)).await;
    assert_eq!(shares(&stage, 4).await, "9999");
    // Nobody has said anything of a file without an answer.
    let stage = FailoverStage::new(vec![SimulatedServer::new("home", |_| false)]);
    stage.servers[0].set(Mode::Fails(SourceErrorKind::Unreachable));
    assert_eq!(shares(&stage, 4).await, "????");
}

#[tokio::test(start_paused = true)]
async fn a_removed_torrent_has_no_map() {
    let stage = halves();
    for id in stage.vfs.servers() {
        stage.vfs.apply(id, Vec::new(), Vec::new(), SEEN_AT);
    }
    assert_eq!(stage.vfs.piece_map(file_id(1, 0), 8).await, None);
    assert_eq!(stage.vfs.piece_map(file_id(2, 0), 8).await, None);
}
