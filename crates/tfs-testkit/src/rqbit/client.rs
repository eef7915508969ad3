//! The connection of a client.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::RqbitShared;
use super::head::Head;
use super::setup::ClientSocket;

/// The longest body of a request: a .torrent file of the tests.
const REQUEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How long a client has to receive the sent data before the connection is cut.
const LINGER: Duration = Duration::from_secs(5);

/// What follows a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Another request.
    Request,
    /// The end of the connection.
    Close,
    /// The end of this side only.
    HalfClose,
    /// A reset.
    Reset,
    /// Nothing, until the client closes the connection.
    Silence,
}

/// The connection of a client.
pub(super) struct ClientConnection {
    pub(super) stream: BufReader<Box<dyn ClientSocket>>,
    /// The socket below a handshake.
    socket: std::net::TcpStream,
}

impl ClientConnection {
    /// Returns a connection after its handshake.
    pub(super) async fn new(socket: TcpStream, shared: &RqbitShared) -> io::Result<Self> {
        // rqbit writes head and body at once. Here a body would wait for the acknowledgement of its
        // head, which a kept connection delays by 40 ms.
        socket.set_nodelay(true)?;
        let socket = socket.into_std()?;
        let stream = TcpStream::from_std(socket.try_clone()?)?;
        let stream: Box<dyn ClientSocket> = match &shared.setup.handshake {
            Some(handshake) => handshake.shake(stream).await?,
            None => Box::new(stream),
        };
        Ok(Self { stream: BufReader::new(stream), socket })
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Waits until the client has closed its side, or the connection failed. A client that sends
    /// more data instead is still connected.
    pub(super) async fn gone(&mut self) {
        if matches!(self.stream.fill_buf().await, Ok([_, ..])) {
            std::future::pending::<()>().await;
        }
    }

    /// Reads the body of a request.
    pub(super) async fn read_body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let len = head.body_bytes().unwrap_or_default();
        if len > REQUEST_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        self.stream.read_exact(&mut body).await?;
        Ok(body)
    }

    /// Ends the connection.
    pub(super) async fn end(mut self, how: NextStep) -> io::Result<()> {
        match how {
            NextStep::Request | NextStep::Close => {
                self.stream.shutdown().await?;
                let mut rest = Vec::new();
                drop(timeout(LINGER, self.stream.read_to_end(&mut rest)).await);
            }
            NextStep::HalfClose => {
                self.stream.shutdown().await?;
                self.gone().await;
            }
            NextStep::Reset => TcpStream::from_std(self.socket)?.set_zero_linger()?,
            NextStep::Silence => self.gone().await,
        }
        Ok(())
    }
}
