//! Selects a torrent by the text that a user typed.

use crate::TorrentRow;

/// Minimum number of digits that count as a prefix of an info hash. Fewer are more likely part of a
/// name.
const HASH_DIGITS_MIN: usize = 4;

/// Why no torrent was chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SelectError {
    /// No torrent matches.
    #[error("no torrent matches {text:?}")]
    Unknown {
        /// The text that was typed.
        text: String,
    },
    /// Several torrents match.
    #[error("{} torrents fit {text:?}", .candidates.len())]
    Ambiguous {
        /// The text that was typed.
        text: String,
        /// The matches.
        candidates: Vec<TorrentRow>,
    },
}

/// Returns whether the info hash of a torrent begins with this text, which is in lower case and
/// long enough to be meant so.
#[must_use]
pub fn has_hash_start(torrent: &TorrentRow, text: &str) -> bool {
    text.len() >= HASH_DIGITS_MIN && torrent.info_hash.starts_with(text)
}

/// Returns the torrent with this name, part of a name in any case, id, or info hash or prefix of
/// it.
///
/// Full matches take precedence over partial ones. Otherwise all kinds of match are equal: a
/// torrent whose name is the id or info hash of another is ambiguous.
///
/// # Errors
/// [`SelectError`].
pub fn select<'a>(torrents: &'a [TorrentRow], text: &str) -> Result<&'a TorrentRow, SelectError> {
    let lower = text.to_lowercase();
    let whole = |torrent: &&TorrentRow| {
        torrent.name.as_deref() == Some(text)
            || torrent.info_hash == lower
            || torrent.id.is_some_and(|id| id.to_string() == text)
    };
    let part = |torrent: &&TorrentRow| {
        let name = torrent.name.as_ref().map(|name| name.to_lowercase());
        name.is_some_and(|name| name.contains(&lower)) || has_hash_start(torrent, &lower)
    };
    let text = text.to_owned();
    let mut fitting: Vec<_> = torrents.iter().filter(whole).collect();
    if fitting.is_empty() && !text.is_empty() {
        fitting = torrents.iter().filter(part).collect();
    }
    match fitting.as_slice() {
        [] => Err(SelectError::Unknown { text }),
        [torrent] => Ok(torrent),
        _ => {
            let candidates = fitting.into_iter().cloned().collect();
            Err(SelectError::Ambiguous { text, candidates })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn torrent(id: u64, info_hash: &str, name: Option<&str>) -> TorrentRow {
        let name = name.map(str::to_owned);
        TorrentRow { id: Some(id), name, ..TorrentRow::empty(format!("{info_hash:0<40}")) }
    }

    /// Compares the ids of the matches.
    #[track_caller]
    fn check(torrents: &[TorrentRow], text: &str, want: &[u64]) {
        let ids: Vec<_> = match select(torrents, text) {
            Ok(torrent) => vec![torrent.id.unwrap()],
            Err(SelectError::Unknown { .. }) => Vec::new(),
            Err(SelectError::Ambiguous { candidates, .. }) => {
                candidates.iter().map(|torrent| torrent.id.unwrap()).collect()
            }
        };
        assert_eq!(ids, want, "{text:?}");
    }

    #[test]
    fn every_way_to_name_a_torrent() {
        let torrents = [
            torrent(0, "aaaa1", Some("Debian 13")),
            torrent(1, "aaaa2", Some("Debian 12")),
            torrent(2, "bbbb", Some("Se7en")),
            torrent(7, "cccc", None),
            torrent(8, "dddd", Some("Twice")),
            torrent(9, "eeee", Some("Twice")),
            torrent(10, "ffff", Some("Debian")),
        ];
        check(&torrents, "Debian 13", &[0]);
        check(&torrents, "debian 12", &[1]);
        check(&torrents, "debian 1", &[0, 1]);
        check(&torrents, "Debian", &[10]);
        check(&torrents, "SE7", &[2]);
        check(&torrents, "7", &[7]);
        check(&torrents, "cccc", &[7]);
        check(&torrents, &format!("{:0<40}", "CCCC"), &[7]);
        check(&torrents, "aaaa", &[0, 1]);
        check(&torrents, "aaaa2", &[1]);
        check(&torrents, "ccc", &[]);
        check(&torrents, "Twice", &[8, 9]);
        check(&torrents, "", &[]);
        check(&torrents, "nothing", &[]);
    }

    #[test]
    fn a_name_cannot_pose_as_another_torrent() {
        let hash = format!("{:0<40}", "aaaa");
        let torrents = [
            torrent(3, "aaaa", Some("good")),
            torrent(4, "bbbb", Some(&hash)),
            torrent(5, "c", Some("3")),
        ];
        check(&torrents, &hash, &[3, 4]);
        check(&torrents, "3", &[3, 5]);
        check(&torrents, "good", &[3]);
    }
}
