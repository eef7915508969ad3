//! A server starts, answers, protects its credentials, and ends when it is dropped.

use std::fs;
use std::path::Path;

use rqbit_embedded::{ApiCredentials, EmbeddedConfig, EmbeddedError, EmbeddedServer};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::http::{get, request};

#[tokio::test]
async fn answers_on_loopback() {
    let dir = TempDir::new().unwrap();
    let server = EmbeddedServer::start(EmbeddedConfig::loopback(dir.path())).await.unwrap();
    assert!(server.api_addr().ip().is_loopback());
    assert!(server.peer_addr().unwrap().ip().is_loopback());
    let answer = get(server.api_addr(), "/").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains(r#""server":"rqbit""#), "{answer}");
    // Not read-only: the route exists and only rejects the body.
    let answer = request(server.api_addr(), "POST /torrents HTTP/1.1", b"rubbish").await;
    assert!(answer.contains("error decoding torrent"), "{answer}");
    server.stop().await;
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was left behind");
}

#[tokio::test]
async fn credentials_are_asked_for_and_not_shown() {
    let dir = TempDir::new().unwrap();
    let credentials = ApiCredentials { username: "user".to_owned(), password: "geheim".to_owned() };
    let config =
        EmbeddedConfig { credentials: Some(credentials), ..EmbeddedConfig::loopback(dir.path()) };
    assert!(!format!("{config:?}").contains("geheim"));
    let server = EmbeddedServer::start(config).await.unwrap();
    let answer = get(server.api_addr(), "/torrents").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let head = "GET /torrents HTTP/1.1\r\nAuthorization: Basic dXNlcjpnZWhlaW0=";
    let answer = request(server.api_addr(), head, b"").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Ends a server with a connected client, and checks that the client is disconnected.
async fn check_end<F: Future<Output = ()>>(end: impl FnOnce(EmbeddedServer) -> F) {
    let dir = TempDir::new().unwrap();
    let server = EmbeddedServer::start(EmbeddedConfig::loopback(dir.path())).await.unwrap();
    let addr = server.api_addr();
    let peer_addr = server.peer_addr().unwrap();
    let client = TcpStream::connect(addr).await.unwrap();
    get(addr, "/").await; // The first connection was accepted before this.
    end(server).await;
    client.readable().await.unwrap(); // End of file or reset, once the server's task has ended.
    assert!(!matches!(client.try_read(&mut [0; 1]), Ok(1..)));
    for addr in [addr, peer_addr] {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await; // `drop` does not wait until the sockets are closed.
        }
    }
}

#[tokio::test]
async fn drop_ends_every_task() {
    check_end(async |server| drop(server)).await;
}

#[tokio::test]
async fn kill_ends_every_task() {
    check_end(EmbeddedServer::kill).await;
}

#[tokio::test]
async fn stop_ends_every_task() {
    check_end(EmbeddedServer::stop).await;
}

#[track_caller]
fn check_refused(result: Result<EmbeddedServer, EmbeddedError>, wanted: &str) {
    let error = result.expect_err(wanted);
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert_eq!(format!("{:?}: {error}: {cause}", error.kind()), wanted);
}

async fn start_at(dir: &Path) -> Result<EmbeddedServer, EmbeddedError> {
    EmbeddedServer::start(EmbeddedConfig::loopback(dir)).await
}

#[tokio::test]
async fn unusable_directories_are_refused() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let at = file.display();
    check_refused(
        start_at(&file).await,
        &format!("CreateDir: create the directory {at}: File exists (os error 17)"),
    );
    check_refused(
        start_at(&file.join("below")).await,
        &format!("CreateDir: create the directory {at}/below: Not a directory (os error 20)"),
    );
    check_refused(
        start_at(Path::new("/proc")).await,
        "WriteDir: create a file in the directory /proc: No such file or directory (os error 2)",
    );
}
