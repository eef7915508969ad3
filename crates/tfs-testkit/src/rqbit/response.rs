//! Responses before their faults.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::net::TcpStream;

use super::head::Head;
use super::stream::{OpenStream, PieceReader};

/// The size of the copy buffer of a proxy; the rest of a body waits at the server.
pub(super) const COPY_BYTES: usize = 64 * 1024;

/// A response before its faults.
#[derive(Debug)]
pub(super) struct FakeResponse {
    pub(super) head: Head,
    pub(super) body: FakeBody,
}

/// The source of a body.
#[derive(Debug)]
pub(super) enum FakeBody {
    Whole(Bytes),
    Pieces(PieceReader),
    Forwarded(BufReader<TcpStream>, Option<OpenStream>),
}

impl FakeResponse {
    /// Returns a response with this body.
    pub(super) fn whole(status: u16, body: impl Into<Bytes>) -> Self {
        let (mut head, body) = (Head::response(status), body.into());
        head.set("content-length", body.len().to_string());
        Self { head, body: FakeBody::Whole(body) }
    }
}

impl FakeBody {
    /// Returns the next bytes, or `None` at the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match self {
            Self::Whole(bytes) => Ok(Some(std::mem::take(bytes)).filter(|it| !it.is_empty())),
            Self::Pieces(reader) => Ok(reader.next().await),
            Self::Forwarded(server, _counted) => {
                let mut bytes = BytesMut::with_capacity(COPY_BYTES);
                let len = server.read_buf(&mut bytes).await?;
                Ok((len > 0).then(|| bytes.freeze()))
            }
        }
    }
}
