//! Steps of a connection of the scripted server.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::ScriptShared;

/// Steps of one connection.
pub(crate) type Script = Vec<ScriptStep>;

/// One step. After the last one the server closes the connection.
#[derive(Clone)]
pub(crate) enum ScriptStep {
    /// Reads a request and logs it.
    Request,
    /// Writes bytes.
    Send(Vec<u8>),
    /// Writes the same bytes until the client closes the connection.
    SendForever(String),
    /// Waits until the test opens the gate.
    Gate,
    /// Waits until the client closes the connection, and logs it.
    ClientCloses,
    /// Resets the connection instead of closing it.
    Reset,
}

impl ScriptStep {
    /// Writes a text.
    pub(crate) fn send(text: impl AsRef<str>) -> Self {
        Self::Send(text.as_ref().as_bytes().to_vec())
    }

    /// Writes an answer with a `Content-Length`; `head` is the status and more headers.
    pub(crate) fn answer(head: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes =
            format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(body);
        Self::Send(bytes)
    }

    /// Writes a recorded answer, `tests/data/{name}.http`.
    pub(crate) fn recorded(name: &str) -> Self {
        let path = format!("{}/tests/data/{name}.http", env!("CARGO_MANIFEST_DIR"));
        Self::Send(std::fs::read(path).expect("read a recorded answer"))
    }
}

/// The socket on which a script is played.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin {
    /// Makes the close of the socket a reset.
    fn reset(&self);
}

impl Socket for TcpStream {
    fn reset(&self) {
        self.set_zero_linger().expect("set SO_LINGER");
    }
}

#[cfg(feature = "tls")]
impl Socket for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

/// Plays a script; it ends early if the client disconnects.
pub(super) async fn play(
    idx: usize,
    mut socket: impl Socket,
    script: Script,
    shared: &ScriptShared,
) {
    for step in script {
        match step {
            ScriptStep::Request => match read_request(&mut socket).await {
                Some(request) => shared.log(idx, request),
                None => return shared.log(idx, "no request"),
            },
            ScriptStep::Send(bytes) => {
                if socket.write_all(&bytes).await.is_err() {
                    return shared.log(idx, "client gone");
                }
            }
            ScriptStep::SendForever(text) => {
                while socket.write_all(text.as_bytes()).await.is_ok() {}
            }
            ScriptStep::Gate => shared.gate.acquire().await.expect("the gate stays").forget(),
            ScriptStep::ClientCloses => {
                let mut rest = Vec::new();
                // A reset is a close as well: it means that the client left bytes unread.
                let closed = socket.read_to_end(&mut rest).await;
                assert!(closed.is_err() || rest.is_empty(), "client sent {rest:?}");
                shared.log(idx, "client closed it");
            }
            ScriptStep::Reset => return socket.reset(),
        }
    }
    // Ensures that the last bytes arrive even if the client has sent more than was read.
    drop(socket.shutdown().await);
    let mut rest = Vec::new();
    let linger = socket.read_to_end(&mut rest);
    drop(tokio::time::timeout(Duration::from_secs(5), linger).await);
}

/// Reads one request, checks its form, and returns a line for the log.
async fn read_request(socket: &mut impl Socket) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a request is ASCII");
    let mut lines = head.split("\r\n");
    let line = lines.next().expect("split yields something").to_owned();
    let headers: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let header = |name| headers.iter().find(|it| it.0 == name).map(|it| it.1);
    assert!(line.ends_with(" HTTP/1.1"), "{line}");
    assert!(header("host").is_some_and(|host| !host.is_empty()), "{head}");
    assert_eq!(header("accept-encoding"), Some("identity"));
    let mut log = line.trim_end_matches(" HTTP/1.1").to_owned();
    for name in ["accept", "range", "authorization", "content-type"] {
        let shown = header(name).filter(|&value| value != "application/json");
        log.extend(shown.map(|value| format!(" [{name}: {value}]")));
    }
    let length = header("content-length").map_or(0, |it| it.parse().expect("a number"));
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    let body = match std::str::from_utf8(&body) {
        Ok("") => String::new(),
        Ok(text) => format!(" {text}"),
        Err(_) => format!(" ({length} bytes)"),
    };
    Some(log + &body)
}
