//! Summary of runs, so that tests can check that every kind of event occurred.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::engine::plan::Output;
use crate::{Timestamp, VfsError};

/// The event counts of a run.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) events: u64,
    pub(super) answers: u64,
    pub(super) hits: u64,
    pub(super) timeouts: u64,
    pub(super) fast_failures: u64,
    pub(super) splits: u64,
    pub(super) refusals: u64,
    pub(super) stale: u64,
    pub(super) source_errors: u64,
    pub(super) cancelled: u64,
    /// Reads that waited for missing pieces.
    pub(super) missing_waits: u64,
    pub(super) direct_reads: u64,
    pub(super) direct_misses: u64,
    pub(super) turns: u64,
    pub(super) opens: u64,
    pub(super) bytes_fetched: u64,
    pub(super) reuses: u64,
    pub(super) skips: u64,
    pub(super) retries: u64,
    pub(super) stall_reopens: u64,
    pub(super) unasked_reopens: u64,
    /// How often selections changed.
    pub(super) selects: u64,
    /// Failed reads of programs that must not cause downloads.
    pub(super) present_only: u64,
    /// Bytes that were downloaded because of readers.
    pub(super) downloaded: u64,
    pub(super) downloaded_by_preloads: u64,
    pub(super) haves: u64,
    pub(super) looks: u64,
    pub(super) searches: u64,
    pub(super) lingers: u64,
    pub(super) samples: u64,
    /// Reads that were answered after their time-out because of progress.
    pub(super) extensions: u64,
    pub(super) preloads: u64,
    pub(super) preloaded_bytes: u64,
    pub(super) preload_ends: u64,
    pub(super) bytes_max: u64,
    /// How often a permit was recalled for another plan.
    pub(super) recalls: u64,
    /// How often the budget became smaller.
    pub(super) lowered: u64,
    /// A hash of all outputs of the core, with their times. A refactoring without a change of
    /// behaviour leaves it unchanged.
    pub(super) digest: u64,
}

impl Summary {
    pub(super) fn add(&mut self, more: &Self) {
        self.events += more.events;
        self.answers += more.answers;
        self.hits += more.hits;
        self.timeouts += more.timeouts;
        self.fast_failures += more.fast_failures;
        self.splits += more.splits;
        self.refusals += more.refusals;
        self.stale += more.stale;
        self.source_errors += more.source_errors;
        self.cancelled += more.cancelled;
        self.missing_waits += more.missing_waits;
        self.direct_reads += more.direct_reads;
        self.direct_misses += more.direct_misses;
        self.turns += more.turns;
        self.opens += more.opens;
        self.bytes_fetched += more.bytes_fetched;
        self.reuses += more.reuses;
        self.skips += more.skips;
        self.retries += more.retries;
        self.stall_reopens += more.stall_reopens;
        self.unasked_reopens += more.unasked_reopens;
        self.selects += more.selects;
        self.present_only += more.present_only;
        self.downloaded += more.downloaded;
        self.downloaded_by_preloads += more.downloaded_by_preloads;
        self.haves += more.haves;
        self.looks += more.looks;
        self.searches += more.searches;
        self.lingers += more.lingers;
        self.samples += more.samples;
        self.extensions += more.extensions;
        self.preloads += more.preloads;
        self.preloaded_bytes += more.preloaded_bytes;
        self.preload_ends += more.preload_ends;
        self.bytes_max = self.bytes_max.max(more.bytes_max);
        self.recalls += more.recalls;
        self.lowered += more.lowered;
        // Independent of the order of the seeds.
        self.digest = self.digest.wrapping_add(more.digest);
    }

    /// Adds an output of the core to the digest.
    pub(super) fn on_output(&mut self, now: Timestamp, output: &Output) {
        let mut hasher = DefaultHasher::new();
        (self.digest, now.since_start().as_nanos()).hash(&mut hasher);
        match output {
            Output::Answer { read, result, .. } => {
                let result = match result {
                    Ok(parts) => Ok(parts.iter().map(bytes::Bytes::len).sum::<usize>()),
                    // Without texts, which may be reworded.
                    Err(VfsError::Source(error)) => Err(format!("Source({:?})", error.kind)),
                    Err(error) => Err(format!("{error:?}")),
                };
                (0, read.0, result).hash(&mut hasher);
            }
            Output::Open { stream, file, file_len, range, asked_end, .. } => {
                let range = (range.start(), range.end(), asked_end);
                (1, stream.0, file, file_len, range).hash(&mut hasher);
            }
            Output::Close { stream } => (2, stream.0).hash(&mut hasher),
            Output::AskHaves { torrent } => (3, torrent).hash(&mut hasher),
            Output::AskProgress { torrent } => (4, torrent).hash(&mut hasher),
            Output::AskPeers { torrent } => (5, torrent).hash(&mut hasher),
            Output::AddPeers { torrent } => (6, torrent).hash(&mut hasher),
            Output::FindPeers { torrent } => (7, torrent).hash(&mut hasher),
        }
        self.digest = hasher.finish();
    }

    pub(super) fn has_all(&self) -> bool {
        let Self { answers, hits, refusals, stale, source_errors, .. } = self;
        let Self { preloads, preloaded_bytes, preload_ends, .. } = self;
        let Self { direct_reads, direct_misses, fast_failures, splits, .. } = self;
        let Self { samples, extensions, looks, searches, lingers, missing_waits, .. } = self;
        let Self { unasked_reopens, selects, present_only, .. } = self;
        let Self { downloaded, downloaded_by_preloads, .. } = self;
        let Self {
            cancelled, turns, reuses, skips, retries, stall_reopens, haves, timeouts, ..
        } = self;
        [answers, hits, refusals, stale, source_errors, cancelled, turns, reuses, skips]
            .into_iter()
            .chain([
                retries,
                stall_reopens,
                haves,
                timeouts,
                preloads,
                preloaded_bytes,
                preload_ends,
            ])
            .chain([direct_reads, direct_misses, fast_failures, splits, samples, extensions])
            .chain([looks, searches, lingers, missing_waits])
            .chain([unasked_reopens, selects, present_only, downloaded, downloaded_by_preloads])
            .all(|count| *count > 0)
    }
}
