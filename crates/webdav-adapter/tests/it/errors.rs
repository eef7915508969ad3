//! Failures of reads: with a status before the first byte, with a broken body after it.

use std::time::Duration;

use tfs_testkit::fake::{Misbehaviour, file_id};
use vfs_core::{SourceErrorKind, TorrentState};

use crate::stage::{FILM_LEN, WebdavStage, settings};

#[tokio::test]
async fn a_file_whose_first_byte_does_not_come_is_answered_in_time() {
    let mut settings = settings();
    settings.first_byte_max = Duration::from_millis(50);
    let stage = WebdavStage::with_settings(settings).await;
    stage.source.hold(file_id(1, 0));
    let reply = stage.check("GET /film.mkv", 503).await;
    assert_eq!(reply.header("retry-after"), Some("5"));
    assert!(reply.text().contains("did not arrive"), "{}", reply.text());
    stage.until_readers("no reader", <[_]>::is_empty).await;
    stage.source.let_go(file_id(1, 0));
    stage.check("GET /film.mkv", 200).await;
    assert_eq!(stage.server.counts().refused, 0);
}

#[tokio::test]
async fn failures_have_a_status() {
    let stage = WebdavStage::new().await;
    stage.source.fail_opens(file_id(1, 0), Some(SourceErrorKind::Denied));
    let reply = stage.check("GET /film.mkv", 502).await;
    assert!(!reply.text().contains("fake"), "it names no server: {}", reply.text());
    stage.source.fail_opens(file_id(1, 0), Some(SourceErrorKind::NotFound));
    stage.check("GET /film.mkv", 410).await;
    stage.source.remove(vfs_core::InfoHash::from_bytes([1; 20]));
    stage.apply();
    stage.check("GET /film.mkv", 404).await;
}

#[tokio::test]
async fn missing_data_of_a_paused_torrent_is_answered_at_once() {
    let stage = WebdavStage::new().await;
    let torrent = vfs_core::InfoHash::from_bytes([1; 20]);
    stage.source.update(torrent, |summary| {
        summary.state = TorrentState::Paused;
        summary.file_progress = Some([0].into());
    });
    stage.source.set_haves(torrent, vfs_core::Bitfield::from_fn(1, |_piece| false).unwrap());
    stage.source.hold(file_id(1, 0));
    stage.apply();
    let reply = stage.check("GET /film.mkv", 503).await;
    assert!(reply.text().contains("paused"), "{}", reply.text());
}

#[tokio::test]
async fn a_later_failure_breaks_the_body_off() {
    let stage = WebdavStage::new().await;
    stage.source.misbehave(Some(Misbehaviour::Breaks));
    stage.source.set_chunk_bytes(600 << 10);
    let reply = stage.send("GET /film.mkv").await;
    stage.source.misbehave(None);
    let len = reply.body.len() as u64;
    // The source is asked again after a break; what came is right, and the length tells a break.
    assert_eq!(reply.header("content-length"), Some("3000000"));
    assert!(reply.body == WebdavStage::film(0, len) && len <= FILM_LEN);
}
