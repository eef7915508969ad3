//! The task of a reader process and its result: a line each.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tfs_testkit::content::Content;

/// A method of reading a file, or a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ReadMethod {
    /// Sequentially from some offset, block by block.
    Sequential,
    /// Small blocks at random offsets.
    Random,
    /// Through a mapping of the file.
    Mapped,
    /// With `O_DIRECT`, past the page cache.
    Direct,
    /// By `sendfile`.
    Sent,
    /// Several threads on one descriptor.
    Shared,
    /// Open, read the head and the tail, close.
    Brief,
    /// Listings, attributes, names that do not exist, and views.
    Walk,
    /// Ranges over WebDAV.
    WebRanges,
    /// Whole files over WebDAV, with pauses and disconnects.
    WebWhole,
    /// Over NFS.
    Nfs,
}

impl ReadMethod {
    pub(crate) const ALL: [Self; 11] = [
        Self::Sequential,
        Self::Random,
        Self::Mapped,
        Self::Direct,
        Self::Sent,
        Self::Shared,
        Self::Brief,
        Self::Walk,
        Self::WebRanges,
        Self::WebWhole,
        Self::Nfs,
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
            Self::WebRanges => "WebDAV, ranges",
            Self::WebWhole => "WebDAV, whole files",
            Self::Nfs => "NFS",
        }
    }
}

/// The task: a method, and a file or a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReaderTask {
    pub(crate) way: ReadMethod,
    pub(crate) path: PathBuf,
    /// The content of a file; unused for a directory.
    pub(crate) content: Content,
    /// The seed of the random choices.
    pub(crate) seed: u64,
}

/// The result of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaskOutcome {
    /// All calls, including those that are not reads and those that failed.
    pub(crate) calls: u64,
    pub(crate) reads: u64,
    pub(crate) bytes: u64,
    /// The longest time of one call.
    pub(crate) worst: Duration,
    /// Errors by the name of the call and the errno.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Bytes that are not those of the file, in words.
    pub(crate) wrong: Vec<String>,
}

/// The separator between the fields of a line; no name in the tests contains it.
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
    /// Makes a call, and records its time.
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

    /// Reads once, and checks the bytes. Returns their number, which is less than requested only
    /// after an error or at the end of the file.
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

    /// Checks bytes that were read at an offset.
    pub(crate) fn check(&mut self, content: Content, offset: u64, got: &[u8]) {
        self.reads += 1;
        self.bytes += u64::try_from(got.len()).unwrap();
        if let Err(mismatch) = content.check(offset, got) {
            self.wrong.push(mismatch.to_string());
        }
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

    /// Returns the number of errors.
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

    /// Parses a line, or returns `None` for an incomplete one of a killed process.
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
