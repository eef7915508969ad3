//! A server of a library: how to reach it, and its state.

use std::error::Error;

use rqbit_client::{AccessOptions, BaseUrl, Client, ClientConfig, Credentials};
use rqbit_source::{RqbitSource, STREAMS_MAX_DEFAULT};
use vfs_core::SourceError;

use crate::{LibraryError, LibraryErrorKind};

/// An rqbit server, and how to reach it.
#[derive(Debug, Clone)]
pub struct LibraryServer {
    url: String,
    name: Option<String>,
    credentials: Option<(String, String)>,
    access: AccessOptions,
    streams_max: usize,
}

impl LibraryServer {
    /// Returns a server at a URL, such as `http://127.0.0.1:3030`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: None,
            credentials: None,
            access: AccessOptions::default(),
            streams_max: STREAMS_MAX_DEFAULT,
        }
    }

    /// Sets the name in [`LibraryServerStatus`], and of its directory with
    /// [`LibraryBuilder::by_server`](crate::LibraryBuilder::by_server). The default is the URL.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets the user name and password of rqbit.
    #[must_use]
    pub fn credentials(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { credentials: Some((user.into(), password.into())), ..self }
    }

    /// Sets what is needed to reach a server behind something: headers, certificates, a proxy.
    #[must_use]
    pub fn access(self, access: AccessOptions) -> Self {
        Self { access, ..self }
    }

    /// Sets the maximum number of open streams, at least 1; the default is 4. Each takes one of the
    /// eight permits that rqbit also needs to write what it downloads.
    #[must_use]
    pub fn streams_max(self, streams_max: usize) -> Self {
        Self { streams_max, ..self }
    }

    /// Returns the source of the server, the `nth` of the library from 1 on.
    pub(crate) fn source(self, nth: usize) -> Result<RqbitSource, LibraryError> {
        let url = self.url.parse::<BaseUrl>().map_err(|error| invalid(nth, error))?;
        let mut config = ClientConfig::new(url);
        if let Some((user, password)) = self.credentials {
            let credentials = Credentials::new(&user, &password);
            config.credentials = Some(credentials.map_err(|error| invalid(nth, error))?);
        }
        config.access = self.access;
        let client = Client::new(config).map_err(|error| invalid(nth, error))?;
        let source = RqbitSource::new(client, self.streams_max);
        Ok(match self.name {
            Some(name) => source.named(&name),
            None => source,
        })
    }
}

/// Returns the error of an invalid option. Its text does not contain the URL, which may have a
/// password.
fn invalid(nth: usize, error: impl Error + Send + Sync + 'static) -> LibraryError {
    let context = format!("set up server {nth} of the library");
    LibraryError::new(LibraryErrorKind::Configuration, context).caused_by(error)
}

impl From<&str> for LibraryServer {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<String> for LibraryServer {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

/// The state of a server.
#[derive(Debug, Clone)]
pub struct LibraryServerStatus {
    /// Its name, by default its URL without credentials.
    pub name: String,
    /// Number of polls that have ended.
    pub poll_count: u64,
    /// Whether its torrents are known: a poll has succeeded.
    pub is_known: bool,
    /// Why its last poll failed; `None` if it succeeded. The tree shows its torrents as last known.
    pub error: Option<SourceError>,
    /// Number of listed torrents that the tree lacks, since the server did not give their details
    /// yet. They are tried again.
    pub unread_torrents: usize,
}
