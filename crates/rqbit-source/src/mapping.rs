//! rqbit's JSON in the words of the core.

use rqbit_client::wire;
use vfs_core::{
    FileEntry, FileKind, InfoHash, Layout, MetadataStatus, TorrentDetails, TorrentState,
    TorrentSummary,
};

use crate::metainfo::{self, Metainfo, RawPath};

/// Converts a line of the list. rqbit's id counts up, so it tells who was added first.
#[must_use]
pub fn to_summary(torrent: wire::TorrentProgress) -> TorrentSummary {
    let stats = torrent.stats;
    let state = match stats.state {
        wire::TorrentState::Initializing => TorrentState::Initializing,
        // A state that is not known is taken for one in which data may still come: then a read
        // waits until its deadline, while the other way round it would fail without a reason.
        wire::TorrentState::Live | wire::TorrentState::Unknown => TorrentState::Live,
        wire::TorrentState::Paused => TorrentState::Paused,
        wire::TorrentState::Error => TorrentState::Failed,
    };
    let is_running = matches!(state, TorrentState::Live | TorrentState::Paused);
    TorrentSummary {
        info_hash: to_info_hash(torrent.info_hash),
        added_order: torrent.id.unwrap_or(u64::MAX),
        // A torrent of empty files has no pieces, but is running all the same.
        is_resolved: torrent.total_pieces != Some(0) || is_running,
        is_listed: true,
        state,
        file_progress: (!stats.file_progress.is_empty()).then(|| stats.file_progress.into()),
    }
}

/// Converts the details of a torrent, or returns `None` while it is not resolved. Without its
/// `.torrent` file (or with one that is none) there is no date, links are hidden, and the form is
/// guessed from the names.
#[must_use]
pub fn to_details(
    torrent: wire::TorrentDetails,
    torrent_file: Option<&[u8]>,
) -> Option<TorrentDetails> {
    with_metainfo(torrent, torrent_file.and_then(metainfo::parse))
}

fn with_metainfo(
    torrent: wire::TorrentDetails,
    metainfo: Option<Metainfo>,
) -> Option<TorrentDetails> {
    let files = torrent.files.filter(|files| !files.is_empty() || metainfo.is_some())?;
    let name = torrent.name.unwrap_or_default();
    let has_file_list = metainfo.as_ref().map_or_else(
        || !matches!(files.as_slice(), [file] if file.components == [name.as_str()]),
        |metainfo| metainfo.has_file_list,
    );
    let metadata =
        if metainfo.is_some() { MetadataStatus::Known } else { MetadataStatus::Unavailable };
    let Metainfo { created, mut link_targets, piece_len, .. } = metainfo.unwrap_or_default();
    link_targets.resize(files.len(), None);
    let files = files.into_iter().zip(link_targets);
    Some(TorrentDetails {
        info_hash: to_info_hash(torrent.info_hash),
        name,
        layout: if has_file_list { Layout::Directory } else { Layout::SingleFile },
        created,
        piece_len,
        metadata,
        files: files.map(|(file, link_target)| to_file(file, link_target)).collect(),
    })
}

fn to_file(file: wire::TorrentFile, link_target: Option<RawPath>) -> FileEntry {
    let kind = if file.attributes.padding {
        FileKind::Padding
    } else if file.attributes.symlink {
        // An empty target is found nowhere, so that the link is hidden.
        let to_text = |name: Vec<u8>| String::from_utf8_lossy(&name).into_owned();
        let target = link_target.unwrap_or_default();
        FileKind::Symlink { target: target.into_iter().map(to_text).collect() }
    } else {
        FileKind::Regular
    };
    FileEntry { path: file.components, len: file.length, kind }
}

fn to_info_hash(info_hash: rqbit_client::InfoHash) -> InfoHash {
    InfoHash::from_bytes(*info_hash.as_bytes())
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
        // rqbit 8.1.1 does not say how many pieces there are.
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
        let Some(details) = with_metainfo(torrent(fields), metainfo) else {
            return want.assert_eq("not resolved");
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
}
