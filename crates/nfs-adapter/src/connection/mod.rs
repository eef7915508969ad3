//! A connection: calls in, replies out.

mod answers;
mod origins;
mod queue;
mod writer;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use vfs_core::TorrentSource;

use self::answers::CallAnswers;
use crate::places::NfsPlace;
use crate::service::NfsService;
use crate::wire::{RecordDecoder, RecordError};

/// Maximum number of replies that are ready and not sent.
const REPLIES_MAX: usize = 32;

/// How long a connection may be without calls. Linux closes its own after five minutes.
const IDLE_MAX: Duration = Duration::from_secs(15 * 60);

/// How long the rest of a record may take after its first byte.
const RECORD_TIME_MAX: Duration = Duration::from_secs(30);

/// How often these times are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Why a connection is closed by the server.
#[derive(Debug, Error)]
enum NfsClosed {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("a record that is no call")]
    NoCall,
    #[error("the rest of a record did not arrive within {} s", RECORD_TIME_MAX.as_secs())]
    RecordTime,
    #[error("no call for {} min", IDLE_MAX.as_secs() / 60)]
    Idle,
    #[error("its place was needed")]
    Evicted,
    #[error("failed to receive")]
    Receive(#[source] io::Error),
    #[error("failed to send")]
    Send(#[source] io::Error),
}

impl NfsClosed {
    /// Returns whether the client is not one of NFS.
    fn is_refusal(&self) -> bool {
        matches!(self, Self::Record(_) | Self::NoCall | Self::RecordTime)
    }
}

/// Serves a connection until one side closes it. Reads that have not ended then are dropped.
///
/// # Cancel safety
/// Dropping the future closes the connection and ends its reads.
pub(crate) async fn serve<S: TorrentSource, I: AsyncRead + AsyncWrite + Send + Unpin>(
    service: Arc<NfsService<S>>,
    connection: I,
    peer: &str,
    place: &NfsPlace<'_>,
) {
    let _counted = service.counters.on_connection();
    let (input, output) = tokio::io::split(connection);
    // A full queue stops the connection's input.
    let (sender, receiver) = mpsc::channel(REPLIES_MAX);
    let answers = CallAnswers::new(Arc::clone(&service), peer, place, sender);
    let mut receiving = Box::pin(receive(input, answers, place));
    let mut sending = Box::pin(writer::send(output, receiver, &service));
    let ended = tokio::select! {
        received = &mut receiving => match received {
            // What is answered already is sent.
            Ok(()) => sending.await.map_err(NfsClosed::Send),
            Err(closed) => Err(closed),
        },
        sent = &mut sending => sent.map_err(NfsClosed::Send),
    };
    if let Err(closed) = ended {
        if closed.is_refusal() {
            service.counters.on_refused();
        }
        tracing::debug!(peer, error = %closed, "closed a connection");
    }
}

async fn receive<S: TorrentSource>(
    mut input: impl AsyncRead + Unpin,
    mut answers: CallAnswers<'_, S>,
    place: &NfsPlace<'_>,
) -> Result<(), NfsClosed> {
    let mut decoder = RecordDecoder::default();
    let mut checks = interval(CHECK_INTERVAL);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut called_at = Instant::now();
    let mut record_since = None;
    loop {
        while answers.has_room() {
            let Some(record) = decoder.next_record()? else { break };
            called_at = Instant::now();
            place.set_busy(true);
            record_since = None;
            answers.answer(record).await?;
        }
        place.set_busy(answers.is_busy());
        if decoder.is_within_record() && answers.has_room() {
            record_since = record_since.or_else(|| Some(Instant::now()));
        } else {
            record_since = None;
        }
        tokio::select! {
            received = input.read_buf(decoder.input()), if decoder.has_room() => {
                if received.map_err(NfsClosed::Receive)? == 0 {
                    return Ok(());
                }
            }
            failed = answers.one_ended(), if answers.is_busy() => {
                called_at = Instant::now();
                if let Some(xid) = failed {
                    answers.on_bug(xid).await;
                }
            }
            _ = checks.tick() => {
                answers.end_abandoned();
                if record_since.is_some_and(|since| since.elapsed() >= RECORD_TIME_MAX) {
                    return Err(NfsClosed::RecordTime);
                }
                if !answers.is_busy() && called_at.elapsed() >= IDLE_MAX {
                    return Err(NfsClosed::Idle);
                }
            }
            () = place.evicted() => return Err(NfsClosed::Evicted),
        }
    }
}
