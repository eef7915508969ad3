//! What a reader process is told to do, and what it says of it: a line each.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tfs_testkit::content::Content;

/// A way to read a file, or to look around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ReadMethod {
    /// From somewhere on, block by block.
    Sequential,
    /// Small blocks anywhere.
    Random,
    /// Through a mapping of the file.
    Mapped,
    /// Past the page cache.
    Direct,
    /// By `sendfile`.
    Sent,
    /// Several threads on one descriptor.
    Shared,
    /// Open, read the head and the tail, close.
    Brief,
    /// Listings, attributes, names that do not exist, and views.
    Walk,
}

impl ReadMethod {
    pub(crate) const ALL: [Self; 8] = [
        Self::Sequential,
        Self::Random,
        Self::Mapped,
        Self::Direct,
        Self::Sent,
        Self::Shared,
        Self::Brief,
        Self::Walk,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Random => "random",
            Self::Mapped => "mapped",
            Self::Direct => "direct",
            Self::Sent => "sent",
            Self::Shared => "shared",
            Self::Brief => "brief",
            Self::Walk => "walk",
        }
    }
}

/// What is to be done: with which file, or below which directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReaderTask {
    pub(crate) way: ReadMethod,
    pub(crate) path: PathBuf,
    /// Of a file; of a directory it means nothing.
    pub(crate) content: Content,
    /// What is random about it.
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaskOutcome {
    /// All of them, also those that are no reads and those that failed.
    pub(crate) calls: u64,
    pub(crate) reads: u64,
    pub(crate) bytes: u64,
    /// The longest that one call took.
    pub(crate) worst: Duration,
    /// Errors by the name of the call and the number.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Bytes that are not those of the file, in words.
    pub(crate) wrong: Vec<String>,
}

/// What stands between fields of a line; no name in the tests has one.
const SEPARATOR: &str = "\t";

impl ReaderTask {
    pub(crate) fn to_line(&self) -> String {
        let (len, seed) = (self.content.len().to_string(), self.content.seed().to_string());
        let path = self.path.to_str().unwrap();
        [self.way.name(), path, &seed, &len, &self.seed.to_string()].join(SEPARATOR)
    }

    pub(crate) fn parse(line: &str) -> Self {
        let fields: Vec<_> = line.trim_end_matches('\n').split(SEPARATOR).collect();
        let way = ReadMethod::ALL.into_iter().find(|way| way.name() == fields[0]).unwrap();
        let number = |idx: usize| fields[idx].parse().unwrap();
        let content = Content::new(number(2), number(3));
        Self { way, path: fields[1].into(), content, seed: number(4) }
    }
}

impl TaskOutcome {
    /// Makes a call that takes `self`'s time.
    pub(crate) fn timed<T>(
        &mut self,
        name: &str,
        call: impl FnOnce() -> io::Result<T>,
    ) -> Option<T> {
        self.calls += 1;
        let start = Instant::now();
        let result = call();
        self.worst = self.worst.max(start.elapsed());
        result.map_err(|error| self.on_error(name, &error)).ok()
    }

    /// Reads once, and checks what came. Returns how much that is; less than was asked for only
    /// where something failed or the file ends.
    pub(crate) fn read(
        &mut self,
        content: Content,
        offset: u64,
        buf: &mut [u8],
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Option<u64> {
        let len = self.timed("read", || read(buf))?;
        let got = &buf[..len];
        self.reads += 1;
        self.bytes += u64::try_from(len).unwrap();
        if let Err(mismatch) = content.check(offset, got) {
            self.wrong.push(mismatch.to_string());
        } else if got.is_empty() && offset < content.len() && !buf.is_empty() {
            self.wrong.push(format!("the file ends at {offset} of {}", content.len()));
        }
        u64::try_from(len).ok()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.reads += other.reads;
        self.bytes += other.bytes;
        self.worst = self.worst.max(other.worst);
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
        self.wrong.extend(other.wrong);
    }

    /// Returns how many errors there were.
    pub(crate) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    pub(crate) fn to_line(&self) -> String {
        let errors: Vec<_> =
            self.errors.iter().map(|(name, count)| format!("{name}={count}")).collect();
        let worst = u64::try_from(self.worst.as_millis()).unwrap();
        let numbers = [self.calls, self.reads, self.bytes, worst];
        let numbers = numbers.map(|number| number.to_string()).join(SEPARATOR);
        [numbers, errors.join(","), self.wrong.join("; ")].join(SEPARATOR)
    }

    /// Reads a line, or returns `None` for one that was cut off with its process.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let fields: Vec<_> = line.strip_suffix('\n')?.split(SEPARATOR).collect();
        let number = |idx: usize| fields.get(idx)?.parse::<u64>().ok();
        let errors = fields.get(4)?.split(',').filter_map(|error| {
            let (name, count) = error.split_once('=')?;
            Some((name.to_owned(), count.parse().ok()?))
        });
        let wrong = Some(*fields.get(5)?).filter(|wrong| !wrong.is_empty());
        Some(Self {
            calls: number(0)?,
            reads: number(1)?,
            bytes: number(2)?,
            worst: Duration::from_millis(number(3)?),
            errors: errors.collect(),
            wrong: wrong.map(str::to_owned).into_iter().collect(),
        })
    }

    fn on_error(&mut self, name: &str, error: &io::Error) {
        let errno = error.raw_os_error().map(nix::errno::Errno::from_raw);
        let errno = errno.map_or_else(|| error.to_string(), |errno| format!("{errno:?}"));
        *self.errors.entry(format!("{name} {errno}")).or_default() += 1;
    }
}
