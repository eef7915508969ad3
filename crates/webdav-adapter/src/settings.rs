//! Settings of the server. What they allow is safe: no password in clear text on a network.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::tls::WebdavTls;

/// How long a request for a file waits for its first byte unless settings say otherwise.
pub const FIRST_BYTE_MAX: Duration = Duration::from_secs(20);

/// Maximum number of further host names.
pub const WEBDAV_HOSTS_MAX: usize = 32;

/// Minimum length of a password or token in characters.
pub(crate) const WEBDAV_SECRET_CHARS_MIN: usize = 8;

/// Maximum length of a user name, password or token in bytes: it travels in a header.
pub(crate) const WEBDAV_SECRET_BYTES_MAX: usize = 1024;

/// Settings of a [`WebdavServer`](crate::WebdavServer), which checks them.
#[derive(Debug, Clone)]
pub struct WebdavSettings {
    /// The address to listen at; port 0 is any free one.
    pub listen: SocketAddr,
    /// Who may read.
    pub auth: WebdavAuth,
    /// The certificate, for `https`.
    pub tls: Option<WebdavTls>,
    /// Host names that requests without a login may name besides IP addresses and `localhost`,
    /// without a port. Other names are refused, since a web page could have its own name lead to
    /// this address (DNS rebinding).
    pub hosts: Vec<String>,
    /// How long a request for a file waits for its first byte. Afterwards the answer is 503.
    pub first_byte_max: Duration,
}

/// What a request needs, unless its path has a device token (`/k/TOKEN/...`).
#[derive(Clone, PartialEq, Eq)]
pub enum WebdavAuth {
    /// Nothing, if the server listens at a loopback address. Otherwise only paths with a device
    /// token are served.
    Open,
    /// Nothing, at any address: every client that reaches the server can read.
    OpenToAll,
    /// A login (RFC 7617), only over TLS or to a loopback address.
    Password {
        /// The user name, without a colon.
        user: String,
        /// The password.
        password: String,
    },
    /// This token: as `Bearer` (RFC 6750), or as the password of any user name. Only over TLS or
    /// to a loopback address.
    Token(String),
}

/// Why settings are refused. The message says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebdavSettingsError {
    /// The secret would cross a network in clear text.
    #[error(
        "a login at {0} would send its password in clear text; give a certificate, listen at \
         127.0.0.1 behind a proxy with TLS, or use device tokens without a login"
    )]
    ClearText(SocketAddr),
    /// A secret is short enough to be guessed.
    #[error("the password or token is too short: it needs {WEBDAV_SECRET_CHARS_MIN} characters")]
    ShortSecret,
    /// A secret or user name is too long, or has a character that no header can have.
    #[error(
        "the user name, password or token may have at most {WEBDAV_SECRET_BYTES_MAX} bytes, and \
         no control characters"
    )]
    BadSecret,
    /// The user name cannot be told from the password.
    #[error("the user name may not be empty or contain a colon")]
    BadUser,
    /// A host name is none.
    #[error("\"{0}\" is not a host name; write it without scheme, port and path")]
    BadHost(String),
    /// There are too many host names.
    #[error("at most {WEBDAV_HOSTS_MAX} host names can be allowed")]
    TooManyHosts,
}

impl WebdavSettings {
    /// Returns settings for an address: open, without TLS, and with the usual waiting time.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            auth: WebdavAuth::Open,
            tls: None,
            hosts: Vec::new(),
            first_byte_max: FIRST_BYTE_MAX,
        }
    }

    /// Checks the settings for the address that is listened at.
    ///
    /// # Errors
    /// [`WebdavSettingsError`], without side effects.
    pub fn check(&self) -> Result<(), WebdavSettingsError> {
        self.check_auth()?;
        if self.hosts.len() > WEBDAV_HOSTS_MAX {
            return Err(WebdavSettingsError::TooManyHosts);
        }
        match self.hosts.iter().find(|host| !tfs_http::is_host_name(host)) {
            Some(host) => Err(WebdavSettingsError::BadHost(host.clone())),
            None => Ok(()),
        }
    }

    fn check_auth(&self) -> Result<(), WebdavSettingsError> {
        let secrets = match &self.auth {
            WebdavAuth::Open | WebdavAuth::OpenToAll => return Ok(()),
            WebdavAuth::Password { user, password } => [user, password],
            WebdavAuth::Token(token) => [token, token],
        };
        if self.tls.is_none() && !is_loopback(self.listen) {
            return Err(WebdavSettingsError::ClearText(self.listen));
        }
        let is_bad = |secret: &&String| {
            secret.len() > WEBDAV_SECRET_BYTES_MAX || secret.chars().any(char::is_control)
        };
        if secrets.iter().any(is_bad) {
            return Err(WebdavSettingsError::BadSecret);
        }
        let [user, secret] = secrets;
        if secret.chars().count() < WEBDAV_SECRET_CHARS_MIN {
            return Err(WebdavSettingsError::ShortSecret);
        }
        let is_password = matches!(self.auth, WebdavAuth::Password { .. });
        if is_password && (user.is_empty() || user.contains(':')) {
            return Err(WebdavSettingsError::BadUser);
        }
        Ok(())
    }
}

impl fmt::Debug for WebdavAuth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Open => "Open",
            Self::OpenToAll => "OpenToAll",
            Self::Password { .. } => "Password(hidden)",
            Self::Token(_) => "Token(hidden)",
        })
    }
}

/// Returns whether only this machine reaches an address.
pub(crate) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(listen: &str, auth: WebdavAuth, hosts: &[&str], expected: &str) {
        let mut settings = WebdavSettings::new(listen.parse().unwrap());
        settings.auth = auth;
        settings.hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        let found = settings.check().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{found}");
    }

    fn login(user: &str, password: &str) -> WebdavAuth {
        WebdavAuth::Password { user: user.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn only_safe_settings_exist() {
        let token = |text: &str| WebdavAuth::Token(text.to_owned());
        check("127.0.0.1:0", WebdavAuth::Open, &["nas", "tfs.example.org"], "");
        check("0.0.0.0:0", WebdavAuth::Open, &[], "");
        check("[::1]:0", login("a", "12345678"), &[], "");
        check("0.0.0.0:0", login("a", "12345678"), &[], "a login at 0.0.0.0:0 would send");
        check("192.168.1.2:1", token("12345678"), &[], "a login at 192.168.1.2:1 would send");
        check("127.0.0.1:0", login("a", "1234567"), &[], "the password or token is too short");
        check("127.0.0.1:0", token("1234567"), &[], "the password or token is too short");
        check("127.0.0.1:0", token("12345678\n"), &[], "the user name, password");
        check("127.0.0.1:0", login("a:b", "12345678"), &[], "the user name may not");
        check("127.0.0.1:0", login("", "12345678"), &[], "the user name may not");
        check("127.0.0.1:0", WebdavAuth::Open, &["http://a"], "\"http://a\" is not a host name");
        check("127.0.0.1:0", WebdavAuth::Open, &["a"; 33], "at most 32");
    }

    #[test]
    fn secrets_are_hidden() {
        for auth in [login("user", "secret-secret"), WebdavAuth::Token("secret-secret".into())] {
            assert!(!format!("{auth:?}").contains("secret-"), "{auth:?}");
        }
    }
}
