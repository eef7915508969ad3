//! Context of an error: the call that failed.

use std::fmt;

/// The calls of the API; displayed as an action, such as "list the torrents".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Creating the client; no request is sent.
    SetUp,
    /// `GET /`.
    ServerInfo,
    /// `GET /torrents`.
    List,
    /// `GET /torrents/{id}`.
    Details,
    /// `GET /torrents/{id}/metadata`.
    Metadata,
    /// `GET /torrents/{id}/haves`.
    Haves,
    /// `GET /torrents/{id}/stats/v1`.
    Stats,
    /// `GET /torrents/{id}/peer_stats`.
    PeerList,
    /// `GET /torrents/{id}/stream/{file_idx}`.
    Stream,
    /// `GET /stats`.
    SessionStats,
    /// `GET /torrents/limits`.
    Limits,
    /// `POST /torrents/limits`.
    SetLimits,
    /// `POST /torrents`.
    Add,
    /// `POST /torrents/{id}/pause`.
    Pause,
    /// `POST /torrents/{id}/start`.
    Start,
    /// `POST /torrents/{id}/forget`.
    Forget,
    /// `POST /torrents/{id}/delete`.
    Delete,
    /// `POST /torrents/{id}/update_only_files`.
    UpdateOnlyFiles,
    /// `POST /torrents/{id}/add_peers`.
    AddPeers,
    /// A request of an [`UrlClient`](crate::UrlClient), which is no call of rqbit's API.
    Url,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SetUp => "set up the client",
            Self::ServerInfo => "ask the server for its version",
            Self::List => "list the torrents",
            Self::Details => "read the details of a torrent",
            Self::Metadata => "read the metadata of a torrent",
            Self::Haves => "read which pieces the server has",
            Self::Stats => "read the stats of a torrent",
            Self::PeerList => "list the peers of a torrent",
            Self::Stream => "stream a file",
            Self::SessionStats => "read the stats of the server",
            Self::Limits => "read the speed limits",
            Self::SetLimits => "set the speed limits",
            Self::Add => "add a torrent",
            Self::Pause => "pause a torrent",
            Self::Start => "start a torrent",
            Self::Forget => "forget a torrent",
            Self::Delete => "delete a torrent",
            Self::UpdateOnlyFiles => "select the files of a torrent",
            Self::AddPeers => "add peers to a torrent",
            Self::Url => "send a request",
        })
    }
}

/// The failed call: its endpoint, HTTP method and URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorContext {
    /// The API endpoint.
    pub endpoint: Endpoint,
    /// The HTTP method, such as `GET`.
    pub method: &'static str,
    /// The URL without its query, which may contain local paths and magnet links.
    pub url: String,
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.endpoint, self.method, self.url)
    }
}
