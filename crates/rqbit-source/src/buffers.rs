//! Buffers that bytes are read into, from a disk or a server.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use vfs_core::ByteRange;

/// How many buffers are kept for reads to come: one for each thread that answers, and some for
/// those that wait for the disk.
const BUFFERS_KEPT: usize = 8;

/// The smallest buffer: what the kernel asks for most often.
const BUFFER_BYTES_MIN: usize = 128 << 10;

/// The largest buffer that is kept: the largest read of the kernel.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// Returns the length of a range in memory.
pub(crate) fn len_of(range: ByteRange) -> usize {
    usize::try_from(range.len()).unwrap_or(usize::MAX)
}

/// Buffers that were used and will be again: fresh memory costs more than what is read into it.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// At most [`BUFFERS_KEPT`]; held for one access.
    free: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// Returns a buffer of `len` bytes, which are anything.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> Buffer {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one that came back is the likeliest to be in the processor's cache.
        let fitting = free.iter().rposition(|bytes| bytes.len() >= len);
        let bytes = fitting.map(|idx| free.swap_remove(idx));
        drop(free);
        let size = || len.checked_next_power_of_two().unwrap_or(len).max(BUFFER_BYTES_MIN);
        let bytes = bytes.unwrap_or_else(|| vec![0; size()]);
        Buffer { bytes, len, home: Arc::clone(self) }
    }
}

/// One of them while it is in use.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
    home: Arc<Buffers>,
}

impl Buffer {
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    /// Hands it on to be read; it comes back when nobody does any more.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.len() <= BUFFER_BYTES_MAX && free.len() < BUFFERS_KEPT {
            free.push(bytes);
        }
    }
}
