//! Creates a torrent from files on the server's disk.

use std::time::Duration;

use bytes::Bytes;
use url::form_urlencoded::Serializer;

use super::{Client, METADATA_BYTES_MAX};
use crate::http::HttpRequest;
use crate::{Endpoint, InfoHash, Result};

/// Options of creating a torrent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// Name of the torrent. Default: the name of the file or folder.
    pub name: Option<String>,
    /// Trackers to include.
    pub trackers: Vec<String>,
    /// Time limit for the server to hash the files.
    ///
    /// Replaces [`Timeouts::headers`](crate::Timeouts) and [`Timeouts::total`](crate::Timeouts), if
    /// longer.
    pub timeout: Option<Duration>,
}

/// A created torrent; the server already seeds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTorrent {
    /// The id on this server, if reported.
    pub id: Option<u64>,
    /// The info hash, if reported.
    pub info_hash: Option<InfoHash>,
    /// The .torrent file.
    pub torrent_file: Bytes,
}

impl Client {
    /// Creates a torrent from a file or folder on the server's disk, and seeds it from there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`](crate::ErrorKind::Status) of 403 unless the server was started with
    /// `--http-api-allow-create`, of 405 if it is read-only, of 500 if the path cannot be read.
    pub async fn create_torrent(
        &self,
        server_path: &str,
        options: &CreateOptions,
    ) -> Result<CreatedTorrent> {
        let mut query = Serializer::new(String::new());
        query.append_pair("output", "torrent");
        if let Some(name) = &options.name {
            query.append_pair("name", name);
        }
        for tracker in &options.trackers {
            query.append_pair("trackers", tracker);
        }
        let path = format!("torrents/create?{}", query.finish());
        let mut call = HttpRequest::post(Endpoint::Create, path);
        call.body = Bytes::copy_from_slice(server_path.as_bytes());
        call.server_timeout = options.timeout;
        let answer = self.transport.collect(&call, METADATA_BYTES_MAX).await?;
        let header = |name| answer.headers().get(name).and_then(|it| it.to_str().ok());
        Ok(CreatedTorrent {
            id: header("torrent-id").and_then(|it| it.parse().ok()),
            info_hash: header("torrent-info-hash").and_then(|it| it.parse().ok()),
            torrent_file: answer.into_body(),
        })
    }
}
