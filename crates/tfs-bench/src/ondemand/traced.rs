//! The reads of a program, by `strace`.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The calls that move in a file or read it.
const CALLS: &str = "trace=openat,lseek,read,pread64,readv,preadv,preadv2";

/// How long a program may take, a little less than its caller waits.
const PROGRAM_MAX: &str = "170s";

/// The reads of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TracedReads {
    /// The ranges that were returned, first and last byte.
    ranges: Vec<(u64, u64)>,
}

/// Returns the command that runs another one and writes its reads to `trace`.
pub(crate) fn traced(trace: &Path, command: &[&str]) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "--seccomp-bpf", "-y", "-s", "0", "-e", CALLS, "-o"]).arg(trace);
    // A killed strace would leave the program behind.
    strace.args(["timeout", "--signal=KILL", PROGRAM_MAX]).args(command);
    strace
}

impl TracedReads {
    /// Parses the reads of the file at `path`.
    pub(crate) fn parse(trace: &Path, path: &Path) -> Self {
        let text = fs::read(trace).unwrap_or_default();
        Self::parse_text(&String::from_utf8_lossy(&text), path.to_str().unwrap())
    }

    fn parse_text(text: &str, path: &str) -> Self {
        let mut reads = Self::default();
        let mut positions = HashMap::new();
        let mut unfinished = HashMap::new();
        for line in text.lines() {
            let Some((process, call)) = line.split_once(' ') else { continue };
            let call = call.trim_start();
            let call = if let Some((begun, _)) = call.split_once(" <unfinished ...>") {
                unfinished.insert(process.to_owned(), begun.to_owned());
                continue;
            } else if let Some((_, rest)) = call.split_once(" resumed>") {
                let Some(begun) = unfinished.remove(process) else { continue };
                format!("{begun}{rest}")
            } else {
                call.to_owned()
            };
            reads.on_call(&call, path, &mut positions);
        }
        reads
    }

    fn on_call(&mut self, call: &str, path: &str, positions: &mut HashMap<String, u64>) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        let opened = format!("<{path}>");
        if name == "openat" {
            if let Some((descriptor, _)) = result.split_once(&opened) {
                positions.insert(descriptor.to_owned(), 0);
            }
            return;
        }
        let Some((descriptor, arguments)) = arguments.split_once(&opened) else { return };
        let Some(result) = result.split(' ').next().and_then(|it| it.parse().ok()) else { return };
        let position = positions.entry(descriptor.to_owned()).or_default();
        match name {
            "lseek" => *position = result,
            "read" | "readv" => {
                self.push(*position, result);
                *position += result;
            }
            _ => {
                let last = |nth| arguments.trim_end_matches(')').rsplit(", ").nth(nth);
                // The flags come after the offset.
                let offset = last(usize::from(name == "preadv2"));
                if let Some(offset) = offset.and_then(|it| it.parse().ok()) {
                    self.push(offset, result);
                }
            }
        }
    }

    fn push(&mut self, offset: u64, len: u64) {
        if len > 0 {
            self.ranges.push((offset, offset + len - 1));
        }
    }

    /// Returns how many bytes the program was given.
    pub(crate) fn bytes(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Returns the pieces that it touched.
    pub(crate) fn pieces(&self, piece_bytes: u32) -> BTreeSet<u32> {
        self.pieces_from(0, piece_bytes)
    }

    /// The same for a file that begins at an offset of its torrent.
    pub(crate) fn pieces_from(&self, start: u64, piece_bytes: u32) -> BTreeSet<u32> {
        let of = |offset: u64| u32::try_from((start + offset) / u64::from(piece_bytes)).unwrap();
        self.ranges.iter().flat_map(|(first, last)| of(*first)..=of(*last)).collect()
    }
}
