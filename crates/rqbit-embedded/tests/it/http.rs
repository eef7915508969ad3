//! Shared helpers of the server tests: a minimal HTTP request, and a bounded wait.

use std::net::SocketAddr;
use std::time::Duration;

use tfs_testkit::until::until_async;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Time limit of each step, which only a failure reaches.
const DEADLINE: Duration = Duration::from_secs(20);

/// Sends one request on its own connection and returns the whole answer, head and body.
pub(crate) async fn request(addr: SocketAddr, head: &str, body: &[u8]) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(addr).await?;
        let len = body.len();
        let head = format!("{head}\r\nHost: {addr}\r\nContent-Length: {len}\r\n");
        stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await?;
        stream.write_all(body).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    match tokio::time::timeout(DEADLINE, exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => panic!("{head}: {error}"),
        Err(_) => panic!("{head}: no answer within {DEADLINE:?}"),
    }
}

/// Returns the answer to `GET path`.
pub(crate) async fn get(addr: SocketAddr, path: &str) -> String {
    request(addr, &format!("GET {path} HTTP/1.1"), b"").await
}

/// Requests `path` until the answer contains `wanted`.
pub(crate) async fn wait_for(addr: SocketAddr, path: &str, wanted: &str) {
    until_async(&format!("{path} has {wanted}"), async || {
        get(addr, path).await.contains(wanted).then_some(())
    })
    .await;
}

/// Formats an info hash for the API.
pub(crate) fn hex(info_hash: [u8; 20]) -> String {
    info_hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
