//! Settings of the page. What they allow is safe: no page without a token for other machines, and
//! no controls without a token.

use std::net::SocketAddr;
use std::path::PathBuf;

use tfs_http::is_host_name;

use crate::access::AccessToken;

/// Maximum number of further host names.
pub const HOSTS_MAX: usize = 32;

/// What the configuration says. [`WebSettings::new`] checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOptions {
    /// The address to listen at; port 0 is any free one.
    pub listen: SocketAddr,
    /// The token or password; none only for an address of this machine, without controls.
    pub token: Option<AccessToken>,
    /// Whether the page can change torrents.
    pub control: bool,
    /// Host names that requests may name besides IP addresses, without a port: those under which
    /// a reverse proxy or a name server knows this machine.
    pub hosts: Vec<String>,
}

/// Checked settings of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    listen: SocketAddr,
    token: Option<AccessToken>,
    control: bool,
    hosts: Vec<String>,
    files_dir: Option<PathBuf>,
}

/// Why settings are refused. The message says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebSettingsError {
    /// Other machines could reach a page without a token.
    #[error(
        "the page at {0} needs a token, since other machines can reach it; set web.token_file, or \
         listen at 127.0.0.1"
    )]
    TokenMissing(SocketAddr),
    /// Any program or page of this machine could change torrents.
    #[error("controls need a token; set web.token_file, or web.control = false")]
    ControlWithoutToken,
    /// A host name is none.
    #[error("\"{0}\" in web.hosts is not a host name; write it without scheme, port and path")]
    BadHost(String),
    /// There are too many host names.
    #[error("web.hosts may have at most {HOSTS_MAX} names")]
    TooManyHosts,
}

impl WebSettings {
    /// Checks options.
    ///
    /// # Errors
    /// [`WebSettingsError`], without side effects.
    pub fn new(options: WebOptions) -> Result<Self, WebSettingsError> {
        let WebOptions { listen, token, control, hosts } = options;
        if token.is_none() && !listen.ip().to_canonical().is_loopback() {
            return Err(WebSettingsError::TokenMissing(listen));
        }
        if token.is_none() && control {
            return Err(WebSettingsError::ControlWithoutToken);
        }
        if hosts.len() > HOSTS_MAX {
            return Err(WebSettingsError::TooManyHosts);
        }
        if let Some(host) = hosts.iter().find(|host| !is_host_name(host)) {
            return Err(WebSettingsError::BadHost(host.clone()));
        }
        let hosts = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        Ok(Self { listen, token, control, hosts, files_dir: None })
    }

    /// Takes the files of the page from a directory at each request, for work on them.
    #[must_use]
    pub fn with_files_dir(self, dir: PathBuf) -> Self {
        Self { files_dir: Some(dir), ..self }
    }

    /// Returns the address to listen at.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Returns the token, if the page has one.
    #[must_use]
    pub fn token(&self) -> Option<&AccessToken> {
        self.token.as_ref()
    }

    /// Returns whether the page can change torrents.
    #[must_use]
    pub fn control(&self) -> bool {
        self.control
    }

    /// Returns the further host names, in lower case.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Returns the directory that has the files of the page in place of the built-in ones.
    #[must_use]
    pub fn files_dir(&self) -> Option<&PathBuf> {
        self.files_dir.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, token: Option<&str>, control: bool, hosts: &[&str], expected: &str) {
        let options = WebOptions {
            listen: listen.parse().unwrap(),
            token: token.map(|token| AccessToken::new(token).unwrap()),
            control,
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        };
        let found = match WebSettings::new(options) {
            Ok(settings) => settings.hosts().join(" "),
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn only_safe_settings_exist() {
        check("127.0.0.1:9132", None, false, &[], "");
        check("[::1]:9132", None, false, &["Tfs.Example.org", "nas", "10.0.0.1", "::1"], "tfs.ex");
        check("0.0.0.0:9132", Some("12345678"), true, &[], "");
        check("0.0.0.0:9132", None, false, &[], "the page at 0.0.0.0:9132 needs a token");
        check("[::ffff:127.0.0.1]:9132", None, false, &[], "");
        check("192.168.1.2:9132", None, true, &[], "the page at 192.168.1.2:9132 needs a token");
        check("127.0.0.1:9132", None, true, &[], "controls need a token");
        for host in ["", "a:80", "http://a", "a/b", "*", ".a", "a..b", "a b", "é.example"] {
            check("127.0.0.1:9132", None, false, &[host], &format!("\"{host}\" in web.hosts"));
        }
        check("127.0.0.1:9132", None, false, &["a"; 33], "web.hosts may have at most 32");
    }
}
