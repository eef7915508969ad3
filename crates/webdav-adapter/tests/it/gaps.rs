//! Files of which the server has only a part.

use std::num::NonZeroU32;

use tfs_testkit::fake::{file_id, single_file};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vfs_core::{Bitfield, TorrentState};

use crate::client::request_bytes;
use crate::stage::{FILM_LEN, WebdavStage, settings};

/// Length of a piece in bytes.
const PIECE_BYTES: u32 = 32 << 10;

/// Number of bytes at the start of the film that are present, not a multiple of a read.
const PRESENT_BYTES: u32 = 43 * PIECE_BYTES;

/// Returns a film of which only the start is present.
async fn stage() -> WebdavStage {
    let mut film = single_file(1, "film.mkv", FILM_LEN);
    film.piece_len = NonZeroU32::new(PIECE_BYTES);
    let stage = WebdavStage::with(settings(), vec![film]).await;
    let (file, present) = (file_id(1, 0), PRESENT_BYTES / PIECE_BYTES);
    let pieces = u32::try_from(FILM_LEN).unwrap().div_ceil(PIECE_BYTES);
    let haves = Bitfield::from_fn(pieces, |piece| piece < present).unwrap();
    stage.source.set_haves(file.torrent, haves);
    let progress = [u64::from(PRESENT_BYTES)].into();
    stage.source.update(file.torrent, |summary| summary.file_progress = Some(progress));
    stage.source.hold_from(file, u64::from(PRESENT_BYTES));
    stage.apply();
    stage
}

/// Asks for the film from an offset, and checks that all present bytes arrive.
async fn check_from(stage: &WebdavStage, start: u32) {
    let mut connection = TcpStream::connect(stage.address()).await.unwrap();
    let request = format!("GET /film.mkv\nRange: bytes={start}-");
    connection.write_all(&request_bytes(&request, b"")).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 206 "), "{start}: {}", String::from_utf8_lossy(&head));
    let mut present = vec![0; usize::try_from(PRESENT_BYTES - start).unwrap()];
    connection.read_exact(&mut present).await.unwrap();
    assert!(present == WebdavStage::film(start.into(), PRESENT_BYTES.into()), "{start}");
}

#[tokio::test]
async fn an_answer_begins_with_few_present_bytes() {
    for before in [60, 1, 4096, 5000, 65_000] {
        check_from(&stage().await, PRESENT_BYTES - before).await;
    }
}

#[tokio::test]
async fn present_bytes_of_a_paused_torrent_are_sent() {
    for before in [60, 5000, 1_000_000] {
        let stage = stage().await;
        let torrent = file_id(1, 0).torrent;
        stage.source.update(torrent, |summary| summary.state = TorrentState::Paused);
        stage.apply();
        check_from(&stage, PRESENT_BYTES - before).await;
        let missing = format!("GET /film.mkv\nRange: bytes={PRESENT_BYTES}-");
        stage.check(&missing, 503).await;
    }
}

#[tokio::test]
async fn a_file_is_sent_up_to_the_first_missing_byte() {
    check_from(&stage().await, 0).await;
    check_from(&stage().await, 12_345).await;
}

#[tokio::test]
async fn a_file_goes_on_when_missing_bytes_arrive() {
    let stage = stage().await;
    let mut connection = TcpStream::connect(stage.address()).await.unwrap();
    connection.write_all(&request_bytes("GET /film.mkv", b"")).await.unwrap();
    connection.read_exact(&mut vec![0; usize::try_from(PRESENT_BYTES).unwrap()]).await.unwrap();
    stage.source.let_go(file_id(1, 0));
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).await.unwrap();
    let film = WebdavStage::film(0, FILM_LEN);
    assert!(film.ends_with(&rest[rest.len() - 1_000_000..]));
}
