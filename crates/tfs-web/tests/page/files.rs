//! The bytes of files.

use std::sync::atomic::Ordering;

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::client::{LIMIT, open, request};
use super::fake::{FAULTY_BYTES, PageSetup, TestPage, bearer, faulty, faulty_path};
use super::library::hash_of;

/// Returns the bytes of a test file.
fn bytes(range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(|at| at as u8).collect()
}

#[track_caller]
fn check_released(page: &TestPage) {
    assert_eq!(page.seen.open_files.load(Ordering::SeqCst), 0, "a file is still open");
}

#[tokio::test]
async fn ranges_are_answered_as_by_the_standard() {
    let page = PageSetup::default().start().await;
    let path = faulty_path(faulty::SMALL);
    let etag = format!("\"{}-{}\"", hash_of(0), faulty::SMALL);
    for (line, status, range) in [
        ("x: y", 200, Some(0..1000)),
        ("range: bytes=0-0", 206, Some(0..1)),
        ("range: bytes=10-19", 206, Some(10..20)),
        ("range: bytes=990-", 206, Some(990..1000)),
        ("range: bytes=-5", 206, Some(995..1000)),
        ("range: bytes=0-99999", 206, Some(0..1000)),
        ("range: bytes=1000-", 416, None),
        ("range: bytes=-0", 416, None),
        ("range: bytes=0-1,5-6", 200, Some(0..1000)),
        ("range: pages=1", 200, Some(0..1000)),
        ("range: bytes=5-1", 200, Some(0..1000)),
        (&format!("range: bytes=1-2\r\nif-range: {etag}"), 206, Some(1..3)),
        ("range: bytes=1-2\r\nif-range: \"x\"", 200, Some(0..1000)),
        (&format!("if-none-match: {etag}"), 304, None),
        ("if-match: \"x\"", 412, None),
    ] {
        let answer = page.send("GET", &path, &[&bearer(), line]).await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        if let Some(range) = range {
            assert_eq!(answer.body, bytes(range.clone()), "{line}");
            assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{line}");
            assert_eq!(answer.header("etag"), etag);
            assert_eq!(answer.header("accept-ranges"), "bytes");
            let content_range = match status {
                206 => format!("bytes {}-{}/1000", range.start, range.end - 1),
                _ => String::new(),
            };
            assert_eq!(answer.header("content-range"), content_range, "{line}");
        }
        if status == 416 {
            assert_eq!(answer.header("content-range"), "bytes */1000");
        }
    }
    let head = page.send("HEAD", &path, &[&bearer(), "range: bytes=0-1"]).await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "1000", 0));
    check_released(&page);
}

#[tokio::test]
async fn a_long_file_comes_whole_in_bounded_reads() {
    let page = PageSetup::default().start().await;
    let path = faulty_path(faulty::LARGE);
    let first = (50_u64 << 30) + 3;
    let last = first + (3 << 20);
    let line = format!("range: bytes={first}-{last}");
    let answer = page.send("GET", &path, &[&bearer(), &line]).await;
    assert!(answer.body == bytes(first..last + 1), "{} bytes", answer.body.len());
    let longest = page.seen.longest_read.load(Ordering::SeqCst);
    assert!(longest <= 1 << 20, "{longest}");
    check_released(&page);
}

#[tokio::test]
async fn failures_before_the_head_have_a_status() {
    let page = PageSetup::default().start().await;
    for (index, status) in [
        (faulty::FAILS_TO_OPEN, 502),
        (faulty::TIMES_OUT, 504),
        (faulty::MISSING, 503),
        (faulty::GONE, 410),
        (faulty::SOURCE_FAILS, 502),
        (faulty::TOO_SHORT, 502),
    ] {
        let answer = page.get(&faulty_path(index)).await;
        assert_eq!(answer.status, status, "{index}: {answer:?}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert!(!answer.body.is_empty());
    }
    let unknown = format!("/file/{}/899/x", hash_of(0));
    assert_eq!(page.get(&unknown).await.status, 404);
    let unknown = format!("/file/{}/0/x", "f".repeat(40));
    assert_eq!(page.get(&unknown).await.status, 404);
    let empty = page.get(&faulty_path(faulty::EMPTY)).await;
    assert_eq!((empty.status, empty.header("content-length")), (200, "0"));
    let line = "range: bytes=0-";
    let empty = page.send("GET", &faulty_path(faulty::EMPTY), &[&bearer(), line]).await;
    assert_eq!((empty.status, empty.header("content-range")), (416, "bytes */0"));
    check_released(&page);
}

#[tokio::test]
async fn a_failure_after_the_head_cuts_the_answer_short() {
    let page = PageSetup::default().start().await;
    let answer = page.get(&faulty_path(faulty::FAILS_LATER)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-length"), FAULTY_BYTES.to_string());
    assert_eq!(answer.body, bytes(0..64 << 10));
    check_released(&page);
}

#[tokio::test]
async fn a_client_that_goes_ends_the_read() {
    let page = PageSetup::default().start().await;
    let path = faulty_path(faulty::HANGS_LATER);
    let mut connection =
        open(page.address, &request(page.address, "GET", &path, &[&bearer()], b"")).await;
    connection.read_exact(&mut vec![0; 64 << 10]).await.unwrap();
    assert_eq!(page.seen.open_files.load(Ordering::SeqCst), 1);
    drop(connection);
    timeout(LIMIT, page.seen.released.notified()).await.unwrap();
    check_released(&page);
}

#[tokio::test]
async fn a_logout_ends_what_the_session_reads() {
    let page = PageSetup::default().start().await;
    let cookie = page.log_in().await;
    let path = faulty_path(faulty::LARGE);
    let mut connection =
        open(page.address, &request(page.address, "GET", &path, &[&cookie], b"")).await;
    connection.read_exact(&mut vec![0; 64 << 10]).await.unwrap();
    assert_eq!(page.post("/logout", &[&cookie], b"").await.status, 303);
    let mut rest = Vec::new();
    let ended = timeout(LIMIT, connection.read_to_end(&mut rest)).await.unwrap();
    // What was read before the logout is still sent.
    assert!(ended.is_err() || rest.len() < 16 << 20, "{} bytes", rest.len());
    timeout(LIMIT, page.seen.released.notified()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_player_that_pauses_for_a_minute_is_cut_off() {
    let page = PageSetup::default().start().await;
    let path = faulty_path(faulty::LARGE);
    let begun_at = tokio::time::Instant::now();
    let connection =
        open(page.address, &request(page.address, "GET", &path, &[&bearer()], b"")).await;
    timeout(LIMIT * 3, page.seen.released.notified()).await.unwrap();
    assert!(begun_at.elapsed().as_secs() >= 60, "{:?}", begun_at.elapsed());
    drop(connection);
    check_released(&page);
}

#[tokio::test]
async fn files_cannot_run_in_a_browser() {
    let page = PageSetup::default().start().await;
    let answer = page.get(&faulty_path(faulty::ODD_NAME)).await;
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("sandbox allow-same-origin; default-src 'none'; "), "{policy}");
    assert!(!policy.contains("allow-scripts"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("set-cookie"), "");
    assert_eq!(
        answer.header("content-disposition"),
        "inline; filename=\"<b>__Set-Cookie: x=1______.html\"; filename*=UTF-8''%3Cb%3E%0D%0ASet-\
         Cookie%3A%20x%3D1%0D%0A%0D%0A%22%F0%9F%8E%AC.html"
    );
    assert_eq!(answer.body, bytes(0..FAULTY_BYTES));
    let path = format!("/file/{}/0/any%20name", hash_of(0));
    let film = page.send("HEAD", &path, &[&bearer()]).await;
    assert_eq!(film.header("content-type"), "video/x-matroska");
    assert_eq!(film.header("content-disposition"), "inline; filename=\"film.mkv\"");
}

#[tokio::test]
async fn few_files_are_read_at_once() {
    let page = PageSetup::default().start().await;
    let path = faulty_path(faulty::HANGS_LATER);
    let bytes = request(page.address, "GET", &path, &[&bearer()], b"");
    let mut connections = Vec::new();
    for _ in 0..20 {
        let mut connection = open(page.address, &bytes).await;
        connection.read_exact(&mut [0; 16]).await.unwrap();
        connections.push(connection);
    }
    let answer = page.get(&path).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert_eq!(page.get("/api/overview").await.status, 200);
    drop(connections.pop());
    timeout(LIMIT, page.seen.released.notified()).await.unwrap();
    let mut connection = open(page.address, &bytes).await;
    let mut head = [0; 15];
    connection.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
}
