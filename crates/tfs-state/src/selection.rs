//! Persisted form of the files that a server downloads of a torrent.

use serde::{Deserialize, Serialize};
use vfs_core::Bitfield;

/// The files that a server downloads of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSelection {
    /// A bit for each file of the torrent, in its order.
    pub files: Bitfield,
    /// The bytes that the server reported as selected with these files; `None` if it had not yet.
    pub bytes: Option<u64>,
}

/// The value of a record: the selected files as ranges, since most torrents have few.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WireSelection {
    count: u32,
    /// The first file of each range, and the first one after it.
    ranges: Vec<(u32, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

impl From<&KeptSelection> for WireSelection {
    fn from(kept: &KeptSelection) -> Self {
        let count = kept.files.piece_count();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for file in (0..count).filter(|file| kept.files.has(*file)) {
            match ranges.last_mut() {
                Some((_, end)) if *end == file => *end = file + 1,
                _ => ranges.push((file, file + 1)),
            }
        }
        Self { count, ranges, bytes: kept.bytes }
    }
}

impl WireSelection {
    /// Returns the selection; `None` if it has more files than a torrent can have.
    pub(super) fn into_kept(self) -> Option<KeptSelection> {
        let Self { count, mut ranges, bytes } = self;
        ranges.sort_unstable();
        let mut ranges = ranges.into_iter().peekable();
        let files = Bitfield::from_fn(count, |file| {
            while ranges.next_if(|(_, end)| *end <= file).is_some() {}
            ranges.peek().is_some_and(|(start, _)| *start <= file)
        })?;
        Some(KeptSelection { files, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_comes_back_as_it_was() {
        for (count, selected, want) in [
            (0, &[][..], r#"{"count":0,"ranges":[]}"#),
            (3, &[], r#"{"count":3,"ranges":[]}"#),
            (3, &[0, 1, 2], r#"{"count":3,"ranges":[[0,3]]}"#),
            (9, &[1, 2, 5, 8], r#"{"count":9,"ranges":[[1,3],[5,6],[8,9]]}"#),
        ] {
            let files = Bitfield::from_fn(count, |file| selected.contains(&file)).unwrap();
            let kept = KeptSelection { files, bytes: None };
            let text = serde_json::to_string(&WireSelection::from(&kept)).unwrap();
            assert_eq!(text, want);
            let wire: WireSelection = serde_json::from_str(&text).unwrap();
            assert_eq!(wire.into_kept(), Some(kept));
        }
    }

    #[test]
    fn odd_ranges_select_what_is_inside() {
        let text = r#"{"count":4,"ranges":[[3,9],[2,2],[0,1],[5,1]],"bytes":7}"#;
        let wire: WireSelection = serde_json::from_str(text).unwrap();
        let kept = wire.into_kept().unwrap();
        let selected: Vec<_> = (0..9).filter(|file| kept.files.has(*file)).collect();
        assert_eq!((selected, kept.bytes), (vec![0, 3], Some(7)));
        let huge: WireSelection =
            serde_json::from_str(r#"{"count":4294967295,"ranges":[]}"#).unwrap();
        assert_eq!(huge.into_kept(), None);
    }
}
