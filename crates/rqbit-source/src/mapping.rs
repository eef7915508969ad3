//! Converts rqbit's JSON types to the core's types.

use std::num::NonZeroU32;

use rqbit_client::wire;
use vfs_core::{
    FileEntry, FileKind, Layout, MetadataStatus, TorrentDetails, TorrentState, TorrentSummary,
};

use crate::metainfo::{self, Metainfo};
use crate::names;

/// Converts an entry of the list. rqbit's ids increase, so they give the order of addition.
#[must_use]
pub fn to_summary(torrent: wire::TorrentProgress) -> TorrentSummary {
    let stats = torrent.stats;
    let state = match stats.state {
        wire::TorrentState::Initializing => TorrentState::Initializing,
        // An unknown state counts as one in which data may still arrive: a read then waits until
        // its deadline, instead of failing without a reason.
        wire::TorrentState::Live | wire::TorrentState::Unknown => TorrentState::Live,
        wire::TorrentState::Paused => TorrentState::Paused,
        wire::TorrentState::Error => TorrentState::Failed,
    };
    let is_running = matches!(state, TorrentState::Live | TorrentState::Paused);
    TorrentSummary {
        info_hash: torrent.info_hash,
        added_order: torrent.id.unwrap_or(u64::MAX),
        // A torrent of empty files has no pieces, but may be running.
        is_resolved: torrent.total_pieces != Some(0) || is_running,
        is_listed: true,
        state,
        file_progress: (!stats.file_progress.is_empty()).then(|| stats.file_progress.into()),
    }
}

/// Converts the details of a torrent, or returns `None` while it is not resolved.
///
/// Without its `.torrent` file the metadata is pending: there is no date, links have no target, and
/// the layout and the piece length are [guessed](complete).
#[must_use]
pub fn to_details(
    torrent: wire::TorrentDetails,
    torrent_file: Option<&[u8]>,
) -> Option<TorrentDetails> {
    let has_files = torrent.files.as_ref().is_some_and(|files| !files.is_empty());
    // Without files it is resolved only if its metadata shows that.
    torrent.files.as_ref()?;
    let details = guess(torrent);
    let details = match torrent_file {
        Some(torrent_file) => complete(details, torrent_file),
        None => details,
    };
    (has_files || details.metadata == MetadataStatus::Known).then_some(details)
}

/// Completes details from the `.torrent` file. The metadata is unavailable if the file cannot be
/// parsed.
#[must_use]
pub fn complete(details: TorrentDetails, torrent_file: &[u8]) -> TorrentDetails {
    match metainfo::parse(torrent_file) {
        Some(metainfo) => with_metainfo(details, metainfo),
        None => TorrentDetails { metadata: MetadataStatus::Unavailable, ..details },
    }
}

fn with_metainfo(mut details: TorrentDetails, metainfo: Metainfo) -> TorrentDetails {
    let Metainfo { created, has_file_list, link_targets, paths, piece_len } = metainfo;
    let shown = details.files.iter().map(|file| file.path.as_slice());
    let targets = names::link_targets(link_targets, &paths, shown);
    let targets = targets.into_iter().chain(std::iter::repeat(None));
    for (file, link_target) in details.files.iter_mut().zip(targets) {
        if let FileKind::Symlink { target } = &mut file.kind {
            *target = link_target.unwrap_or_default();
        }
    }
    TorrentDetails {
        layout: if has_file_list { Layout::Directory } else { Layout::SingleFile },
        created,
        piece_len,
        metadata: MetadataStatus::Known,
        ..details
    }
}

/// Converts the details of a torrent whose metadata is unknown.
fn guess(torrent: wire::TorrentDetails) -> TorrentDetails {
    let name = names::torrent_name(&torrent);
    let files = torrent.files.unwrap_or_default();
    // A list of one file with the name of the torrent is rare; the metadata distinguishes it from a
    // single file.
    let is_single = matches!(files.as_slice(), [file] if file.components == [name.as_str()]);
    let total_bytes = files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.length));
    TorrentDetails {
        info_hash: torrent.info_hash,
        name,
        layout: if is_single { Layout::SingleFile } else { Layout::Directory },
        created: None,
        piece_len: total_bytes.zip(torrent.total_pieces).and_then(guess_piece_len),
        metadata: MetadataStatus::Pending,
        files: files.into_iter().map(to_file).collect(),
    }
}

/// Returns the power of two that splits a torrent into this number of pieces. For two pieces or
/// more there is at most one; for one piece, any that is not shorter than the torrent is valid.
///
/// BEP 3 calls a power of two "almost always" the piece length. For another piece length the result
/// is mostly `None`. Otherwise reads may wait for bytes that are present, until the metadata
/// corrects it; the returned bytes are the server's in any case.
fn guess_piece_len((total_bytes, piece_count): (u64, u32)) -> Option<NonZeroU32> {
    if piece_count == 0 || total_bytes == 0 {
        return None;
    }
    let least = total_bytes.div_ceil(u64::from(piece_count));
    let len = u32::try_from(least.checked_next_power_of_two()?).ok()?;
    let fits = total_bytes.div_ceil(u64::from(len)) == u64::from(piece_count);
    NonZeroU32::new(len).filter(|_| fits)
}

fn to_file(file: wire::TorrentFile) -> FileEntry {
    let kind = if file.attributes.padding {
        FileKind::Padding
    } else if file.attributes.symlink {
        // An empty target resolves to nothing, so the link is hidden.
        FileKind::Symlink { target: Vec::new() }
    } else {
        FileKind::Regular
    };
    FileEntry { path: file.components, len: file.length, kind }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn torrent<T: serde::de::DeserializeOwned>(fields: &str) -> T {
        serde_json::from_str(&format!("{{\"info_hash\":\"{HASH}\",{fields}}}")).unwrap()
    }

    #[track_caller]
    fn check_summary(fields: &str, want: &Expect) {
        let summary = to_summary(torrent(fields));
        assert_eq!(summary.info_hash.to_string(), HASH);
        want.assert_eq(&format!(
            "{} resolved={} {:?} {:?}",
            summary.added_order, summary.is_resolved, summary.state, summary.file_progress
        ));
    }

    #[test]
    fn summaries() {
        check_summary(
            r#""id":3,"name":"a","output_folder":"/d","total_pieces":9,
               "stats":{"state":"live","file_progress":[1,2]}"#,
            &expect!["3 resolved=true Live Some([1, 2])"],
        );
        check_summary(
            r#""id":0,"name":null,"total_pieces":0,"stats":{"state":"initializing"}"#,
            &expect!["0 resolved=false Initializing None"],
        );
        check_summary(
            r#""id":1,"total_pieces":0,"stats":{"state":"paused","file_progress":[0]}"#,
            &expect!["1 resolved=true Paused Some([0])"],
        );
        // rqbit 8.1.1 does not report the number of pieces.
        check_summary(
            r#""id":2,"stats":{"state":"initializing","file_progress":[]}"#,
            &expect!["2 resolved=true Initializing None"],
        );
        check_summary(
            r#""total_pieces":1,"stats":{"state":"dreaming"}"#,
            &expect!["18446744073709551615 resolved=true Live None"],
        );
        check_summary(
            r#""total_pieces":1,"stats":{"state":"error","error":"disk"}"#,
            &expect!["18446744073709551615 resolved=true Failed None"],
        );
    }

    #[track_caller]
    fn check_details(fields: &str, metainfo: Option<Metainfo>, want: &Expect) {
        let details = match metainfo {
            Some(metainfo) => with_metainfo(guess(torrent(fields)), metainfo),
            None => match to_details(torrent(fields), None) {
                Some(details) => details,
                None => return want.assert_eq("not resolved"),
            },
        };
        let files = details
            .files
            .iter()
            .map(|file| format!("\n{:?} {} {:?}", file.path, file.len, file.kind));
        want.assert_eq(&format!(
            "{:?} {:?} {:?}{}",
            details.name,
            details.layout,
            details.created,
            files.collect::<String>()
        ));
    }

    #[test]
    fn details_without_metadata_guess_the_form() {
        check_details(
            r#""name":"a.iso","files":[{"components":["a.iso"],"length":7}]"#,
            None,
            &expect![[r#"
                "a.iso" SingleFile None
                ["a.iso"] 7 Regular"#]],
        );
        check_details(
            r#""name":"t","files":[{"components":["a.iso"],"length":7}]"#,
            None,
            &expect![[r#"
                "t" Directory None
                ["a.iso"] 7 Regular"#]],
        );
        check_details(r#""name":null,"files":[]"#, None, &expect!["not resolved"]);
        check_details(r#""name":null,"files":null"#, None, &expect!["not resolved"]);
    }

    #[test]
    fn details_with_metadata() {
        let links = r#""name":"t","files":[
            {"components":["t"],"length":7},
            {"components":["l"],"length":0,"attributes":{"symlink":true}},
            {"components":["m"],"length":0,"attributes":{"symlink":true}},
            {"components":[".pad","9"],"length":9,"attributes":{"padding":true}}]"#;
        let metainfo = Metainfo {
            created: Some(1_700_000_000),
            has_file_list: true,
            link_targets: vec![None, Some(vec![b"t".to_vec()])],
            paths: Vec::new(),
            piece_len: None,
        };
        check_details(
            links,
            Some(metainfo),
            &expect![[r#"
                "t" Directory Some(1700000000)
                ["t"] 7 Regular
                ["l"] 0 Symlink { target: ["t"] }
                ["m"] 0 Symlink { target: [] }
                [".pad", "9"] 9 Padding"#]],
        );
        check_details(
            r#""name":"a","files":[{"components":["a"],"length":7}]"#,
            Some(Metainfo { has_file_list: true, ..Metainfo::default() }),
            &expect![[r#"
                "a" Directory None
                ["a"] 7 Regular"#]],
        );
        check_details(
            r#""name":"a","files":[]"#,
            Some(Metainfo { has_file_list: true, ..Metainfo::default() }),
            &expect![[r#""a" Directory None"#]],
        );
    }

    #[test]
    fn the_number_of_pieces_gives_their_length_if_it_is_a_power_of_two() {
        let guess = |count, bytes| guess_piece_len((bytes, count)).map(NonZeroU32::get);
        assert_eq!(guess(1, 7), Some(8));
        assert_eq!(guess(2, 16385), Some(16384));
        assert_eq!(guess(5120, 5120 << 20), Some(1 << 20));
        assert_eq!(guess(5120, (5119 << 20) + 1), Some(1 << 20));
        // Pieces of 100,000 bytes.
        assert_eq!(guess(10, 1_000_000), None);
        for (count, bytes) in [(0, 5), (5, 0), (9, 8), (1, u64::MAX), (u32::MAX, u64::MAX)] {
            assert_eq!(guess(count, bytes).filter(|_| count != 9), None, "{count} {bytes}");
        }
        for shift in 14..25 {
            for bytes in [1_u64, (1 << shift) - 1, 1 << shift, (3 << shift) + 5, 77 << shift] {
                let count = u32::try_from(bytes.div_ceil(1 << shift)).unwrap();
                let len = guess(count, bytes).unwrap();
                assert!(len == 1 << shift || count == 1 && u64::from(len) >= bytes);
            }
        }
    }

    #[test]
    fn metadata_corrects_what_was_guessed() {
        let fields = r#""name":"a","total_pieces":2,"files":[
            {"components":["a"],"length":30000}]"#;
        let details = to_details(torrent(fields), None).unwrap();
        assert_eq!(details.metadata, MetadataStatus::Pending);
        assert_eq!(details.piece_len, NonZeroU32::new(16384));
        let without = complete(details.clone(), b"<html>");
        assert_eq!(without.metadata, MetadataStatus::Unavailable);
        assert_eq!(TorrentDetails { metadata: MetadataStatus::Pending, ..without }, details);
        let torrent_file = b"d13:creation datei1700000000e4:infod5:filesl\
            d6:lengthi30000e4:pathl1:aeee4:name1:a12:piece lengthi20000eee";
        let known = complete(details, torrent_file);
        assert_eq!(known.metadata, MetadataStatus::Known);
        assert_eq!(known.layout, Layout::Directory);
        assert_eq!((known.created, known.piece_len), (Some(1_700_000_000), NonZeroU32::new(20000)));
    }
}
