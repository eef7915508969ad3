//! Peers that do not read, do not write, or are many.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, Response, StatusCode};
use tfs_http::{
    CONNECTIONS_MAX, ListenLimits, Listening, PeerAddress, ResponseBody, StallLimit, bind, text,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const LIMIT: Duration = Duration::from_secs(600);

/// A listener whose `/endless` sends until the peer goes; `/patient` too, with a limit of 60 s.
struct TestListener {
    address: SocketAddr,
    _listening: Listening,
    /// Gets a message when the body of an endless answer was dropped.
    ends: mpsc::UnboundedReceiver<()>,
}

/// Tells when it is dropped.
struct Bell(Arc<mpsc::UnboundedSender<()>>);

impl Drop for Bell {
    fn drop(&mut self) {
        let _sent = self.0.send(());
    }
}

impl TestListener {
    async fn start() -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (bell, ends) = mpsc::unbounded_channel();
        let bell = Arc::new(bell);
        let listening = Listening::start(listener, move |request: Request<Incoming>| {
            let bell = Arc::clone(&bell);
            async move {
                match request.uri().path() {
                    "/patient" => {
                        let limit = request.extensions().get::<StallLimit>().unwrap();
                        limit.set(Duration::from_secs(60));
                        endless(Bell(bell))
                    }
                    "/endless" => endless(Bell(bell)),
                    "/large" => text(StatusCode::OK, "text/plain", vec![b'x'; 8 << 20]),
                    "/refuse" => {
                        let mut response = text(StatusCode::FORBIDDEN, "text/plain", "refused");
                        let close = HeaderValue::from_static("close");
                        response.headers_mut().insert(CONNECTION, close);
                        response
                    }
                    "/address" => {
                        let address = request.extensions().get::<PeerAddress>().unwrap();
                        text(StatusCode::OK, "text/plain", address.0.to_string())
                    }
                    _ => text(StatusCode::OK, "text/plain", "short"),
                }
            }
        });
        Self { address, _listening: listening, ends }
    }

    async fn get(&self, path: &str) -> TcpStream {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        connection
    }
}

fn endless(bell: Bell) -> Response<ResponseBody> {
    let chunks = stream::unfold(bell, |bell| async {
        let chunk = Bytes::from_static(&[7; 64 << 10]);
        Some((Ok::<_, Infallible>(Frame::data(chunk)), bell))
    });
    Response::new(StreamBody::new(chunks).boxed_unsync())
}

#[track_caller]
fn check_about(found: Duration, seconds: u64) {
    let (min, max) = (Duration::from_secs(seconds), Duration::from_secs(seconds + 2));
    assert!((min..max).contains(&found), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_cut_off() {
    let mut served = TestListener::start().await;
    for (path, seconds) in [("/endless", 10), ("/patient", 60)] {
        let begun_at = Instant::now();
        let connection = served.get(path).await;
        timeout(LIMIT, served.ends.recv()).await.unwrap();
        check_about(begun_at.elapsed(), seconds);
        drop(connection);
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_limit_lasts_for_one_answer() {
    let mut served = TestListener::start().await;
    let mut connection = served.get("/").await;
    let mut answer = vec![0; 4096];
    let count = connection.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer[..count]).ends_with("short"));
    connection.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let begun_at = Instant::now();
    timeout(LIMIT, served.ends.recv()).await.unwrap();
    check_about(begun_at.elapsed(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_pauses_for_a_moment_gets_everything() {
    let served = TestListener::start().await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let head = b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    connection.write_all(head).await.unwrap();
    let mut total = 0;
    let mut part = vec![0; 1 << 20];
    loop {
        tokio::time::advance(Duration::from_secs(8)).await;
        let mut taken = 0;
        while taken < part.len() {
            match connection.read(&mut part).await.unwrap() {
                0 => break,
                count => taken += count,
            }
        }
        total += taken;
        if taken == 0 {
            break;
        }
    }
    assert!(total > 8 << 20, "{total}");
}

#[tokio::test(start_paused = true)]
async fn idle_connections_do_not_keep_others_out() {
    let served = TestListener::start().await;
    let begun_at = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(TcpStream::connect(served.address).await.unwrap());
    }
    let mut connection = served.get("/").await;
    let count = connection.read(&mut [0; 4096]).await.unwrap();
    assert!(count > 0, "it was closed without an answer");
    assert!(begun_at.elapsed() < Duration::from_secs(4), "{:?}", begun_at.elapsed());
}

#[tokio::test(start_paused = true)]
async fn busy_connections_are_not_closed_for_others() {
    let mut served = TestListener::start().await;
    let mut busy = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        busy.push(served.get("/patient").await);
    }
    for connection in &mut busy {
        connection.read_exact(&mut [0; 64]).await.unwrap();
    }
    let mut connection = served.get("/").await;
    let mut answer = [0; 4096];
    let early = timeout(Duration::from_secs(3), connection.read(&mut answer)).await;
    assert!(early.is_err(), "{early:?}");
    assert!(served.ends.try_recv().is_err(), "a busy connection was closed");
    drop(busy.pop());
    let answered = timeout(Duration::from_secs(3), connection.read(&mut answer)).await;
    assert!(answered.unwrap().unwrap() > 0);
}

#[tokio::test]
async fn a_peer_that_still_sends_a_refused_body_gets_the_answer() {
    let served = TestListener::start().await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let head = "PUT /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 33554432\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&vec![7; 32 << 20]).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with("refused"), "{answer}");
}

#[tokio::test]
async fn a_peer_that_never_stops_sending_is_cut_off() {
    let served = TestListener::start().await;
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let head = "PUT /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999999\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let sending = async { while connection.write_all(&[7; 64 << 10]).await.is_ok() {} };
    timeout(LIMIT, sending).await.unwrap();
}

#[tokio::test]
async fn requests_have_the_address_of_their_peer() {
    let served = TestListener::start().await;
    let mut connection = served.get("/address").await;
    let mut answer = vec![0; 4096];
    let count = connection.read(&mut answer).await.unwrap();
    let address = connection.local_addr().unwrap().to_string();
    assert!(String::from_utf8_lossy(&answer[..count]).ends_with(&address));
}

#[tokio::test(start_paused = true)]
async fn a_listener_has_its_own_limits() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ListenLimits { connections_max: 2, head_time_max: Duration::from_secs(30) };
    let answer = async |_request| text(StatusCode::OK, "text/plain", "short");
    let listening = Listening::start_with(listener, limits, answer);
    let begun_at = Instant::now();
    let mut idle = TcpStream::connect(address).await.unwrap();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
    check_about(begun_at.elapsed(), 30);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(TcpStream::connect(address).await.unwrap());
    }
    assert_eq!(all[0].read(&mut [0; 1]).await.unwrap(), 0, "it gave way");
    assert!(listening.connections() <= 2);
}
