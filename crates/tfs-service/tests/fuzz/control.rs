//! A target: whatever comes over the control socket.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tfs_service::control::{ControlServer, MountRegistry};

/// How long an answer may take: far more than it takes.
const TIME_MAX: Duration = Duration::from_secs(20);

/// The socket of a process without mounts, which lives as long as this one.
static SOCKET: LazyLock<PathBuf> = LazyLock::new(|| {
    let (sender, path) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let dir = TempDir::new().expect("there is a directory");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("there are threads").block_on(async {
            let server =
                ControlServer::start_at(&dir.path().join("tfs"), MountRegistry::default()).await;
            let server = server.expect("a socket can be made");
            let path = server.path().expect("it was made").to_owned();
            sender.send(path).expect("the receiver waits for it");
            std::future::pending::<()>().await;
        });
    });
    path.recv().expect("the thread sends it")
});

/// Any bytes in place of requests: each connection ends, with answers of HTTP or without one, and
/// the next one is served.
///
/// # Panics
/// If it does not.
pub(crate) fn control(data: &[u8]) {
    let mut connection = UnixStream::connect(&*SOCKET).expect("the control socket listens");
    connection.set_read_timeout(Some(TIME_MAX)).expect("it is not zero");
    // The server may have heard enough before all is said.
    let sent = connection.write_all(data).and_then(|()| connection.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let read = connection.read_to_end(&mut answer);
    if let (Ok(()), Err(error)) = (&sent, &read) {
        assert!(error.kind() == std::io::ErrorKind::ConnectionReset, "{error}");
    }
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "no answer of HTTP");
}
