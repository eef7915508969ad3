//! Metrics over TCP.

use std::sync::Arc;

use tfs_api::wire::MissingMount;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::super::{MonitoringServer, MountRegistry};
use super::fake::FakeMount;

async fn ask(server: &MonitoringServer, request: &str) -> String {
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    let request = format!("{request}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn figures_are_read_and_nothing_is_commanded() {
    let mounts = MountRegistry::default();
    let (missing, watched) = watch::channel(Vec::new());
    let address = ([127, 0, 0, 1], 0).into();
    let server = MonitoringServer::start(address, mounts.clone(), Some(watched)).await.unwrap();
    let get =
        async |path: &str| ask(&server, &format!("GET {path} HTTP/1.1\r\nhost: localhost")).await;

    for path in ["/healthy", "/readyz"] {
        let answer = get(path).await;
        let is_503 = answer.starts_with("HTTP/1.1 503 ");
        assert!(is_503 && answer.ends_with("\r\n\r\nnothing is mounted\n"), "{answer}");
    }
    assert!(get("/healthz").await.starts_with("HTTP/1.1 200 "));
    let listed = ["/m", "/n"].map(|path| mounts.add(Arc::new(FakeMount::at(path))));
    let healthy = get("/healthy").await;
    assert!(healthy.starts_with("HTTP/1.1 200 ") && healthy.ends_with("\r\n\r\nok\n"), "{healthy}");
    let metrics = get("/metrics").await;
    // Both mounts have the same status.
    let samples = metrics.lines().filter(|line| *line == "tfs_files{mountpoint=\"/m\"} 2");
    assert_eq!(samples.count(), 2, "{metrics}");
    assert_eq!(metrics.matches("# TYPE tfs_files ").count(), 1);
    assert!(metrics.contains("\ntfs_mounts 2\n"), "{metrics}");
    let ready = get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200 ") && ready.ends_with("\r\n\r\nok\n"), "{ready}");
    missing.send_replace(vec![MissingMount {
        mountpoint: "/lost\n".to_owned(),
        why: "retrying".to_owned(),
    }]);
    let ready = get("/readyz").await;
    let why = "\r\n\r\n/lost  is not mounted: retrying\n";
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.ends_with(why), "{ready}");
    assert!(get("/metrics").await.contains("\ntfs_mounts_missing 1\n"));
    assert!(get("/status").await.contains("\"uptime_seconds\":2"));
    assert!(get("/v1/mounts").await.starts_with("HTTP/1.1 404 "));

    let post = ask(&server, "POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0").await;
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    let rebound = ask(&server, "GET /metrics HTTP/1.1\r\nhost: evil.example").await;
    assert!(rebound.starts_with("HTTP/1.1 403 "), "{rebound}");
    let address = server.address();
    server.end().await;
    assert!(TcpStream::connect(address).await.is_err());
    drop(listed);
}
