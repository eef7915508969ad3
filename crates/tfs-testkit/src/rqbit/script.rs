//! Scripts: exact bytes on a connection, and a log of what the client sends.

use bytes::Bytes;

/// The steps of one connection or of one response.
pub type Script = Vec<ScriptStep>;

/// One step. After the last one the server closes the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptStep {
    /// Reads a request and logs it.
    Request,
    /// Writes bytes.
    Send(Bytes),
    /// Writes a text again and again: far more than any client should accept.
    Repeat(String),
    /// As [`Repeat`](Self::Repeat), with the number of the repetition, in 40 hexadecimal digits,
    /// between two texts.
    Count(&'static str, &'static str),
    /// Writes a byte twice a second: longer than any client should wait.
    Drip,
    /// Logs a text, so that the test can wait for what precedes it.
    Log(&'static str),
    /// Waits until the test opens the gate.
    Gate,
    /// Waits until the client closes the connection, and logs it.
    ClientCloses,
    /// Resets the connection instead of closing it.
    Reset,
}

/// How much an endless text has.
pub(super) const ENDLESS_BYTES: usize = 10 << 30;

impl ScriptStep {
    /// Writes a text or bytes.
    pub fn send(text: impl AsRef<[u8]>) -> Self {
        Self::Send(Bytes::copy_from_slice(text.as_ref()))
    }

    /// Writes an answer with a `Content-Length`; `head` is the status and more headers.
    #[must_use]
    pub fn answer(head: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
        Self::send([head.as_bytes(), body].concat())
    }
}
