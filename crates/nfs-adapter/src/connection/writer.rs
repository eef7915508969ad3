//! The sending half of a connection.

use std::io;
use std::time::Duration;

use bytes::Buf as _;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;
use vfs_core::TorrentSource;

use crate::memory::ReservedMemory;
use crate::service::NfsService;
use crate::wire::RpcReply;

/// How many seconds a client may take no byte of a reply.
const STALL_SECONDS_MAX: u32 = 60;

/// The same while others wait for the memory of its replies. It connects again when it goes on.
const STALL_SECONDS_MAX_SHORT: u32 = 5;

const SECOND: Duration = Duration::from_secs(1);

/// A reply with its memory, which is free again after it was sent.
#[derive(Debug)]
pub(super) struct OutgoingReply {
    pub(super) reply: RpcReply,
    pub(super) memory: Option<ReservedMemory>,
}

/// Sends replies until their senders are gone.
pub(super) async fn send<S: TorrentSource>(
    mut output: impl AsyncWrite + Unpin,
    mut replies: mpsc::Receiver<OutgoingReply>,
    service: &NfsService<S>,
) -> io::Result<()> {
    let counters = &service.counters;
    while let Some(OutgoingReply { reply, memory }) = replies.recv().await {
        let mut bytes = reply.bytes();
        let mut stalled_seconds = 0;
        while bytes.has_remaining() {
            match timeout(SECOND, output.write_buf(&mut bytes)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    written?;
                    stalled_seconds = 0;
                }
                Err(_elapsed) => stalled_seconds += 1,
            }
            let is_short = service.memory.is_short();
            let max = if is_short { STALL_SECONDS_MAX_SHORT } else { STALL_SECONDS_MAX };
            if stalled_seconds >= max {
                let message = "the client takes no byte of a reply";
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
        }
        counters.on_request();
        counters.on_sent(u64::try_from(reply.data_len()).unwrap_or(u64::MAX));
        drop(memory);
    }
    output.flush().await
}
