//! The address of a server: scheme, host, port and an optional path prefix.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The address of an rqbit server, such as `http://127.0.0.1:3030` or
/// `https://host/rqbit/`.
///
/// It holds no secret, so [`fmt::Display`] may be logged.
/// Two addresses are equal when they mean the same origin and prefix:
/// `http://h` and `http://H:80/` are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    is_https: bool,
    host: Host<String>,
    port: u16,
    /// Starts and ends with `/`.
    prefix: String,
}

/// Why a text is not the address of a server.
///
/// No variant carries the text: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// The text cannot be parsed as a URL.
    #[error("parse the server address: {0}")]
    Syntax(url::ParseError),
    /// The scheme is neither `http` nor `https`, or there is none.
    #[error("use the server address: neither http:// nor https://")]
    Scheme,
    /// No host follows the scheme.
    #[error("use the server address: no host in it")]
    NoHost,
    /// There is a user name or a password in it.
    ///
    /// An address ends up on command lines, in logs and in the mount table, a password must not.
    #[error("use the server address: user name or password in it")]
    UserInfo,
    /// There is a `?query`.
    #[error("use the server address: query in it")]
    Query,
    /// There is a `#fragment`.
    #[error("use the server address: fragment in it")]
    Fragment,
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        // The URL standard accepts `http:host` and `http:///host`; here a typing error is likelier.
        let lower = text.trim().to_ascii_lowercase();
        let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
        let rest = rest.ok_or(BaseUrlError::Scheme)?;
        if rest.is_empty() || rest.starts_with(['/', '\\', '?', '#', ':']) {
            return Err(BaseUrlError::NoHost);
        }
        let url = Url::parse(text).map_err(BaseUrlError::Syntax)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::UserInfo);
        }
        if url.query().is_some() {
            return Err(BaseUrlError::Query);
        }
        if url.fragment().is_some() {
            return Err(BaseUrlError::Fragment);
        }
        let host = url.host().ok_or(BaseUrlError::NoHost)?.to_owned();
        let port = url.port_or_known_default().ok_or(BaseUrlError::Scheme)?;
        let mut prefix = url.path().to_owned();
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        Ok(Self { is_https: url.scheme() == "https", host, port, prefix })
    }
}

impl BaseUrl {
    /// Returns whether the server is reached over TLS.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Returns the host name or the address; IPv6 without brackets.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// Returns whether the host is a name, whose address may change, and not an address.
    pub fn is_named(&self) -> bool {
        matches!(self.host, Host::Domain(_))
    }

    /// Returns the TCP port; the default of the scheme if none was given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path that the paths of the API are appended to.
    ///
    /// It starts and ends with `/`, and is percent-encoded.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns whether the host is a loopback address or `localhost`.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }

    /// Returns the address of the same host without a prefix.
    pub(crate) fn without_prefix(self) -> Self {
        Self { prefix: "/".to_owned(), ..self }
    }

    /// Returns the value of the `Host` header. The default port is omitted.
    pub(crate) fn authority(&self) -> String {
        let default_port = if self.is_https { 443 } else { 80 };
        if self.port == default_port { self.host.to_string() } else { self.authority_with_port() }
    }

    /// Returns host and port, as `CONNECT` needs them.
    pub(crate) fn authority_with_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.prefix)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cases: &[&str], want: &expect_test::Expect) {
        let rows = cases.iter().map(|text| match text.parse::<BaseUrl>() {
            Ok(url) => format!("{text} -> {url} loopback={}\n", url.is_loopback()),
            Err(error) => format!("{text} -> failed to {error}\n"),
        });
        want.assert_eq(&rows.collect::<String>());
    }

    #[test]
    fn accepts_http_and_https_with_prefix() {
        let cases = [
            "http://127.0.0.1:3030",
            "HTTP://Example.ORG",
            "https://host/rqbit",
            "https://host:443/rqbit/",
            "https://host:80/a/../b//c",
            "http://[::1]:3030/",
            "http://localhost",
            "http://bücher.example/ä b",
            "http://@host",
        ];
        check(
            &cases,
            &expect_test::expect![[r#"
            http://127.0.0.1:3030 -> http://127.0.0.1:3030/ loopback=true
            HTTP://Example.ORG -> http://example.org/ loopback=false
            https://host/rqbit -> https://host/rqbit/ loopback=false
            https://host:443/rqbit/ -> https://host/rqbit/ loopback=false
            https://host:80/a/../b//c -> https://host:80/b//c/ loopback=false
            http://[::1]:3030/ -> http://[::1]:3030/ loopback=true
            http://localhost -> http://localhost/ loopback=true
            http://bücher.example/ä b -> http://xn--bcher-kva.example/%C3%A4%20b/ loopback=false
            http://@host -> http://host/ loopback=false
        "#]],
        );
    }

    #[test]
    fn refuses_what_is_not_an_origin_with_a_prefix() {
        let cases = [
            "",
            "host:3030",
            "ftp://host",
            "http:host",
            "http://",
            "http:///path",
            "http://:3030",
            "http://user@host",
            "http://user:secret@host",
            "http://:secret@host",
            "http://host/?a=b",
            "http://host/#a",
            "http://host:99999",
            "http://[::1",
            "http://a b",
        ];
        check(
            &cases,
            &expect_test::expect![[r#"
             -> failed to use the server address: neither http:// nor https://
            host:3030 -> failed to use the server address: neither http:// nor https://
            ftp://host -> failed to use the server address: neither http:// nor https://
            http:host -> failed to use the server address: neither http:// nor https://
            http:// -> failed to use the server address: no host in it
            http:///path -> failed to use the server address: no host in it
            http://:3030 -> failed to use the server address: no host in it
            http://user@host -> failed to use the server address: user name or password in it
            http://user:secret@host -> failed to use the server address: user name or password in it
            http://:secret@host -> failed to use the server address: no host in it
            http://host/?a=b -> failed to use the server address: query in it
            http://host/#a -> failed to use the server address: fragment in it
            http://host:99999 -> failed to parse the server address: invalid port number
            http://[::1 -> failed to parse the server address: invalid IPv6 address
            http://a b -> failed to parse the server address: invalid international domain name
        "#]],
        );
    }
}
