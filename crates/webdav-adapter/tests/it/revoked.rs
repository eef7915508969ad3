//! Device tokens that are revoked while a file is sent.

use tfs_testkit::fake::{file_id, single_file};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::request_bytes;
use crate::stage::{TOKEN, WebdavStage, settings};

/// Length of a file that takes minutes to send, in bytes.
const FILE_BYTES: u64 = 1 << 36;

async fn begin(stage: &WebdavStage) -> TcpStream {
    let mut connection = TcpStream::connect(stage.address()).await.unwrap();
    let request = format!("GET /k/{TOKEN}/film.mkv");
    connection.write_all(&request_bytes(&request, b"")).await.unwrap();
    connection
}

#[tokio::test]
async fn a_file_that_is_sent_ends() {
    let stage = WebdavStage::with(settings(), vec![single_file(1, "film.mkv", FILE_BYTES)]).await;
    let mut connection = begin(&stage).await;
    connection.read_exact(&mut vec![0; 100_000]).await.unwrap();
    stage.device.revoke();
    let (mut buffer, mut read) = (vec![0; 1 << 20], 0);
    loop {
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => read += u64::try_from(count).unwrap(),
        }
    }
    assert!(read < FILE_BYTES, "{read}");
    stage.until_readers("no reader", <[_]>::is_empty).await;
}

#[tokio::test]
async fn a_file_that_waits_for_data_ends() {
    let stage = WebdavStage::new().await;
    stage.source.hold_from(file_id(1, 0), 1_000_000);
    let mut connection = begin(&stage).await;
    connection.read_exact(&mut vec![0; 100_000]).await.unwrap();
    stage.device.revoke();
    let mut rest = Vec::new();
    let _read = connection.read_to_end(&mut rest).await;
    assert!(rest.len() < 1_000_000);
    stage.until_readers("no reader", <[_]>::is_empty).await;
}

#[tokio::test]
async fn a_wait_for_the_first_byte_ends() {
    let stage = WebdavStage::new().await;
    stage.source.hold(file_id(1, 0));
    let mut connection = begin(&stage).await;
    stage.until_readers("a reader", |readers| !readers.is_empty()).await;
    stage.device.revoke();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 404 "), "{}", String::from_utf8_lossy(&answer));
}
