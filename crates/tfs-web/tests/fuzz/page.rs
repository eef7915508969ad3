//! A target: whatever comes to the listener of the page.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use tfs_web::{AccessToken, WebOptions, WebServer, WebSettings};

use crate::backend::FakeBackend;

/// The token that inputs of the corpus have. It is a long one, so that wrong ones do not lock it
/// out.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// How long an answer may take: far more than it takes.
const TIME_MAX: Duration = Duration::from_secs(20);

/// How much of an answer is read: a file has gigabytes, and events do not end.
const ANSWER_BYTES_MAX: u64 = 32 << 10;

/// The address of a page with controls, which lives as long as this process.
static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| {
    let (sender, address) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("there are threads").block_on(async {
            let settings = WebSettings::new(WebOptions {
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                token: Some(AccessToken::new(TOKEN).expect("it is long enough")),
                control: true,
                hosts: vec!["tfs.example.org".to_owned()],
            });
            let backend = Arc::new(FakeBackend::new(1));
            let server = WebServer::start(settings.expect("it is safe"), backend).await;
            let server = server.expect("a loopback port is free");
            sender.send(server.address()).expect("the receiver waits for it");
            std::future::pending::<()>().await;
        });
    });
    address.recv().expect("the thread sends it")
});

/// Any bytes in place of requests: each connection ends, with answers of HTTP or without one, and
/// the next one is served.
///
/// # Panics
/// If it does not.
pub(crate) fn page(data: &[u8]) {
    let mut connection = TcpStream::connect(*ADDRESS).expect("the page listens");
    connection.set_read_timeout(Some(TIME_MAX)).expect("it is not zero");
    // The server may have heard enough before all is said.
    let sent = connection.write_all(data).and_then(|()| connection.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let read = connection.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    if let (Ok(()), Err(error)) = (&sent, &read) {
        assert!(error.kind() == ErrorKind::ConnectionReset, "{error}");
    }
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "no answer of HTTP");
}
