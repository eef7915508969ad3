//! The event stream.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, advance, timeout};

use super::client::{LIMIT, open, request};
use super::fake::{OverviewFault, PageSetup, TestPage, bearer};

async fn watch(page: &TestPage, line: &str) -> TcpStream {
    open(page.address, &request(page.address, "GET", "/events", &[line], b"")).await
}

/// Reads until the text so far has this many of a part.
async fn read_until(connection: &mut TcpStream, part: &str, count: usize) -> String {
    let mut text = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let taken = timeout(LIMIT, connection.read(&mut chunk)).await.unwrap().unwrap();
        text.extend_from_slice(&chunk[..taken]);
        let so_far = String::from_utf8_lossy(&text);
        if so_far.matches(part).count() >= count || taken == 0 {
            return so_far.into_owned();
        }
    }
}

fn overviews(page: &TestPage) -> usize {
    page.seen.overviews.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn all_viewers_share_one_overview_a_second_and_none_costs_nothing() {
    let page = PageSetup::default().start().await;
    advance(Duration::from_secs(100)).await;
    assert_eq!(overviews(&page), 0, "nobody looks");
    let begun_at = Instant::now();
    let mut connections = Vec::new();
    for _ in 0..10 {
        connections.push(watch(&page, &bearer()).await);
    }
    for connection in &mut connections {
        let text = read_until(connection, "event: overview", 4).await;
        assert!(text.contains("content-type: text/event-stream"), "{text}");
        assert!(text.contains("x-accel-buffering: no"), "{text}");
        assert!(text.contains("retry: 2000\n\n"), "{text}");
    }
    let seconds = begun_at.elapsed().as_secs() as usize;
    assert!((3..=6).contains(&seconds), "{seconds}");
    assert!((4..=seconds + 1).contains(&overviews(&page)), "{} in {seconds}", overviews(&page));
    drop(connections);
    while page.server.viewers() > 0 {
        advance(Duration::from_millis(10)).await;
    }
    let count = overviews(&page);
    advance(Duration::from_secs(100)).await;
    assert!(overviews(&page) <= count + 1, "nobody looks any more");
}

#[tokio::test(start_paused = true)]
async fn many_requests_for_the_overview_share_it_too() {
    let page = PageSetup::default().start().await;
    let begun_at = Instant::now();
    for _ in 0..50 {
        assert_eq!(page.get("/api/overview").await.status, 200);
    }
    let seconds = begun_at.elapsed().as_secs() as usize;
    assert!(overviews(&page) <= seconds + 1, "{} in {seconds} s", overviews(&page));
}

#[tokio::test]
async fn a_thousand_event_streams_leave_room_for_requests() {
    let page = PageSetup::default().start().await;
    let bytes = request(page.address, "GET", "/events", &[&bearer()], b"");
    let mut connections = Vec::new();
    for _ in 0..1000 {
        connections.push(open(page.address, &bytes).await);
    }
    assert_eq!(page.get("/api/overview").await.status, 200);
    assert_eq!(page.get("/").await.status, 200);
    let mut statuses = std::collections::BTreeMap::<String, usize>::new();
    for connection in &mut connections {
        let mut head = [0; 12];
        let read = timeout(LIMIT, connection.read_exact(&mut head)).await.unwrap();
        let status = read.map(|_count| String::from_utf8(head.to_vec()).unwrap());
        *statuses.entry(status.unwrap_or_else(|error| error.to_string())).or_default() += 1;
    }
    assert_eq!(statuses.get("HTTP/1.1 200"), Some(&32), "{statuses:?}");
    assert_eq!(statuses.get("HTTP/1.1 503"), Some(&968), "{statuses:?}");
    let answer = page.get("/events").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert_eq!(answer.header("connection"), "close");
    drop(connections);
    while page.server.viewers() > 0 {
        tokio::task::yield_now().await;
    }
    let mut connection = watch(&page, &bearer()).await;
    assert!(read_until(&mut connection, "event: overview", 1).await.contains("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_that_does_not_read_is_dropped() {
    let page = PageSetup::default().start().await;
    let begun_at = Instant::now();
    let connection = watch(&page, &bearer()).await;
    timeout(LIMIT, page.seen.overview_begins.notified()).await.unwrap();
    assert_eq!(page.server.viewers(), 1);
    while page.server.viewers() > 0 {
        advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
        assert!(begun_at.elapsed() < Duration::from_secs(600), "it is still there");
    }
    drop(connection);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_news_is_kept_alive() {
    let setup = PageSetup { fault: OverviewFault::Hangs, ..PageSetup::default() };
    let page = setup.start().await;
    let mut connection = watch(&page, &bearer()).await;
    let text = read_until(&mut connection, ": keep-alive\n\n", 2).await;
    assert!(!text.contains("overview"), "{text}");
}

#[tokio::test]
async fn a_logout_ends_the_streams_of_its_session() {
    let page = PageSetup::default().start().await;
    let (cookie, other) = (page.log_in().await, page.log_in().await);
    let (mut mine, mut others) = (watch(&page, &cookie).await, watch(&page, &other).await);
    read_until(&mut mine, "event: overview", 1).await;
    assert_eq!(page.post("/logout", &[&cookie], b"").await.status, 303);
    let mut rest = Vec::new();
    timeout(LIMIT, mine.read_to_end(&mut rest)).await.unwrap().unwrap();
    read_until(&mut others, "event: overview", 3).await;
}

#[tokio::test]
async fn the_end_of_the_page_ends_its_streams() {
    let page = PageSetup::default().start().await;
    let mut connection = watch(&page, &bearer()).await;
    read_until(&mut connection, "event: overview", 1).await;
    let address = page.address;
    timeout(LIMIT, page.server.end()).await.unwrap();
    let mut rest = Vec::new();
    timeout(LIMIT, connection.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nothing listens");
}
