//! Servers as users name them, and the selected ones with their settings.

use std::fmt;
use std::str::FromStr;

use rqbit_client::{AccessOptions, BaseUrl, Credentials};

use super::{ServerSection, kind};

/// Address and credentials of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// The base URL of its API.
    pub url: BaseUrl,
    /// User name and password, if it requires them.
    pub credentials: Option<Credentials>,
    /// What is needed to reach a server that is behind something.
    pub access: AccessOptions,
}

impl ServerSettings {
    /// Returns the settings of a server that is reached directly, without credentials.
    #[must_use]
    pub fn new(url: BaseUrl) -> Self {
        Self { url, credentials: None, access: AccessOptions::default() }
    }
}

/// A server as the user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerArg {
    /// The name of a configured server.
    Name(String),
    /// A URL.
    Url(BaseUrl),
    /// A URL with a name.
    Named {
        /// The name.
        name: String,
        /// The URL.
        url: BaseUrl,
    },
}

/// A selected server.
#[derive(Debug, Clone)]
pub struct ChosenServer {
    /// All of its settings.
    pub section: ServerSection,
    /// Its address and credentials.
    pub connection: ServerSettings,
    /// Whether it is an embedded server, which does not share its streams.
    pub is_embedded: bool,
}

impl FromStr for ServerArg {
    type Err = String;

    /// Parses `URL`, `NAME=URL` or `NAME`. A URL may lack `http://` if it has a port.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = text.split_once('=').unwrap_or(("", text));
        if kind::has_only_host_and_port(address) {
            let separator = if name.is_empty() { "" } else { "=" };
            return format!("{name}{separator}http://{address}").parse();
        }
        let Some(scheme_start) = text.find("://") else {
            return kind::check_name(text).map(|()| Self::Name(text.to_owned())).map_err(|_name| {
                "neither an address such as http://127.0.0.1:3030 nor the name of a server"
                    .to_owned()
            });
        };
        match text.split_once('=').filter(|(name, _)| name.len() < scheme_start) {
            Some((name, url)) => {
                kind::check_name(name)?;
                Ok(Self::Named { name: name.to_owned(), url: kind::parse_url(url)? })
            }
            None => kind::parse_url(text).map(Self::Url),
        }
    }
}

impl fmt::Display for ServerArg {
    /// Writes what is parsed to an equal value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Url(url) => write!(f, "{url}"),
            Self::Named { name, url } => write!(f, "{name}={url}"),
        }
    }
}
