//! A time limit for peers that do not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a peer may take no byte of an answer. The kernel asks for more once a third of its
/// buffer is free, so a peer that reads a few bytes a second is cut off as well.
const STALL_MAX: Duration = Duration::from_secs(10);

/// The time limit for a peer that takes no byte of an answer. It is an extension of each request,
/// and begins anew with each request: 10 seconds unless it is changed.
#[derive(Debug, Clone)]
pub struct StallLimit(Arc<AtomicU64>);

impl StallLimit {
    pub(crate) fn new() -> Self {
        let limit = Self(Arc::default());
        limit.reset();
        limit
    }

    pub(crate) fn reset(&self) {
        self.set(STALL_MAX);
    }

    /// Changes the limit for the answer to this request, for clients that pause on purpose, such
    /// as players.
    pub fn set(&self, limit: Duration) {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        self.0.store(millis, Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A connection whose writes fail when its peer takes no byte for the time of a [`StallLimit`].
#[derive(Debug)]
pub(crate) struct StallGuard<I> {
    connection: I,
    limit: StallLimit,
    /// Set while a write waits for the peer.
    is_blocked: Arc<AtomicBool>,
    /// Runs while a write waits for the peer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<I> StallGuard<I> {
    /// `is_blocked` is kept up to date: whether bytes of an answer wait for the peer.
    pub(crate) fn new(connection: I, limit: StallLimit, is_blocked: Arc<AtomicBool>) -> Self {
        Self { connection, limit, is_blocked, timer: None }
    }

    /// Returns the outcome of a write, or an error if it has been pending for too long.
    fn check<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.is_blocked.store(outcome.is_pending(), Ordering::Relaxed);
        if outcome.is_ready() {
            self.timer = None;
            return outcome;
        }
        let limit = &self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit.get())));
        ready!(timer.as_mut().poll(context));
        let message = "the peer takes no byte of the answer";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for StallGuard<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().connection).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for StallGuard<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.connection).poll_write(context, bytes);
        this.check(context, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.connection).poll_write_vectored(context, slices);
        this.check(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.connection).poll_flush(context);
        // A flush that is done says nothing about the write that waits.
        if outcome.is_ready() { outcome } else { this.check(context, outcome) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.connection).poll_shutdown(context);
        this.check(context, outcome)
    }
}
