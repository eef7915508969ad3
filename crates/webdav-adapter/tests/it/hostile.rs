//! Requests that mean harm.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::send;
use crate::stage::WebdavStage;

#[tokio::test]
async fn paths_stay_in_the_tree() {
    let stage = WebdavStage::new().await;
    for (path, status) in [
        ("/../etc/passwd", 400),
        ("/%2e%2e/etc/passwd", 400),
        ("/a/%2E%2e/film.mkv", 400),
        ("/..%2fetc", 400),
        ("/film.mkv%00", 400),
        ("//film.mkv", 400),
        ("/a//b", 400),
        ("/%ff%fe", 404),
        ("/.tfs", 404),
        ("/.tfs/status.json", 404),
        ("/film.mkv/x", 404),
    ] {
        for request in [format!("GET {path}"), format!("PROPFIND {path}\nDepth: 0")] {
            stage.check(&request, status).await;
        }
    }
    let long = format!("GET /{}", "a".repeat(300));
    stage.check(&long, 404).await;
    stage.check(&format!("GET /{}", "a/".repeat(5000)), 414).await;
    let root = stage.check("PROPFIND /\nDepth: 1", 207).await;
    assert!(!root.text().contains(".tfs"), "{}", root.text());
}

#[tokio::test]
async fn bodies_are_bounded() {
    let stage = WebdavStage::new().await;
    let bomb = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]>\
                <propfind xmlns='DAV:'><prop>&b;</prop></propfind>";
    let deep = format!("<propfind xmlns='DAV:'>{}", "<a>".repeat(9000));
    let large = " ".repeat(70_000);
    for (body, status) in [(bomb, 400), (&deep, 400), (&large, 413), ("<", 400), ("\0", 400)] {
        let reply = send(stage.address(), "PROPFIND /\nDepth: 1", body.as_bytes()).await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(!reply.text().is_empty());
    }
    stage.check("HEAD /", 200).await;
}

#[tokio::test]
async fn a_thousand_idle_connections_keep_no_client_out() {
    let stage = WebdavStage::new().await;
    let mut idle = Vec::new();
    for number in 0..1000 {
        let mut connection = TcpStream::connect(stage.address()).await.unwrap();
        if number % 2 == 0 {
            // Some begin a request.
            let _sent = connection.write_all(b"GET / HTTP/1.1\r\nhost:").await;
        }
        idle.push(connection);
    }
    stage.check("HEAD /film.mkv", 200).await;
    assert!(stage.server.counts().connections <= 512, "{:?}", stage.server.counts());
}

#[tokio::test]
async fn requests_in_a_row_on_one_connection_are_answered() {
    let stage = WebdavStage::new().await;
    let mut connection = TcpStream::connect(stage.address()).await.unwrap();
    for (path, line) in [
        ("/film.mkv", "HTTP/1.1 200 OK\r\n"),
        ("/none", "HTTP/1.1 404 Not Found\r\n"),
        ("/film.mkv", "HTTP/1.1 200 OK\r\n"),
    ] {
        let head = format!("HEAD {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 2048];
        let count = timeout(Duration::from_secs(20), connection.read(&mut answer)).await;
        let answer = &answer[..count.unwrap().unwrap()];
        assert!(answer.starts_with(line.as_bytes()) && answer.ends_with(b"\r\n\r\n"));
    }
    assert_eq!(stage.server.counts().connections, 1);
    assert_eq!(stage.server.counts().requests, 3);
}

#[tokio::test]
async fn the_end_of_the_server_ends_files() {
    let stage = WebdavStage::new().await;
    stage.source.hold_from(tfs_testkit::fake::file_id(1, 0), 100_000);
    let mut connection = TcpStream::connect(stage.address()).await.unwrap();
    let request = b"GET /film.mkv HTTP/1.1\r\nhost: localhost\r\n\r\n";
    connection.write_all(request).await.unwrap();
    connection.read_exact(&mut [0; 1000]).await.unwrap();
    stage.server.end().await;
    let mut rest = Vec::new();
    let _read = connection.read_to_end(&mut rest).await;
    assert!(rest.len() < 200_000);
    assert!(stage.vfs.readers().is_empty());
}

#[tokio::test]
async fn the_end_of_the_server_ends_waits() {
    let stage = WebdavStage::new().await;
    stage.source.hold(tfs_testkit::fake::file_id(1, 0));
    let mut connection = TcpStream::connect(stage.address()).await.unwrap();
    let request = b"GET /film.mkv HTTP/1.1\r\nhost: localhost\r\n\r\n";
    connection.write_all(request).await.unwrap();
    stage.until_readers("a reader", |readers| !readers.is_empty()).await;
    stage.server.end().await;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 503 "), "{answer:?}");
}

#[tokio::test]
async fn files_at_once_are_limited_and_listings_are_not() {
    let stage = WebdavStage::new().await;
    stage.source.hold(tfs_testkit::fake::file_id(1, 0));
    let mut waiting = Vec::new();
    for _ in 0..256 {
        let mut connection = TcpStream::connect(stage.address()).await.unwrap();
        let request = b"GET /film.mkv HTTP/1.1\r\nhost: localhost\r\n\r\n";
        connection.write_all(request).await.unwrap();
        waiting.push(connection);
    }
    stage.until_readers("256 readers", |readers| readers.len() == 256).await;
    let reply = stage.check("GET /Series%20%26%20more/notes.txt", 503).await;
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    stage.check("PROPFIND /\nDepth: 1", 207).await;
    drop(waiting);
    stage.until_readers("no readers", <[_]>::is_empty).await;
    stage.check("GET /Series%20%26%20more/notes.txt", 200).await;
}
