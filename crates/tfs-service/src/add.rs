//! Adding torrents to a server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use rqbit_client::{AddOptions, AddSource};
use serde::Serialize;

use crate::Server;

/// The largest `.torrent` file that is read: what rqbit takes.
const TORRENT_FILE_BYTES_MAX: u64 = 10 << 20;

/// How long a magnet link may take to resolve while a user waits at the prompt.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(120);

/// A torrent as people name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TorrentInput {
    /// A `.torrent` file.
    File(PathBuf),
    /// A magnet link, or the address of a `.torrent` file.
    Link(String),
}

/// Why a torrent was not added.
#[derive(Debug, thiserror::Error)]
#[error("cannot add {input}")]
pub struct AddError {
    /// What was to be added.
    pub input: String,
    /// Why it was not.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A torrent that was added, or was there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddedRow {
    /// The server's number for it.
    pub id: Option<u64>,
    /// 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The name, as it stands in the torrent.
    pub name: Option<String>,
    /// Whether it is new: one that is there already is not added again.
    pub added: bool,
}

/// What becomes of files that are where the torrent's files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The torrent is not added.
    Refuse,
    /// What is right in them is kept, the rest is written over.
    Use,
}

impl TorrentInput {
    /// Tells a link from a path.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let is_link = ["magnet:", "http://", "https://"].iter().any(|start| {
            text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
        });
        if is_link { Self::Link(text.to_owned()) } else { Self::File(PathBuf::from(text)) }
    }

    /// Returns it in words; a magnet link may hold a key and is not repeated.
    fn describe(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Link(link) if link.starts_with("http") => {
                "the torrent at the given address".into()
            }
            Self::Link(_) => "the magnet link".into(),
        }
    }

    async fn load(&self) -> Result<AddSource, std::io::Error> {
        match self {
            Self::Link(link) => Ok(AddSource::Url(link.clone())),
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_torrent_file(&path)).await;
                read.map_err(std::io::Error::other)?.map(AddSource::TorrentFile)
            }
        }
    }
}

fn read_torrent_file(path: &Path) -> Result<Bytes, std::io::Error> {
    if std::fs::metadata(path)?.len() > TORRENT_FILE_BYTES_MAX {
        return Err(std::io::Error::other("it is larger than any .torrent file"));
    }
    std::fs::read(path).map(Bytes::from)
}

/// Adds a torrent. One that is there already stays as it is.
///
/// # Errors
/// [`AddError`] within two minutes.
///
/// # Cancel safety
/// Dropping the future may or may not stop the server from adding the torrent.
pub async fn add(
    server: &Server,
    input: &TorrentInput,
    existing: Existing,
) -> Result<AddedRow, AddError> {
    let failed = |source| AddError { input: input.describe(), source };
    let source = input.load().await.map_err(|error| failed(error.into()))?;
    let options = AddOptions {
        overwrite: existing == Existing::Use,
        timeout: Some(RESOLVE_TIME_MAX),
        ..AddOptions::default()
    };
    // The server's answer is the same for one that it has. If somebody else adds it in between, it
    // counts as added by both.
    let client = server.client();
    let before = client.torrents().await.map_err(|error| failed(error.into()))?;
    let added = client.add_torrent(&source, &options).await;
    let added = added.map_err(|error| failed(error.into()))?;
    let details = added.details;
    let is_new = before.iter().all(|torrent| torrent.info_hash != details.info_hash);
    Ok(AddedRow {
        id: added.id.or(details.id),
        info_hash: details.info_hash.to_string(),
        name: details.name,
        added: is_new,
    })
}
