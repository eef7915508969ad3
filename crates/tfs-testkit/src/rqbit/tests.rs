//! The effect of each fault on a plain client.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::head::Head;
use super::*;
use crate::content::Content;

const PATH: &str = "/torrents/0101010101010101010101010101010101010101/stream/0";

const FILE: Content = Content::new(1, 1000);

/// A server of one file.
fn start_server() -> FakeRqbit {
    let mut torrent = FakeTorrent::folder(1, "file", 1000, &[("file", FILE)]);
    torrent.is_complete = true;
    FakeRqbit::start(vec![torrent]).unwrap()
}

/// A proxy in front of it.
fn start_proxy() -> (FakeRqbit, FakeRqbit) {
    let server = start_server();
    let proxy = FakeRqbit::start(Backend::Server(server.address)).unwrap();
    (proxy, server)
}

/// Requests 100 bytes. Returns the response, with at most `body_max` bytes of the body, and how it
/// ended.
async fn ask(proxy: &FakeRqbit, body_max: usize) -> String {
    let mut socket = TcpStream::connect(proxy.address).await.unwrap();
    let request = format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nRange: bytes=100-199\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let end = loop {
        if split(&got).1.is_some_and(|body| body.len() >= body_max) {
            break "open";
        }
        match socket.read_buf(&mut got).await {
            Ok(0) => break "closed",
            Ok(_) => {}
            Err(_) => break "reset",
        }
    };
    let (head, body) = split(&got);
    let body = body.unwrap_or_default();
    FILE.check(if body.len() > 100 { 0 } else { 100 }, body).unwrap();
    format!("{}; {} bytes; {end}", head.replace("\r\n", "; "), body.len())
}

/// Returns head and body of a response.
fn split(response: &[u8]) -> (String, Option<&[u8]>) {
    let end = response.windows(4).position(|it| it == b"\r\n\r\n");
    let head = String::from_utf8(response[..end.unwrap_or(response.len())].to_vec()).unwrap();
    (head, end.map(|end| &response[end + 4..]))
}

async fn check(fault: Fault, body_max: usize, want: &str) {
    let (proxy, _server) = start_proxy();
    proxy.once(Target::Streams, fault.clone());
    assert_eq!(ask(&proxy, body_max).await, want, "{fault:?}");
    until_async("it is counted", async || proxy.done().get(&fault.kind()).copied()).await;
    let fine = "HTTP/1.1 206 Partial Content; content-range: bytes 100-199/1000; \
                content-length: 100; 100 bytes; open";
    assert_eq!(ask(&proxy, 100).await, fine, "after {fault:?}");
}

/// The head without a fault.
const HEAD: &str =
    "HTTP/1.1 206 Partial Content; content-range: bytes 100-199/1000; content-length: 100";

#[tokio::test]
async fn bodies_are_cut_and_slowed() {
    let ms = std::time::Duration::from_millis;
    for (fault, body_max, want) in [
        (Fault::Delay(ms(1)), 100, format!("{HEAD}; 100 bytes; open")),
        (Fault::Drip { bytes: 30, pause: ms(1) }, 100, format!("{HEAD}; 100 bytes; open")),
        (Fault::Stall(Cut::Body(10)), 10, format!("{HEAD}; 10 bytes; open")),
        (Fault::Truncate(Cut::Body(10)), 100, format!("{HEAD}; 10 bytes; closed")),
        (Fault::HalfClose(10), 100, format!("{HEAD}; 10 bytes; closed")),
        (Fault::Truncate(Cut::Body(0)), 100, format!("{HEAD}; 0 bytes; closed")),
        (Fault::Reset(Cut::Head), 100, "; 0 bytes; reset".to_owned()),
        (Fault::Reset(Cut::Body(0)), 100, format!("{HEAD}; 0 bytes; reset")),
        (
            Fault::Status(503, ""),
            0,
            "HTTP/1.1 503 Made Up; content-length: 0; 0 bytes; open".to_owned(),
        ),
        (
            Fault::IgnoreRange,
            1000,
            "HTTP/1.1 200 OK; content-length: 1000; 1000 bytes; open".to_owned(),
        ),
    ] {
        check(fault, body_max, &want).await;
    }
}

#[tokio::test]
async fn heads_lie() {
    let status = "HTTP/1.1 206 Partial Content";
    let range = "content-range: bytes 100-199/1000";
    let len = "content-length: 100";
    for (lie, want) in [
        (Lie::Whole, format!("HTTP/1.1 200 Partial Content; {range}; {len}")),
        (Lie::StatusLine, format!("HTTP/1.1 2O6 Partial Content; {range}; {len}")),
        (Lie::OtherRange, format!("{status}; {len}; content-range: bytes 101-200/1000")),
        (Lie::OtherTotal, format!("{status}; {len}; content-range: bytes 100-199/1001")),
        (Lie::NoRange, format!("{status}; {len}")),
        (Lie::BadRange, format!("{status}; {len}; content-range: bytes 199-100/\u{a7}")),
        (Lie::LongLength, format!("{status}; {range}; content-length: 1100")),
        (Lie::ShortLength, format!("{status}; {range}; content-length: 99")),
        (Lie::BadLength, format!("{status}; {range}; content-length: -100")),
        (Lie::NoLength, format!("{status}; {range}")),
    ] {
        check(Fault::Lie(lie), 101, &format!("{want}; 100 bytes; closed")).await;
    }
}

#[tokio::test]
async fn silence_lasts_until_the_client_goes() {
    let (proxy, _server) = start_proxy();
    proxy.once(Target::All, Fault::Stall(Cut::Head));
    let mut socket = TcpStream::connect(proxy.address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    until_async("it is counted", async || proxy.done().get(&FaultKind::Stall).copied()).await;
    socket.shutdown().await.unwrap();
    assert_eq!(socket.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_server_that_is_away_is_a_connection_that_breaks() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = FakeRqbit::start(Backend::Server(unused)).unwrap();
    assert_eq!(ask(&proxy, 100).await, "; 0 bytes; reset");
}

#[tokio::test]
async fn one_connection_has_many_answers() {
    let (proxy, _server) = start_proxy();
    let socket = TcpStream::connect(proxy.address).await.unwrap();
    let mut socket = BufReader::new(socket);
    for _ in 0..3 {
        let request = format!("GET {PATH} HTTP/1.1\r\nRange: bytes=0-\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let head = Head::read(&mut socket).await.unwrap().unwrap();
        assert_eq!(head.body_bytes(), Some(1000));
        socket.read_exact(&mut [0; 1000]).await.unwrap();
    }
}
