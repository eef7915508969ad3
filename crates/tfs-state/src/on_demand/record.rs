//! The record of an on-demand torrent, and its form in a line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use tfs_types::OnDemandMode;

/// Maximum number of files that tfs selects of one torrent at a time.
pub(super) const FILES_MAX: usize = 1000;

/// Maximum number of holders of one file.
const HOLDERS_MAX: usize = 100;

/// Marks a record without selected files.
const NO_FILES: &str = "-";

const SETTLED: &str = "settled";

const PENDING: &str = "pending";

/// A mount that keeps files selected, by a random number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OnDemandHolder(pub u64);

/// An on-demand torrent of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDemandRecord {
    /// What tfs makes the server download of it.
    pub mode: OnDemandMode,
    /// Whether the server still has to deselect the files that it had selected.
    pub is_pending: bool,
    /// The files that tfs itself has selected, by index, and the mounts that keep them selected.
    pub selected: BTreeMap<u32, BTreeSet<OnDemandHolder>>,
}

impl fmt::Display for OnDemandHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for OnDemandHolder {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl OnDemandRecord {
    /// Returns the record of a torrent whose files the server still has to deselect.
    #[must_use]
    pub fn pending(mode: OnDemandMode) -> Self {
        Self { mode, is_pending: true, selected: BTreeMap::new() }
    }

    /// Adds a holder of a file. Returns whether that changed anything; beyond the limits it does
    /// not.
    pub(super) fn hold(&mut self, file: u32, holder: OnDemandHolder) -> bool {
        if self.selected.len() >= FILES_MAX && !self.selected.contains_key(&file) {
            return false;
        }
        let holders = self.selected.entry(file).or_default();
        holders.len() < HOLDERS_MAX && holders.insert(holder)
    }

    /// Returns the fields of the line between the info hash and the server.
    pub(super) fn to_fields(&self) -> String {
        let state = if self.is_pending { PENDING } else { SETTLED };
        let files = self.selected.iter().map(|(file, holders)| {
            let holders: Vec<_> = holders.iter().map(OnDemandHolder::to_string).collect();
            format!("{file}:{}", holders.join("+"))
        });
        let mut files = files.collect::<Vec<_>>().join(",");
        if files.is_empty() {
            NO_FILES.clone_into(&mut files);
        }
        format!("{} {state} {files}", self.mode)
    }

    /// Parses these fields. `None` if they are not understood.
    pub(super) fn parse(mode: &str, state: &str, files: &str) -> Option<Self> {
        let is_pending = match state {
            PENDING => true,
            SETTLED => false,
            _ => return None,
        };
        let mut record = Self { mode: mode.parse().ok()?, is_pending, selected: BTreeMap::new() };
        if files == NO_FILES {
            return Some(record);
        }
        for file in files.split(',') {
            let (file, holders) = file.split_once(':')?;
            let holders = holders.split('+').filter(|text| !text.is_empty());
            let holders: BTreeSet<_> = holders.map(str::parse).collect::<Result<_, _>>().ok()?;
            record.selected.insert(file.parse().ok()?, holders);
        }
        (record.selected.len() <= FILES_MAX).then_some(record)
    }
}
