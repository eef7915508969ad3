//! What the deletion of a torrent would remove.

use rqbit_client::TorrentRef;
use rqbit_client::wire::TorrentDetails;
use serde::Serialize;

use crate::{ConnectError, RqbitServer, TorrentRow};

/// What [`TorrentAction::Delete`](crate::TorrentAction::Delete) would remove. Serialized, this is
/// an item of `tfs delete --dry-run --json`: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletionPreview {
    /// The torrent's id on the server.
    pub id: Option<u64>,
    /// 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The torrent's name.
    pub name: Option<String>,
    /// The files by index, without padding files. Empty while a magnet link is being resolved.
    pub files: Vec<DeletedFile>,
    /// Sum of the sizes of `files` in bytes.
    pub size_bytes: u64,
    /// Downloaded bytes, which is what a deletion frees.
    pub there_bytes: u64,
}

/// A file of a torrent on the server's disk. It may not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletedFile {
    /// Its path on the server's machine.
    pub path: String,
    /// Its complete size in bytes.
    pub size_bytes: u64,
}

/// Returns what a deletion of a torrent of the list would remove. Changes nothing.
///
/// # Errors
/// [`ConnectError`].
///
/// # Cancel safety
/// Nothing is lost.
pub async fn preview_deletion(
    server: &RqbitServer,
    torrent: &TorrentRow,
) -> Result<DeletionPreview, ConnectError> {
    let client = server.client();
    let info_hash = torrent.info_hash.parse().expect("a row has the text of an info hash");
    let details = client.torrent_details(TorrentRef::InfoHash(info_hash)).await;
    let details =
        details.map_err(|source| ConnectError { url: client.base_url().clone(), source })?;
    Ok(preview(torrent, &details))
}

fn preview(torrent: &TorrentRow, details: &TorrentDetails) -> DeletionPreview {
    let folder = details.output_folder.trim_end_matches('/');
    let files = details.files.iter().flatten().filter(|file| !file.attributes.padding);
    let files: Vec<_> = files
        .map(|file| DeletedFile {
            path: format!("{folder}/{}", file.components.join("/")),
            size_bytes: file.length,
        })
        .collect();
    DeletionPreview {
        id: torrent.id,
        info_hash: torrent.info_hash.clone(),
        name: torrent.name.clone(),
        size_bytes: files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size_bytes)),
        files,
        there_bytes: torrent.there_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_no_file_and_a_magnet_link_has_none_yet() {
        let row = TorrentRow { there_bytes: 5, ..TorrentRow::empty("aa".repeat(20)) };
        let of = |files: &str| {
            let json = format!(
                r#"{{"info_hash": "{}", "output_folder": "/srv/a/", "files": {files}}}"#,
                row.info_hash
            );
            let preview = preview(&row, &serde_json::from_str(&json).unwrap());
            let paths: Vec<_> = preview.files.iter().map(|file| file.path.clone()).collect();
            (paths.join(" "), preview.size_bytes, preview.there_bytes)
        };
        let file = r#"{"components": ["sub", "b.srt"], "length": 7}"#;
        let pad = r#"{"components": ["3"], "length": 3, "attributes": {"padding": true}}"#;
        assert_eq!(of(&format!("[{file}, {pad}]")), ("/srv/a/sub/b.srt".to_owned(), 7, 5));
        assert_eq!(of("[]"), (String::new(), 0, 5));
        assert_eq!(of("null"), (String::new(), 0, 5));
    }
}
