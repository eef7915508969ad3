//! One stream into one answer: every chunk is checked against the range that was asked for.

use bytes::{Bytes, BytesMut};

use crate::{ByteRange, SourceError, SourceErrorKind, SourceStream};

/// Returns the bytes of `range` from a stream that was opened for it.
///
/// An answer in one chunk is handed on without a copy, any other is copied once.
///
/// # Errors
/// `Protocol` if the stream is at another offset, ends early or goes on after the range; otherwise
/// what the stream reports.
pub(super) async fn read_to_end(
    mut stream: impl SourceStream,
    range: ByteRange,
) -> Result<Bytes, SourceError> {
    let len = usize::try_from(range.len()).map_err(|_too_long| {
        violation(format!("a read of {} bytes does not fit into memory", range.len()))
    })?;
    let mut filled = BytesMut::new();
    loop {
        let want = range.start() + filled.len() as u64;
        if stream.position() != want {
            let at = stream.position();
            return Err(violation(format!("the stream is at offset {at} instead of {want}")));
        }
        let Some(chunk) = stream.next_chunk().await? else {
            return Err(violation(format!("the stream ends at offset {want} of {}", range.end())));
        };
        match filled.len() + chunk.len() {
            total if total > len => {
                return Err(violation(format!("the stream goes on after offset {}", range.end())));
            }
            // The rest of the body is the end that lets the connection be used again.
            total if total == len => {
                let bytes = if filled.is_empty() { chunk } else { join(filled, &chunk) };
                return match stream.next_chunk().await? {
                    None => Ok(bytes),
                    Some(_) => Err(violation("the stream goes on after its range".to_owned())),
                };
            }
            _ => {
                filled.reserve(len - filled.len());
                filled.extend_from_slice(&chunk);
            }
        }
    }
}

fn join(mut filled: BytesMut, last: &Bytes) -> Bytes {
    filled.extend_from_slice(last);
    filled.freeze()
}

fn violation(context: String) -> SourceError {
    SourceError::new(SourceErrorKind::Protocol, context)
}
