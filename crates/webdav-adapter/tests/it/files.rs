//! GET and HEAD of files.

use tfs_testkit::fake::file_id;
use tfs_testkit::until::until_async;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::request_bytes;
use crate::stage::{FILM_LEN, WebdavStage};

const DATE: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

fn etag() -> String {
    format!("\"{}-0\"", "01".repeat(20))
}

#[tokio::test]
async fn a_whole_file() {
    let stage = WebdavStage::new().await;
    let reply = stage.check("GET /film.mkv", 200).await;
    assert_eq!(reply.body, WebdavStage::film(0, FILM_LEN));
    assert_eq!(reply.header("content-length"), Some("3000000"));
    assert_eq!(reply.header("content-type"), Some("video/x-matroska"));
    assert_eq!(reply.header("accept-ranges"), Some("bytes"));
    assert_eq!(reply.header("etag"), Some(&*etag()));
    assert_eq!(reply.header("last-modified"), Some(DATE));
    assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(stage.server.counts().sent_bytes, FILM_LEN);
    let empty = stage.check("GET /Series%20%26%20more/empty.bin", 200).await;
    assert_eq!((empty.body.len(), empty.header("content-length")), (0, Some("0")));
    stage.check("GET /film.mkv/", 404).await;
    // rclone asks so for a name with a colon.
    stage.check("HEAD /Series%20%26%20more/./notes.txt", 200).await;
    stage.check("HEAD /%2e/film.mkv", 200).await;
    let odd = stage.check("GET /Series%20%26%20more/100%25%20%3Creal%3E%3F%23.mp3", 200).await;
    assert_eq!(odd.body.len(), 7);
    let link = stage.check("GET /Series%20%26%20more/link.mkv", 200).await;
    let target = stage.check("GET /Series%20%26%20more/Season%201/e1.mkv", 200).await;
    assert_eq!(link.body, target.body);
    stage.check("GET /Series%20%26%20more/loop/e1.mkv", 200).await;
}

#[tokio::test]
async fn one_range() {
    let stage = WebdavStage::new().await;
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-2499999", 1000, 2_500_000),
        ("bytes=2999990-", 2_999_990, FILM_LEN),
        ("bytes=-10", 2_999_990, FILM_LEN),
        ("bytes=2999999-9999999999", 2_999_999, FILM_LEN),
    ] {
        let reply = stage.check(&format!("GET /film.mkv\nRange: {range}"), 206).await;
        assert!(reply.body == WebdavStage::film(start, end), "{range}");
        let content_range = format!("bytes {start}-{}/{FILM_LEN}", end - 1);
        assert_eq!(reply.header("content-range"), Some(&*content_range));
    }
    let past = stage.check("GET /film.mkv\nRange: bytes=3000000-", 416).await;
    assert_eq!(past.header("content-range"), Some("bytes */3000000"));
    for range in ["bytes=0-1,5-6", "bytes=9-1", "items=0-1"] {
        stage.check(&format!("HEAD /film.mkv\nRange: {range}"), 200).await;
        let whole = stage.check(&format!("GET /film.mkv\nRange: {range}"), 200).await;
        assert_eq!(whole.body.len(), 3_000_000, "{range}");
    }
}

#[tokio::test]
async fn conditions() {
    let stage = WebdavStage::new().await;
    let (etag, range) = (etag(), "Range: bytes=0-9");
    for (headers, status) in [
        (format!("If-None-Match: {etag}"), 304),
        (format!("If-Modified-Since: {DATE}"), 304),
        ("If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT".to_owned(), 200),
        (format!("{range}\nIf-Range: {etag}"), 206),
        (format!("{range}\nIf-Range: {DATE}"), 206),
        (format!("{range}\nIf-Range: \"other\""), 200),
        (format!("{range}\nIf-Range: Sun, 09 Sep 2001 01:46:40 GMT"), 200),
        (format!("{range}\nIf-Match: \"other\""), 412),
    ] {
        let reply = stage.check(&format!("GET /film.mkv\n{headers}"), status).await;
        if status == 304 {
            assert_eq!((reply.header("etag"), reply.body.len()), (Some(&*etag), 0));
        }
    }
}

#[tokio::test]
async fn heads_and_listings_never_wait() {
    let stage = WebdavStage::new().await;
    stage.source.hold(file_id(1, 0));
    let head = stage.check("HEAD /film.mkv", 200).await;
    assert_eq!((head.header("content-length"), head.body.len()), (Some("3000000"), 0));
    stage.check("PROPFIND /\nDepth: 1", 207).await;
    stage.check("GET /", 200).await;
    assert!(stage.source.opened().is_empty());
}

#[tokio::test]
async fn a_client_that_goes_away_during_a_wait_ends_its_read() {
    let stage = WebdavStage::new().await;
    stage.source.hold(file_id(1, 0));
    let mut connection = TcpStream::connect(stage.address()).await.unwrap();
    let request = request_bytes("GET /film.mkv\nUser-Agent: Player/1.0", b"");
    connection.write_all(&request).await.unwrap();
    stage.until_readers("a reader", |readers| !readers.is_empty()).await;
    let origin = stage.vfs.readers().remove(0).origin.unwrap();
    assert_eq!((origin.front, &*origin.peer), ("webdav", "127.0.0.1"));
    assert_eq!(origin.agent.as_deref(), Some("Player/1.0"));
    drop(connection);
    stage.until_readers("no reader", <[_]>::is_empty).await;
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_ends_its_read() {
    let stage = WebdavStage::new().await;
    stage.source.hold_from(file_id(1, 0), 2_000_000);
    let mut connection = TcpStream::connect(stage.address()).await.unwrap();
    connection.write_all(&request_bytes("GET /film.mkv", b"")).await.unwrap();
    connection.read_exact(&mut vec![0; 1_500_000]).await.unwrap();
    drop(connection);
    stage.until_readers("no reader", <[_]>::is_empty).await;
}

#[tokio::test]
async fn a_client_that_pauses_is_read_for_no_further() {
    let stage = WebdavStage::with(
        crate::stage::settings(),
        vec![tfs_testkit::fake::single_file(1, "film.mkv", 1 << 30)],
    )
    .await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut connection = socket.connect(stage.address()).await.unwrap();
    connection.write_all(&request_bytes("GET /film.mkv", b"")).await.unwrap();
    connection.read_exact(&mut vec![0; 2 << 20]).await.unwrap();
    // It is quiet once the buffers are full.
    let (mut before, mut same) = (0, 0);
    until_async("quiet", async || {
        let sent = stage.server.counts().sent_bytes;
        same = if sent == before { same + 1 } else { 0 };
        before = sent;
        (same == 30).then_some(())
    })
    .await;
    assert!(before < 5 << 20, "{before}");
    // It goes on where it was.
    let mut part = vec![0; 8 << 20];
    connection.read_exact(&mut part).await.unwrap();
    assert!(stage.server.counts().sent_bytes > before);
}

#[tokio::test]
async fn requests_of_one_player_share_the_streams() {
    let stage = WebdavStage::with(
        crate::stage::settings(),
        vec![tfs_testkit::fake::single_file(1, "film.mkv", 64 << 20)],
    )
    .await;
    for number in 0..32 {
        let (start, end) = (number << 20, (number + 1) << 20);
        let request = format!("GET /film.mkv\nRange: bytes={start}-{}", end - 1);
        let reply = stage.check(&request, 206).await;
        assert_eq!(reply.body.len(), 1 << 20);
    }
    let opened = stage.source.opened().len();
    assert!(opened <= 4, "{opened} streams for 32 ranges in a row");
    assert_eq!(stage.vfs.readers().len(), 1);
    stage.until_readers("no reader after the last request", <[_]>::is_empty).await;
    assert!(stage.source.violations().is_empty());
}
