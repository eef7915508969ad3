//! Record marking: how calls are cut out of a byte stream (RFC 5531, 11).

use bytes::{Buf as _, BytesMut};
use thiserror::Error;

/// Maximum size of a record in bytes. The largest valid call is a WRITE of `wtmax` bytes, 32 KiB.
pub(crate) const RECORD_BYTES_MAX: usize = 64 << 10;

/// Maximum number of fragments of a record. Clients send one.
const FRAGMENTS_MAX: u32 = 64;

/// The bit of a fragment's header that says that it is the last one of its record.
const LAST_FRAGMENT: u32 = 1 << 31;

/// Why a byte stream is not one of records. The connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum RecordError {
    #[error("a record of at least {0} bytes: at most {RECORD_BYTES_MAX} are accepted")]
    TooLong(usize),
    #[error("a record of more than {FRAGMENTS_MAX} fragments")]
    TooManyFragments,
}

/// Cuts records out of a byte stream. Holds at most two records: one in parts, and input.
#[derive(Debug, Default)]
pub(crate) struct RecordDecoder {
    /// What was received and not decoded yet.
    input: BytesMut,
    /// The fragments of the current record so far.
    record: Vec<u8>,
    fragments: u32,
    /// What is missing of the current fragment, and whether it is the last one.
    fragment: Option<(usize, bool)>,
}

impl RecordDecoder {
    /// Returns the buffer for input. At most [`RECORD_BYTES_MAX`] bytes are to be added while
    /// [`has_room`](Self::has_room).
    pub(crate) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Returns whether more input can be received.
    pub(crate) fn has_room(&self) -> bool {
        self.input.len() < RECORD_BYTES_MAX
    }

    /// Returns whether a record has begun and is not complete.
    pub(crate) fn is_within_record(&self) -> bool {
        !self.input.is_empty() || self.fragments > 0
    }

    /// Returns the next record, or `None` if more input is needed.
    pub(crate) fn next_record(&mut self) -> Result<Option<Vec<u8>>, RecordError> {
        loop {
            let (missing, is_last) = match self.fragment {
                Some(fragment) => fragment,
                None if self.input.len() < size_of::<u32>() => return Ok(None),
                None => self.begin_fragment()?,
            };
            let received = missing.min(self.input.len());
            self.record.extend_from_slice(&self.input.split_to(received));
            if received < missing {
                self.fragment = Some((missing - received, is_last));
                return Ok(None);
            }
            self.fragment = None;
            if is_last {
                self.fragments = 0;
                return Ok(Some(std::mem::take(&mut self.record)));
            }
        }
    }

    fn begin_fragment(&mut self) -> Result<(usize, bool), RecordError> {
        let header = self.input.get_u32();
        let len = usize::try_from(header & !LAST_FRAGMENT).unwrap_or(usize::MAX);
        let record_len = self.record.len().saturating_add(len);
        if record_len > RECORD_BYTES_MAX {
            return Err(RecordError::TooLong(record_len));
        }
        self.fragments += 1;
        if self.fragments > FRAGMENTS_MAX {
            return Err(RecordError::TooManyFragments);
        }
        Ok((len, header & LAST_FRAGMENT != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(input: &[u8]) -> RecordDecoder {
        let mut decoder = RecordDecoder::default();
        decoder.input().extend_from_slice(input);
        decoder
    }

    #[test]
    fn records_are_joined_from_fragments_and_bytes() {
        let stream = b"\0\0\0\x02ab\0\0\0\0\x80\0\0\x01c\x80\0\0\x03def\x80\0\0\0";
        for step in 1..=stream.len() {
            let mut decoder = RecordDecoder::default();
            let mut records = Vec::new();
            for part in stream.chunks(step) {
                decoder.input().extend_from_slice(part);
                while let Some(record) = decoder.next_record().unwrap() {
                    records.push(record);
                }
            }
            assert_eq!(records, [b"abc".to_vec(), b"def".to_vec(), Vec::new()], "{step}");
            assert!(!decoder.is_within_record());
        }
    }

    #[test]
    fn sizes_are_refused_before_their_bytes_arrive() {
        let mut two_gib = decoder(b"\x7f\xff\xff\xff");
        assert_eq!(two_gib.next_record(), Err(RecordError::TooLong(0x7fff_ffff)));
        let mut over = decoder(b"\x80\x01\0\x01");
        assert_eq!(over.next_record(), Err(RecordError::TooLong(65_537)));
        let mut whole = decoder(b"\x80\x01\0\0");
        assert_eq!(whole.next_record(), Ok(None));
        assert_eq!(whole.record.capacity(), 0, "memory is for bytes that arrived");
        let mut sum = decoder(b"\0\0\0\x01a\x80\x01\0\0");
        assert_eq!(sum.next_record(), Err(RecordError::TooLong(65_537)));
        let mut tiny = decoder(&b"\0\0\0\0".repeat(10_000));
        assert_eq!(tiny.next_record(), Err(RecordError::TooManyFragments));
    }
}
