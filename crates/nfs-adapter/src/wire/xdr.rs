//! A reader of XDR that borrows from the call, so that no announced length allocates memory.
//!
//! `nfs3_types` allocates what a length announces before it reads the bytes, up to 4 GiB: it is
//! only used to pack answers.

use thiserror::Error;

/// The arguments of a call are not those of its procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("malformed XDR")]
pub(crate) struct XdrError;

/// What is left of XDR data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct XdrReader<'a>(&'a [u8]);

impl<'a> XdrReader<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], XdrError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(XdrError)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, XdrError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(XdrError)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*taken))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, XdrError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(XdrError)?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*taken))
    }

    /// Reads opaque data of a fixed length, a multiple of 4.
    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], XdrError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(XdrError)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Reads opaque data or a string of at most `len_max` bytes, and its padding.
    pub(crate) fn opaque(&mut self, len_max: usize) -> Result<&'a [u8], XdrError> {
        let len = usize::try_from(self.u32()?).map_err(|_too_long| XdrError)?;
        if len > len_max {
            return Err(XdrError);
        }
        let data = self.take(len)?;
        self.take(len.next_multiple_of(4) - len)?;
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_checked_against_the_data_and_the_limit() {
        let mut valid = XdrReader::new(b"\0\0\0\x03abc\0\0\0\0\x07");
        assert_eq!((valid.opaque(3), valid.u32()), (Ok(&b"abc"[..]), Ok(7)));
        assert_eq!(valid.u32(), Err(XdrError));
        for data in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x03abc", b"\0\0\0\x05abcd\0\0\0\0", b"\0"] {
            assert_eq!(XdrReader::new(data).opaque(4), Err(XdrError), "{data:?}");
        }
        assert_eq!(XdrReader::new(&[0; 7]).u64(), Err(XdrError));
        assert_eq!(XdrReader::new(&[1; 8]).fixed(), Ok([1; 8]));
    }
}
