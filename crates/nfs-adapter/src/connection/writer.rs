//! The sending half of a connection.

use std::io;
use std::time::Duration;

use bytes::Buf as _;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::counts::NfsCounters;
use crate::memory::ReservedMemory;
use crate::wire::RpcReply;

/// How long a client may take no byte of a reply.
const STALL_MAX: Duration = Duration::from_secs(60);

/// A reply with its memory, which is free again after it was sent.
#[derive(Debug)]
pub(super) struct OutgoingReply {
    pub(super) reply: RpcReply,
    pub(super) memory: Option<ReservedMemory>,
}

/// Sends replies until their senders are gone.
pub(super) async fn send(
    mut output: impl AsyncWrite + Unpin,
    mut replies: mpsc::Receiver<OutgoingReply>,
    counters: &NfsCounters,
) -> io::Result<()> {
    while let Some(OutgoingReply { reply, memory }) = replies.recv().await {
        let mut bytes = reply.bytes();
        while bytes.has_remaining() {
            let Ok(written) = timeout(STALL_MAX, output.write_buf(&mut bytes)).await else {
                let message = "the client takes no byte of a reply";
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            };
            if written? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        counters.on_request();
        counters.on_sent(u64::try_from(reply.data_len()).unwrap_or(u64::MAX));
        drop(memory);
    }
    output.flush().await
}
