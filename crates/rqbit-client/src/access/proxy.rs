//! The address of an HTTP proxy, with its credentials.

use std::fmt;
use std::str::FromStr;

use hyper::header::HeaderValue;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::Credentials;

/// An HTTP proxy, such as `http://proxy:3128` or `http://user:password@proxy:3128`.
///
/// A request to an `http` server is sent to the proxy in absolute form (RFC 9112, section 3.2.2).
/// For an `https` server the proxy makes a tunnel by `CONNECT`, and sees neither requests nor
/// answers. The connection to the proxy itself is plain TCP.
///
/// `Debug` and `Display` show no credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: Host<String>,
    port: u16,
    credentials: Option<Credentials>,
}

/// Why a text is not the address of a proxy.
///
/// No variant carries the text: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyParseError {
    /// The text cannot be parsed as a URL.
    #[error("parse the proxy address: {0}")]
    Syntax(url::ParseError),
    /// The scheme is not `http`, or there is none.
    #[error("use the proxy: its address does not begin with http://")]
    Scheme,
    /// There is a path, a query or a fragment.
    #[error("use the proxy: its address has more than a host and a port")]
    Path,
    /// The user name or the password cannot be sent.
    #[error("use the proxy: invalid user name or password in its address")]
    Credentials,
}

impl FromStr for Proxy {
    type Err = ProxyParseError;

    fn from_str(text: &str) -> Result<Self, ProxyParseError> {
        let text = text.trim();
        let has_scheme = text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
        if !has_scheme {
            return Err(ProxyParseError::Scheme);
        }
        let url = Url::parse(text).map_err(ProxyParseError::Syntax)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyParseError::Path);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(ProxyParseError::Path);
        };
        let credentials = if url.username().is_empty() && url.password().is_none() {
            None
        } else {
            let plain = |text| percent_decode_str(text).decode_utf8();
            let invalid = |_invalid| ProxyParseError::Credentials;
            let user = plain(url.username()).map_err(invalid)?;
            let password = plain(url.password().unwrap_or_default()).map_err(invalid)?;
            let credentials = Credentials::new(&user, &password);
            Some(credentials.map_err(|_invalid| ProxyParseError::Credentials)?)
        };
        Ok(Self { host: host.to_owned(), port, credentials })
    }
}

impl Proxy {
    /// Returns the host name or the address; IPv6 without brackets.
    pub(crate) fn host(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// Returns whether the host is a name, whose address may change, and not an address.
    pub(crate) fn is_named(&self) -> bool {
        matches!(self.host, Host::Domain(_))
    }

    /// Returns the TCP port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the value of the header `Proxy-Authorization`, marked as sensitive.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        self.credentials.as_ref().map(Credentials::header)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_proxies_and_others() {
        let cases = [
            "http://proxy:3128",
            "HTTP://Proxy/",
            " http://[::1]:8080 ",
            "http://us%65r:p%40ss@proxy:3128",
            "http://user@proxy",
            "proxy:3128",
            "https://secret@proxy",
            "socks5://secret@proxy:1080",
            "http://secret@proxy/path",
            "http://proxy:3128?secret",
            "http://user%0a:secret@proxy",
            "http://%ff:secret@proxy",
            "http://",
            "http://proxy:99999",
            "",
        ];
        let rows = cases.map(|text| match text.parse::<Proxy>() {
            Ok(proxy) => {
                let header = proxy.authorization();
                let header = header.as_ref().map(|value| value.to_str().unwrap());
                format!("{text:?} -> {proxy:?} {} {header:?}\n", proxy.is_named())
            }
            Err(error) => format!("{text:?} -> cannot {error}\n"),
        });
        expect_test::expect![[r#"
            "http://proxy:3128" -> Proxy(http://proxy:3128) true None
            "HTTP://Proxy/" -> Proxy(http://proxy:80) true None
            " http://[::1]:8080 " -> Proxy(http://[::1]:8080) false None
            "http://us%65r:p%40ss@proxy:3128" -> Proxy(http://proxy:3128) true Some("Basic dXNlcjpwQHNz")
            "http://user@proxy" -> Proxy(http://proxy:80) true Some("Basic dXNlcjo=")
            "proxy:3128" -> cannot use the proxy: its address does not begin with http://
            "https://secret@proxy" -> cannot use the proxy: its address does not begin with http://
            "socks5://secret@proxy:1080" -> cannot use the proxy: its address does not begin with http://
            "http://secret@proxy/path" -> cannot use the proxy: its address has more than a host and a port
            "http://proxy:3128?secret" -> cannot use the proxy: its address has more than a host and a port
            "http://user%0a:secret@proxy" -> cannot use the proxy: invalid user name or password in its address
            "http://%ff:secret@proxy" -> cannot use the proxy: invalid user name or password in its address
            "http://" -> cannot parse the proxy address: empty host
            "http://proxy:99999" -> cannot parse the proxy address: invalid port number
            "" -> cannot use the proxy: its address does not begin with http://
        "#]].assert_eq(&rows.concat());
    }
}
