//! The reader of a measurement: a process of its own, the same one for every way to the bytes.
//!
//! It reads files, or ranges of HTTP resources over kept connections, and is pinned if asked.
//! After the measured part it reads again in the same way and compares the bytes, so that every
//! measured way has proven to deliver the right ones.

mod check;
mod http;
mod pattern;
mod pin;
mod source;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

pub(crate) use self::http::RangeConnection;
pub(crate) use self::pattern::LoadPattern;
pub(crate) use self::pin::{Pinned, reader_cpu};
pub(crate) use self::source::ByteSource;

/// The first argument of the process.
pub(crate) const MARK: &str = "--load";

/// What a reader has to read.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) pattern: LoadPattern,
    /// A thread for each of them if they are read in order; random reads are of the first.
    pub(crate) sources: Vec<LoadSource>,
    /// The processor that the reader is pinned to.
    pub(crate) cpu: Option<usize>,
    /// Whether to compare the bytes afterwards.
    pub(crate) checks: bool,
}

/// A source, and the file with the same bytes.
#[derive(Debug, Clone)]
pub(crate) struct LoadSource {
    pub(crate) source: ByteSource,
    pub(crate) plain: PathBuf,
}

/// What a reader has read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadResult {
    /// Bytes of reads in order, blocks of random reads.
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl LoadResult {
    /// Returns the rate a second.
    pub(crate) fn rate(self) -> f64 {
        self.count as f64 / self.time.as_secs_f64()
    }

    pub(crate) fn mib_per_second(self) -> f64 {
        self.rate() / f64::from(1 << 20)
    }
}

impl Load {
    /// Runs the reader in its process.
    ///
    /// # Panics
    /// If a read fails, or bytes are wrong.
    pub(crate) fn run(&self) -> LoadResult {
        self.run_under(&[])
    }

    /// Runs the reader as the last arguments of another command.
    pub(crate) fn run_under(&self, outer: &[OsString]) -> LoadResult {
        let mut words = outer.to_vec();
        words.push(std::env::current_exe().unwrap().into());
        words.extend(self.arguments());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
        let (count, nanos) = said.trim().split_once(' ').unwrap();
        let time = Duration::from_nanos(nanos.parse().unwrap());
        LoadResult { count: count.parse().unwrap(), time }
    }

    fn arguments(&self) -> Vec<OsString> {
        let cpu = self.cpu.map_or(FREE.to_owned(), |cpu| cpu.to_string());
        let checks = if self.checks { CHECKS } else { TRUSTS };
        let mut words: Vec<OsString> = vec![MARK.into(), cpu.into(), checks.into()];
        words.extend(self.pattern.words().map(OsString::from));
        for LoadSource { source, plain } in &self.sources {
            words.extend([source.word(), plain.into()]);
        }
        words
    }

    fn parse(words: &[String]) -> Self {
        let (head, sources) = words.split_at(2 + LoadPattern::WORDS);
        Self {
            cpu: head[0].parse().ok(),
            checks: head[1] == CHECKS,
            pattern: LoadPattern::parse(&head[2..]),
            sources: sources
                .chunks(2)
                .map(|pair| LoadSource {
                    source: ByteSource::parse(&pair[0]),
                    plain: (&pair[1]).into(),
                })
                .collect(),
        }
    }
}

const FREE: &str = "free";
const CHECKS: &str = "check";
const TRUSTS: &str = "trust";

/// Runs the process of a reader.
pub(crate) fn run(words: &[String]) -> ExitCode {
    let load = Load::parse(words);
    if let Some(cpu) = load.cpu {
        pin::pin_this_process(cpu);
    }
    let loaded = load.pattern.read(&load.sources);
    if load.checks {
        check::check(&load, loaded);
    }
    println!("{} {}", loaded.count, loaded.time.as_nanos());
    ExitCode::SUCCESS
}
