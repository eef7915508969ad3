//! What the kernel asked for, and for whom.

use vfs_core::HandleId;

/// The number of the thread that a read is for, in the process numbers of who mounted.
///
/// Read-ahead carries the thread that set it off. Zero is a thread that has no number there: of
/// another container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tid(pub(crate) u32);

impl Tid {
    /// A thread that cannot be found.
    pub(crate) const UNKNOWN: Self = Self(0);
}

/// Returns how many bytes the kernel asks for when it asks again, whose error the thread gets. A
/// larger read is a new try.
pub(super) fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// How far the kernel's read-ahead may reach: the widest that can be set, twice for who says that
/// it reads in order (`POSIX_FADV_SEQUENTIAL`).
const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A range of bytes of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InodeRange {
    pub(crate) ino: u64,
    pub(crate) start: u64,
    /// Where the first byte after it is.
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

    /// Returns whether `other` may belong to the same window of read-ahead as this range.
    pub(crate) fn is_near(self, other: Self) -> bool {
        let reach = |span: Self| span.end.saturating_add(WINDOW_BYTES_MAX);
        self.ino == other.ino && self.start <= reach(other) && other.start <= reach(self)
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.ino == other.ino && self.start <= other.start && other.end <= self.end
    }

    /// Returns the parts that no read touches, and the others.
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

/// A read as the kernel asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KernelRead {
    pub(crate) tid: Tid,
    pub(crate) ino: u64,
    pub(crate) handle: HandleId,
    pub(crate) offset: u64,
    pub(crate) len: u32,
    /// Whether it goes past the kernel's page cache (`O_DIRECT`): then a thread may wait for
    /// several at a time, and sees the error of each.
    pub(crate) is_direct: bool,
}

impl KernelRead {
    /// Returns whether the kernel asks again for each page that is wanted, if this fails. No
    /// program sees the error of such a request.
    pub(crate) fn is_repeated_by_page(&self) -> bool {
        // Of reads past its page cache each is asked for once.
        !self.is_direct && self.span().len() > page_bytes()
    }

    pub(crate) fn span(&self) -> InodeRange {
        InodeRange::new(self.ino, self.offset, self.len)
    }
}
