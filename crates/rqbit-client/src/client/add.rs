//! Adding a torrent.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use url::form_urlencoded::{Serializer, byte_serialize};

use super::Client;
use crate::http::HttpRequest;
use crate::wire::AddedTorrent;
use crate::{Endpoint, InfoHash, Result};

/// Source of a torrent to add.
#[derive(Clone, PartialEq, Eq)]
pub enum AddSource {
    /// A .torrent file. rqbit accepts at most 10 MiB.
    TorrentFile(Bytes),
    /// A magnet link, or an http or https URL of a .torrent file, resolved by the server.
    Url(String),
}

impl AddSource {
    /// Returns the magnet link of a torrent with these trackers.
    pub fn magnet<'a>(torrent: InfoHash, trackers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut link = format!("magnet:?xt=urn:btih:{torrent}");
        for tracker in trackers {
            link.push_str("&tr=");
            link.extend(byte_serialize(tracker.as_bytes()));
        }
        Self::Url(link)
    }
}

impl fmt::Debug for AddSource {
    /// Shows no link: links of private trackers contain a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TorrentFile(bytes) => write!(f, "TorrentFile({} bytes)", bytes.len()),
            Self::Url(_) => f.write_str("Url(redacted)"),
        }
    }
}

/// Options of adding a torrent. The default leaves everything to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddOptions {
    /// Whether existing files may be overwritten; otherwise they are an error.
    pub overwrite: bool,
    /// Folder for the files on the server's disk. Default: the server's default folder.
    pub output_folder: Option<String>,
    /// A folder below the server's default folder.
    pub sub_folder: Option<String>,
    /// Files to download, by index; `None` for all.
    ///
    /// An empty list counts as `None`, since rqbit refuses it here; `update_only_files` accepts it.
    pub only_files: Option<Vec<usize>>,
    /// Files to download, by a regular expression on their name.
    pub only_files_regex: Option<String>,
    /// Peers to connect to at once.
    pub initial_peers: Vec<SocketAddr>,
    /// Resolve the torrent and return its files without adding it.
    pub list_only: bool,
    /// Time limit for the server to resolve a magnet or to fetch a URL.
    ///
    /// Replaces [`Timeouts::headers`](crate::Timeouts) and [`Timeouts::total`](crate::Timeouts), if
    /// longer; the server limits it to one hour. `None` is the server's default of ten minutes,
    /// limited by this client's time-outs.
    pub timeout: Option<Duration>,
}

impl AddOptions {
    /// Returns the query of `POST /torrents`.
    fn query(&self, is_url: bool) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("is_url", if is_url { "true" } else { "false" });
        if self.overwrite {
            query.append_pair("overwrite", "true");
        }
        if self.list_only {
            query.append_pair("list_only", "true");
        }
        let texts = [
            ("output_folder", &self.output_folder),
            ("sub_folder", &self.sub_folder),
            ("only_files_regex", &self.only_files_regex),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let only_files = self.only_files.as_deref().unwrap_or_default();
        if !only_files.is_empty() {
            query.append_pair("only_files", &join(only_files));
        }
        if !self.initial_peers.is_empty() {
            query.append_pair("initial_peers", &join(&self.initial_peers));
        }
        if let Some(timeout) = self.timeout {
            query.append_pair("timeout_ms", &timeout.as_millis().to_string());
        }
        query.finish()
    }
}

/// Joins values by commas.
fn join<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Client {
    /// Adds a torrent. For one that already exists, the answer is the same.
    ///
    /// The answer for a magnet arrives when its metadata is resolved.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`](crate::ErrorKind::Status) of 400 if it is not a torrent or cannot be
    /// resolved, of 413 if it is too large, of 405 if the server is read-only, of 500 if the server
    /// timed out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may or may not stop the server from adding the torrent.
    pub async fn add_torrent(
        &self,
        source: &AddSource,
        options: &AddOptions,
    ) -> Result<AddedTorrent> {
        let (body, content_type, is_url) = match source {
            AddSource::TorrentFile(bytes) => (bytes.clone(), "application/x-bittorrent", false),
            AddSource::Url(url) => (Bytes::copy_from_slice(url.as_bytes()), "text/plain", true),
        };
        let path = format!("torrents?{}", options.query(is_url));
        let mut call = HttpRequest::post(Endpoint::Add, path);
        call.header(CONTENT_TYPE, HeaderValue::from_static(content_type));
        call.body = body;
        call.server_timeout = options.timeout;
        self.json(&call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magnet_link_has_hash_and_trackers() {
        let torrent = InfoHash::from_bytes([0xab; InfoHash::BYTES]);
        let trackers = ["http://a:1/announce?key=x&y=1", "udp://b:2"];
        let AddSource::Url(link) = AddSource::magnet(torrent, trackers) else { unreachable!() };
        let want = "&tr=http%3A%2F%2Fa%3A1%2Fannounce%3Fkey%3Dx%26y%3D1&tr=udp%3A%2F%2Fb%3A2";
        assert_eq!(link, format!("magnet:?xt=urn:btih:{}{want}", "ab".repeat(20)));
    }

    #[test]
    fn query_holds_what_is_set() {
        #[track_caller]
        fn check(options: &AddOptions, want: &str) {
            assert_eq!(options.query(false), want);
        }
        check(&AddOptions::default(), "is_url=false");
        let only_files = Some(vec![]);
        check(&AddOptions { only_files, ..AddOptions::default() }, "is_url=false");
        let options = AddOptions {
            overwrite: true,
            output_folder: Some("/a b/ü&c".into()),
            sub_folder: Some("s".into()),
            only_files: Some(vec![0, 2]),
            only_files_regex: Some(".*\\.mkv$".into()),
            initial_peers: vec!["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()],
            list_only: true,
            timeout: Some(Duration::from_millis(1500)),
        };
        let want = "is_url=false&overwrite=true&list_only=true&output_folder=%2Fa+b%2F%C3%BC%26c\
            &sub_folder=s&only_files_regex=.*%5C.mkv%24&only_files=0%2C2\
            &initial_peers=127.0.0.1%3A1%2C%5B%3A%3A1%5D%3A2&timeout_ms=1500";
        check(&options, want);
    }
}
