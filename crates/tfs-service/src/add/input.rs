//! A torrent as the user names it, and its form for a request to a server.

use std::ffi::OsStr;
use std::path::PathBuf;

use bytes::Bytes;
use rqbit_client::AddSource;
use rqbit_source::{check_torrent_file, torrent_info_hash};
use url::Url;
use vfs_core::InfoHash;

use super::fault::{AddError, AddFault};
use super::file;
use super::magnet::Magnet;

/// Number of digits of an info hash.
const INFO_HASH_DIGITS: usize = 40;

/// A torrent as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TorrentInput {
    /// A path: a `.torrent` file, or a pipe or device such as `/dev/stdin`.
    File(PathBuf),
    /// The standard input.
    Stdin,
    /// A magnet link, or the URL of a `.torrent` file.
    Link(String),
}

/// A torrent that can be sent to a server, as far as it can be checked without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedTorrent {
    label: String,
    source: AddSource,
    kind: SourceKind,
}

/// How a server gets the torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceKind {
    File,
    Magnet,
    Address,
}

impl TorrentInput {
    /// Distinguishes links from paths. `-` is the standard input. An info hash is a magnet link
    /// without trackers. A file with such a name needs the prefix `./`.
    #[must_use]
    pub fn parse(text: &OsStr) -> Self {
        let Some(text) = text.to_str() else { return Self::File(PathBuf::from(text)) };
        let begins_with = |start: &str| {
            text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
        };
        if text == "-" {
            return Self::Stdin;
        }
        if text.len() == INFO_HASH_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Self::Link(format!("magnet:?xt=urn:btih:{text}"));
        }
        if ["magnet:", "http://", "https://"].into_iter().any(begins_with) {
            return Self::Link(text.to_owned());
        }
        Self::File(PathBuf::from(text))
    }

    /// Returns whether it is the standard input of this process.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        match self {
            Self::Stdin => true,
            Self::File(path) => file::is_stdin(path),
            Self::Link(_) => false,
        }
    }

    /// Returns whether it is a magnet link or a URL, and not a file.
    #[must_use]
    pub fn is_link(&self) -> bool {
        matches!(self, Self::Link(_))
    }

    /// Returns a description. Links may contain keys of a private tracker and are not included.
    fn label(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "the torrent of the standard input".to_owned(),
            Self::Link(link) => match Url::parse(link) {
                Ok(url) if url.scheme() == "magnet" => match Magnet::parse(link) {
                    Ok(magnet) => magnet.name,
                    Err(_fault) => "the magnet link".to_owned(),
                },
                Ok(url) => format!("the torrent from {}", url.host_str().unwrap_or_default()),
                Err(_) => "the torrent at the given address".to_owned(),
            },
        }
    }

    /// Reads the file, and checks whether a server could use it. Waits for a pipe for at most a
    /// minute. Sends nothing to a server.
    ///
    /// # Errors
    /// [`AddError`].
    ///
    /// # Cancel safety
    /// A thread that waits for a pipe may remain until the process ends.
    pub async fn prepare(&self) -> Result<PreparedTorrent, AddError> {
        let label = self.label();
        match self.load().await {
            Ok((source, kind)) => Ok(PreparedTorrent { label, source, kind }),
            Err(fault) => Err(AddError { input: label, fault }),
        }
    }

    async fn load(&self) -> Result<(AddSource, SourceKind), AddFault> {
        let bytes = match self {
            Self::File(path) => file::read(path, file::READ_TIME_MAX).await?,
            Self::Stdin => file::read(file::STDIN.as_ref(), file::READ_TIME_MAX).await?,
            Self::Link(link) => return load_link(link),
        };
        let torrent = PreparedTorrent::of_bytes(String::new(), &bytes.into());
        torrent.map(|torrent| (torrent.source, torrent.kind)).map_err(|error| error.fault)
    }
}

fn load_link(link: &str) -> Result<(AddSource, SourceKind), AddFault> {
    let url = Url::parse(link).map_err(|error| AddFault::Address(error.to_string()))?;
    if url.scheme() != "magnet" {
        return Ok((AddSource::Url(link.to_owned()), SourceKind::Address));
    }
    Magnet::parse(link)?;
    // rqbit accepts the scheme in lower case only.
    let rest = link.split_once(':').map_or(link, |(_scheme, rest)| rest);
    Ok((AddSource::Url(format!("magnet:{rest}")), SourceKind::Magnet))
}

impl PreparedTorrent {
    /// Returns a `.torrent` file that is in memory, without bytes after its end. `label` names it
    /// in messages.
    ///
    /// # Errors
    /// [`AddError`], if a server could not use it.
    pub(crate) fn of_bytes(label: String, bytes: &Bytes) -> Result<Self, AddError> {
        match check_torrent_file(bytes) {
            Ok(len) => {
                let source = AddSource::TorrentFile(bytes.slice(..len.min(bytes.len())));
                Ok(Self { label, source, kind: SourceKind::File })
            }
            Err(fault) => Err(AddError { input: label, fault: fault.into() }),
        }
    }

    /// Returns a magnet link or the address of a `.torrent` file.
    ///
    /// # Errors
    /// [`AddError`], if a server could not use it.
    pub(crate) fn of_link(link: &str) -> Result<Self, AddError> {
        let label = TorrentInput::Link(link.to_owned()).label();
        match load_link(link) {
            Ok((source, kind)) => Ok(Self { label, source, kind }),
            Err(fault) => Err(AddError { input: label, fault }),
        }
    }

    /// Returns its info hash, if it is known without the server.
    pub(crate) fn info_hash(&self) -> Option<InfoHash> {
        match &self.source {
            AddSource::TorrentFile(bytes) => torrent_info_hash(bytes),
            AddSource::Url(link) => Magnet::parse(link).ok()?.info_hash,
        }
    }

    /// Returns whether it is a `.torrent` file in memory, and not a link.
    pub(crate) fn is_file(&self) -> bool {
        self.kind == SourceKind::File
    }

    /// Returns a label until the server reports the name: the path, or the name or info hash of a
    /// magnet link.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns whether the server has to find peers before it can add it, which may take minutes.
    #[must_use]
    pub fn is_magnet(&self) -> bool {
        self.kind == SourceKind::Magnet
    }

    /// Returns whether it is a magnet link with trackers.
    pub(crate) fn has_trackers(&self) -> bool {
        let AddSource::Url(link) = &self.source else { return false };
        self.is_magnet() && ["?tr=", "&tr=", "&tr."].iter().any(|key| link.contains(key))
    }

    pub(super) fn kind(&self) -> SourceKind {
        self.kind
    }

    pub(super) fn source(&self) -> &AddSource {
        &self.source
    }

    /// Removes the link from a message of the server.
    pub(super) fn without_link(&self, text: &str) -> String {
        match &self.source {
            AddSource::TorrentFile(_) => text.to_owned(),
            AddSource::Url(link) => text.replace(link.as_str(), "the address"),
        }
    }

    pub(super) fn failed(&self, fault: AddFault) -> AddError {
        AddError { input: self.label.clone(), fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_from_paths() {
        let parse = |text: &str| TorrentInput::parse(text.as_ref());
        let file = |path: &str| TorrentInput::File(PathBuf::from(path));
        assert_eq!(parse("-"), TorrentInput::Stdin);
        assert_eq!(parse("./-"), file("./-"));
        assert_eq!(parse("a.torrent"), file("a.torrent"));
        assert_eq!(parse("magnet"), file("magnet"));
        assert_eq!(parse("MAGNET:?x"), TorrentInput::Link("MAGNET:?x".to_owned()));
        assert_eq!(parse("HTTPS://h/a"), TorrentInput::Link("HTTPS://h/a".to_owned()));
        let hash = "aB".repeat(20);
        assert_eq!(parse(&hash), TorrentInput::Link(format!("magnet:?xt=urn:btih:{hash}")));
        assert_eq!(parse(&"g".repeat(40)), file(&"g".repeat(40)));
        assert!(parse("/dev/stdin").is_stdin() && parse("-").is_stdin());
        assert!(!parse("/dev/null").is_stdin());
    }

    #[tokio::test]
    async fn a_link_is_labelled_without_its_keys() {
        let label = async |text: &str| {
            let prepared = TorrentInput::parse(text.as_ref()).prepare().await;
            prepared.map_or_else(|error| error.to_string(), |torrent| torrent.label)
        };
        let hash = "ab".repeat(20);
        let magnet =
            format!("Magnet:?xt=urn:btih:{hash}&dn=A+Film&tr=http://t/announce?key=5ecr3t");
        assert_eq!(label(&magnet).await, "A Film");
        assert_eq!(label(&hash).await, hash);
        let has_trackers = |link: &str| PreparedTorrent::of_link(link).unwrap().has_trackers();
        assert!(has_trackers(&magnet) && !has_trackers(&format!("magnet:?xt=urn:btih:{hash}")));
        let address = "https://u:5ecr3t@tracker.example/5ecr3t/a.torrent";
        assert_eq!(label(address).await, "the torrent from tracker.example");
        assert_eq!(label("http://").await, "cannot add the torrent at the given address");
        assert_eq!(label("magnet:?xt=5ecr3t").await, "cannot add the magnet link");
    }
}
