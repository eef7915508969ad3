//! Byte stream of one range that verifies its position.

mod confirm;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use hyper::header::{ACCEPT, HeaderValue, RANGE};
use hyper::{Response, StatusCode};
use tokio::time::{Instant, timeout};

use self::confirm::Claim;
use crate::call_counts::CallCounters;
use crate::error::CallFailure;
use crate::http::{AnswerBody, BodyEnd, HttpRequest, Transport, hyper_failure, is_early_end};
use crate::{
    Endpoint, Error, ErrorContext, ErrorKind, RangeAnswer, RequestedRange, Result, TimeoutPhase,
};

/// How long to wait for the end of a body whose bytes have all arrived. The end arrives with them,
/// or one packet later; a new connection costs less than a longer wait.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// The bytes of one range of one file, in order.
///
/// Dropping it closes its connection before the drop returns, and so ends the stream on the server;
/// after the last byte, the connection is kept for the next call instead. While no chunk is
/// requested nothing is read, and the server waits (backpressure).
pub struct RangeStream {
    /// `None` when nothing more is to be read.
    body: Option<AnswerBody>,
    context: ErrorContext,
    chunk_timeout: Duration,
    /// When the caller began to wait for a chunk; kept across cancelled waits.
    waiting_since: Option<Instant>,
    start: u64,
    position: u64,
    end: u64,
    /// Bytes of the body still to be skipped before the range.
    skip: u64,
    /// Whether the body legitimately continues after the range.
    goes_on: bool,
    /// Error of the next call.
    failure: Option<ErrorKind>,
    /// Takes the first error; `None` after it.
    counters: Option<Arc<CallCounters>>,
}

impl fmt::Debug for RangeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeStream")
            .field("url", &self.context.url)
            .field("position", &self.position)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl RangeStream {
    /// Requests a range that is clamped to `file_len`, and checks the headers of the answer.
    pub(crate) async fn open(
        transport: &Transport,
        path: String,
        asked: RequestedRange,
        file_len: Option<u64>,
    ) -> Result<Self> {
        let mut call = HttpRequest::get(Endpoint::Stream, path);
        let mut stream = Self {
            body: None,
            context: call.context(transport.base_url()),
            chunk_timeout: transport.timeouts().chunk,
            waiting_since: None,
            start: asked.start,
            position: asked.start,
            end: asked.start,
            skip: 0,
            goes_on: false,
            failure: None,
            counters: Some(Arc::clone(transport.counters())),
        };
        if asked.header().is_none() {
            return Ok(stream);
        }
        call.header(ACCEPT, HeaderValue::from_static("*/*"));
        let answer = ask(transport, &call, asked).await;
        let (response, sent) = answer.map_err(|failure| transport.error(&call, failure))?;
        let confirmed = Claim::of(&response).check(sent, file_len).map_err(|got| {
            let kind = if got == RangeAnswer::Missing
                && response.status() != StatusCode::PARTIAL_CONTENT
            {
                ErrorKind::Protocol { reason: "neither a range nor a file" }
            } else {
                ErrorKind::WrongRange { asked, got }
            };
            transport.error(&call, kind.into())
        })?;
        stream.body = Some(response.into_body());
        stream.end = asked.end.map_or(confirmed.end, |end| end.min(confirmed.end));
        stream.skip = confirmed.skip;
        stream.goes_on = confirmed.goes_on || stream.end < confirmed.end;
        Ok(stream)
    }

    /// Returns the next bytes, which start at [`position`](Self::position), or `None` after the
    /// last byte of the range.
    ///
    /// A chunk is never empty, and holds the bytes of one read from the network: up to about 256
    /// KiB. No byte outside of the range is ever returned.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`] if no byte arrives for [`Timeouts::chunk`](crate::Timeouts),
    /// [`ErrorKind::ShortBody`] if the body ends early, [`ErrorKind::LongBody`], after the last
    /// chunk, if it continues after the range, [`ErrorKind::Closed`] if the connection fails. After
    /// an error the connection is closed, and every later call fails with [`ErrorKind::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses no byte, and the next call continues at the same
    /// position. The time-out continues as well: it counts from the first call that had to wait.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(kind) = self.failure.take() {
                return Err(self.fail(kind.into()));
            }
            if self.position == self.end {
                if self.is_over().await {
                    return Ok(None);
                }
                return Err(self.fail(ErrorKind::LongBody.into()));
            }
            // Nothing awaits for longer than a poll between here and the return of the bytes.
            let Some(chunk) = self.read().await? else {
                return Err(self.fail(self.short().into()));
            };
            if let Some(chunk) = self.accept(chunk).await {
                return Ok(Some(chunk));
            }
        }
    }

    /// Returns the offset in the file of the next byte to be returned.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns the offset in the file after the last byte of the range.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Waits for the next bytes of the body.
    async fn read(&mut self) -> Result<Option<Bytes>> {
        let Some(body) = &mut self.body else { return Ok(None) };
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let left = self.chunk_timeout.saturating_sub(since.elapsed());
        let chunk = timeout(left, body.next()).await;
        self.waiting_since = None;
        match chunk {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) if is_early_end(&error) => {
                Err(self.fail(CallFailure::new(self.short(), error)))
            }
            Ok(Err(error)) => Err(self.fail(hyper_failure(error))),
            Err(_elapsed) => {
                Err(self.fail(ErrorKind::Timeout { phase: TimeoutPhase::Chunk }.into()))
            }
        }
    }

    /// Cuts off bytes outside of the range, and polls for the end of the body at the end of the
    /// range. Never waits.
    async fn accept(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        let chunk_bytes = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        let skipped = self.skip.min(chunk_bytes);
        self.skip -= skipped;
        chunk.advance(usize::try_from(skipped).unwrap_or(chunk.len()));
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let is_long = chunk.len() > left;
        chunk.truncate(left);
        self.position += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if self.position == self.end {
            self.end_body(is_long).await;
        }
        (!chunk.is_empty()).then_some(chunk)
    }

    /// Returns the connection if the body has ended, closes it if more bytes arrived. Never waits.
    async fn end_body(&mut self, is_long: bool) {
        let end = match &mut self.body {
            Some(body) if !is_long && !self.goes_on => body.try_end().await,
            _ if is_long => BodyEnd::More,
            _ => BodyEnd::Over,
        };
        match end {
            BodyEnd::Unknown => {}
            BodyEnd::Over => self.body = None,
            BodyEnd::More => {
                self.body = None;
                self.failure = (!self.goes_on).then_some(ErrorKind::LongBody);
            }
        }
    }

    /// Returns whether the body has ended, after all its bytes were returned.
    ///
    /// A body that does not end, or whose connection fails, has still delivered every byte.
    async fn is_over(&mut self) -> bool {
        let Some(body) = &mut self.body else { return true };
        let more = timeout(END_TIMEOUT.min(self.chunk_timeout), body.next()).await;
        self.body = None;
        !matches!(more, Ok(Ok(Some(_))))
    }

    fn short(&self) -> ErrorKind {
        ErrorKind::ShortBody { received_bytes: self.position - self.start }
    }

    /// Closes the connection and creates the error; later calls fail as well.
    fn fail(&mut self, failure: CallFailure) -> Error {
        self.body = None;
        self.failure = Some(ErrorKind::Closed);
        if let Some(counters) = self.counters.take() {
            counters.on_error(&failure.kind);
        }
        failure.at(&self.context)
    }
}

/// Requests a range, and returns the answer with the range that it answers.
///
/// rqbit before version 9 supports only open-ended ranges and ignores all others: it sends the
/// whole file, without a length. The range is then requested without its end, now and in later
/// calls. This costs the connection of each such stream, which continues after the range.
async fn ask(
    transport: &Transport,
    call: &HttpRequest,
    asked: RequestedRange,
) -> Result<(Response<AnswerBody>, RequestedRange), CallFailure> {
    let open = RequestedRange::open_ended(asked.start);
    let first = if transport.has_open_ranges_only() { open } else { asked };
    let response = send(transport, call, first).await?;
    let is_whole = response.status() == StatusCode::OK && response.body().length().is_none();
    if !is_whole || first.end.is_none() || asked.start == 0 {
        return Ok((response, first));
    }
    drop(response);
    let response = send(transport, call, open).await?;
    if response.status() == StatusCode::PARTIAL_CONTENT {
        tracing::debug!("the server supports only ranges without an end");
        transport.set_open_ranges_only();
    }
    Ok((response, open))
}

async fn send(
    transport: &Transport,
    call: &HttpRequest,
    range: RequestedRange,
) -> Result<Response<AnswerBody>, CallFailure> {
    let mut call = call.clone();
    if let Some(range) = range.header() {
        let range = HeaderValue::try_from(range).expect("digits and a hyphen make a header");
        call.header(RANGE, range);
    }
    transport.send(&call).await
}
