//! A read request of the kernel.

use vfs_core::HandleId;

/// Id of the thread that a read is for, in the PID namespace of the mount's process.
///
/// A read-ahead carries the thread that triggered it. Zero is a thread of another PID namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tid(pub(crate) u32);

impl Tid {
    /// A thread without an id in this namespace.
    pub(crate) const UNKNOWN: Self = Self(0);
}

/// Returns the size of the kernel's retry, whose error the thread gets. A larger read is a new
/// attempt.
pub(crate) fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// Maximum reach of the kernel's read-ahead: the largest configurable window, doubled for
/// sequential readers (`POSIX_FADV_SEQUENTIAL`).
const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A range of bytes of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InodeRange {
    pub(crate) ino: u64,
    pub(crate) start: u64,
    /// Offset of the first byte after the range.
    pub(crate) end: u64,
}

impl InodeRange {
    pub(crate) fn new(ino: u64, start: u64, len: u32) -> Self {
        Self { ino, start, end: start.saturating_add(u64::from(len)) }
    }

    pub(crate) fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.ino == other.ino && self.start < other.end && other.start < self.end
    }

    /// Returns whether `other` may belong to the same read-ahead window as this range.
    pub(crate) fn is_near(self, other: Self) -> bool {
        let reach = |span: Self| span.end.saturating_add(WINDOW_BYTES_MAX);
        self.ino == other.ino && self.start <= reach(other) && other.start <= reach(self)
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.ino == other.ino && self.start <= other.start && other.end <= self.end
    }

    /// Returns the parts that no read overlaps, and the other parts.
    pub(crate) fn split(self, reads: &[Self]) -> (Vec<Self>, Vec<Self>) {
        let mut reads: Vec<_> = reads.iter().filter(|read| read.overlaps(self)).collect();
        reads.sort_unstable_by_key(|read| read.start);
        let (mut free, mut held) = (Vec::new(), Vec::<Self>::new());
        let mut start = self.start;
        for read in reads {
            let end = read.end.min(self.end);
            if read.start > start {
                free.push(Self { start, end: read.start, ..self });
            }
            match held.last_mut() {
                Some(last) if read.start <= last.end => last.end = last.end.max(end),
                Some(_) | None => {
                    held.push(Self { start: read.start.max(self.start), end, ..self });
                }
            }
            start = start.max(end);
        }
        if start < self.end {
            free.push(Self { start, ..self });
        }
        (free, held)
    }
}

/// A read as the kernel requested it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KernelRead {
    pub(crate) tid: Tid,
    pub(crate) ino: u64,
    pub(crate) handle: HandleId,
    pub(crate) offset: u64,
    pub(crate) len: u32,
    /// Whether the read bypasses the page cache (`O_DIRECT`): a thread may then wait for several at
    /// a time, and sees the error of each.
    pub(crate) is_direct: bool,
}

impl KernelRead {
    /// Returns whether the kernel retries each wanted page after a failure. No program sees the
    /// error of such a request.
    pub(crate) fn is_repeated_by_page(&self) -> bool {
        // The kernel does not retry O_DIRECT reads.
        !self.is_direct && self.span().len() > page_bytes()
    }

    pub(crate) fn span(&self) -> InodeRange {
        InodeRange::new(self.ino, self.offset, self.len)
    }
}
