//! Serialized form of torrents in state files. Input is validated like an answer of a server.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use vfs_core::{
    FileEntry, FileKind, InfoHash, Layout, MetadataStatus, TorrentDetails, TorrentState,
    TorrentSummary,
};

use super::record::{BadRecord, LogRecord};

/// Times from here on are invalid: the year 2100.
const TIME_MAX: i64 = 4_102_444_800;

/// Clamps a time from a file to the range that programs can show.
pub(super) fn to_time(seconds: i64) -> i64 {
    seconds.clamp(0, TIME_MAX)
}

/// Serialization of info hashes as 40 hexadecimal digits.
pub(super) mod info_hash {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use vfs_core::InfoHash;

    pub(crate) fn serialize<S: Serializer>(
        info_hash: &InfoHash,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(info_hash)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<InfoHash, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The addition of a torrent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireCame {
    /// Its name in the root directory.
    pub(super) name: String,
    /// When it was first seen, in seconds since 1970.
    pub(super) at: i64,
}

/// The time of an event, in seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireAt {
    pub(super) at: i64,
}

/// The inode numbers of a torrent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireNumbers {
    pub(super) first: u32,
    pub(super) count: u32,
}

/// The immutable properties of a torrent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireDetails {
    #[serde(with = "info_hash")]
    pub(super) info_hash: InfoHash,
    name: String,
    is_directory: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    piece_len: Option<NonZeroU32>,
    /// Files of version 0.1.0 contain only torrents with metadata, and lack the field.
    #[serde(default, skip_serializing_if = "WireMetadata::is_known")]
    metadata: WireMetadata,
    files: Vec<WireFile>,
}

/// The field of details that decides whether they replace others.
#[derive(Debug, Deserialize)]
struct WireGlance {
    #[serde(default)]
    metadata: WireMetadata,
}

/// The last field of details, and most of their text.
const FILES_KEY: &[u8] = b",\"files\":";

/// Returns the state of the metadata in a record of details, without parsing its files.
///
/// # Errors
/// [`BadRecord::Newer`], if it has another format.
pub(super) fn metadata_status(record: &LogRecord<'_>) -> Result<MetadataStatus, BadRecord> {
    Ok(record.value_before::<WireGlance>(FILES_KEY)?.metadata.into())
}

/// Returns whether new details replace known ones, by the state of their metadata. Details without
/// metadata do not replace those with it: another mount of the server may have recorded it already.
pub(super) fn is_improvement(known: MetadataStatus, new: MetadataStatus) -> bool {
    new == MetadataStatus::Known || known != MetadataStatus::Known
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireMetadata {
    #[default]
    Known,
    Pending,
    Unavailable,
}

impl WireMetadata {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_known(&self) -> bool {
        *self == Self::Known
    }
}

impl From<MetadataStatus> for WireMetadata {
    fn from(status: MetadataStatus) -> Self {
        match status {
            MetadataStatus::Known => Self::Known,
            MetadataStatus::Pending => Self::Pending,
            MetadataStatus::Unavailable => Self::Unavailable,
        }
    }
}

impl From<WireMetadata> for MetadataStatus {
    fn from(status: WireMetadata) -> Self {
        match status {
            WireMetadata::Known => Self::Known,
            WireMetadata::Pending => Self::Pending,
            WireMetadata::Unavailable => Self::Unavailable,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFile {
    path: Vec<String>,
    len: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link_target: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_false")]
    is_padding: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The last listing of all torrents.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireProgress {
    pub(super) torrents: Vec<WireSummary>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSummary {
    #[serde(with = "info_hash")]
    pub(super) info_hash: InfoHash,
    state: WireState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    have_bytes: Option<Vec<u64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireState {
    Initializing,
    Live,
    Paused,
    Failed,
}

impl From<&TorrentDetails> for WireDetails {
    fn from(details: &TorrentDetails) -> Self {
        let file = |file: &FileEntry| WireFile {
            path: file.path.clone(),
            len: file.len,
            link_target: match &file.kind {
                FileKind::Symlink { target } => Some(target.clone()),
                FileKind::Regular | FileKind::Padding => None,
            },
            is_padding: file.kind == FileKind::Padding,
        };
        Self {
            info_hash: details.info_hash,
            name: details.name.clone(),
            is_directory: details.layout == Layout::Directory,
            created: details.created,
            piece_len: details.piece_len,
            metadata: details.metadata.into(),
            files: details.files.iter().map(file).collect(),
        }
    }
}

impl From<WireDetails> for TorrentDetails {
    fn from(wire: WireDetails) -> Self {
        let file = |file: WireFile| FileEntry {
            path: file.path,
            len: file.len,
            kind: match file.link_target {
                Some(target) => FileKind::Symlink { target },
                None if file.is_padding => FileKind::Padding,
                None => FileKind::Regular,
            },
        };
        Self {
            info_hash: wire.info_hash,
            name: wire.name,
            layout: if wire.is_directory { Layout::Directory } else { Layout::SingleFile },
            created: wire.created.map(to_time),
            piece_len: wire.piece_len,
            metadata: wire.metadata.into(),
            files: wire.files.into_iter().map(file).collect(),
        }
    }
}

impl From<&TorrentSummary> for WireSummary {
    fn from(summary: &TorrentSummary) -> Self {
        Self {
            info_hash: summary.info_hash,
            state: match summary.state {
                TorrentState::Initializing => WireState::Initializing,
                TorrentState::Live => WireState::Live,
                TorrentState::Paused => WireState::Paused,
                TorrentState::Failed => WireState::Failed,
            },
            have_bytes: summary.file_progress.as_deref().map(<[u64]>::to_vec),
        }
    }
}

/// Returns the last known state of a torrent at a position of the root directory. Progress that
/// does not match its files counts as unknown.
pub(super) fn to_summary(
    details: &TorrentDetails,
    position: usize,
    known: Option<WireSummary>,
) -> TorrentSummary {
    let state = match known.as_ref().map(|known| known.state) {
        Some(WireState::Initializing) => TorrentState::Initializing,
        Some(WireState::Live) | None => TorrentState::Live,
        Some(WireState::Paused) => TorrentState::Paused,
        Some(WireState::Failed) => TorrentState::Failed,
    };
    let fits = |have: &Vec<u64>| {
        let files = details.files.iter();
        have.len() == files.len() && files.zip(have).all(|(file, have)| *have <= file.len)
    };
    let have_bytes = known.and_then(|known| known.have_bytes).filter(fits);
    TorrentSummary {
        info_hash: details.info_hash,
        added_order: position as u64,
        is_resolved: true,
        is_listed: true,
        state,
        file_progress: have_bytes.map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details() -> TorrentDetails {
        let file = |path: &[&str], len, kind| FileEntry {
            path: path.iter().map(|&name| name.to_owned()).collect(),
            len,
            kind,
        };
        TorrentDetails {
            info_hash: InfoHash::from_bytes([7; 20]),
            name: "a\u{0}b/../\u{1f3ac}".to_owned(),
            layout: Layout::Directory,
            created: Some(1_700_000_000),
            piece_len: NonZeroU32::new(16384),
            metadata: MetadataStatus::Known,
            files: vec![
                file(&["d", "f"], u64::MAX, FileKind::Regular),
                file(&[".pad", "9"], 9, FileKind::Padding),
                file(&[], 0, FileKind::Symlink { target: vec!["d".to_owned()] }),
            ],
        }
    }

    #[test]
    fn details_come_back_as_they_were() {
        let single = TorrentDetails {
            layout: Layout::SingleFile,
            created: None,
            piece_len: None,
            files: Vec::new(),
            ..details()
        };
        let pending = TorrentDetails { metadata: MetadataStatus::Pending, ..details() };
        let without = TorrentDetails { metadata: MetadataStatus::Unavailable, ..details() };
        for details in [details(), single, pending, without] {
            let text = serde_json::to_string(&WireDetails::from(&details)).unwrap();
            let wire: WireDetails = serde_json::from_str(&text).unwrap();
            assert_eq!(TorrentDetails::from(wire), details, "{text}");
        }
    }

    #[test]
    fn progress_is_taken_if_it_belongs_to_the_files() {
        let details = details();
        for (have, is_taken) in [
            (Some(vec![5, 9, 0]), true),
            (Some(vec![5, 10, 0]), false),
            (Some(vec![5, 9]), false),
            (None, false),
        ] {
            let known = TorrentSummary {
                info_hash: details.info_hash,
                added_order: 3,
                is_resolved: true,
                is_listed: true,
                state: TorrentState::Paused,
                file_progress: have.clone().map(Into::into),
            };
            let summary = to_summary(&details, 3, Some(WireSummary::from(&known)));
            let want = have.filter(|_| is_taken).map(Into::into);
            assert_eq!(summary, TorrentSummary { file_progress: want, ..known });
        }
        assert_eq!(to_summary(&details, 0, None).state, TorrentState::Live);
    }

    #[test]
    fn times_can_be_shown() {
        let cases = [(i64::MIN, 0), (7, 7), (i64::MAX, TIME_MAX)];
        assert!(cases.iter().all(|(seconds, want)| to_time(*seconds) == *want));
    }
}
