//! Host names of requests. A page of another name could be made to lead to this address (DNS
//! rebinding), and would then be of the same origin as what is served here.

use hyper::header::{HOST, HeaderMap};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use super::host::is_this_machine;

/// The host names that requests may name.
#[derive(Debug)]
pub struct Hosts(Vec<String>);

/// A request whose host name is not allowed, or malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignHost;

impl Hosts {
    /// Takes the names of the configuration. Any IP address is allowed as well, and so is
    /// `localhost`: no name server can change what they mean.
    #[must_use]
    pub fn new(hosts: &[String]) -> Self {
        Self(hosts.to_vec())
    }

    /// Returns the host and port that a request names; `None` if it names none, as browsers never
    /// do.
    ///
    /// # Errors
    /// [`ForeignHost`].
    pub fn check(&self, head: &Parts) -> Result<Option<Authority>, ForeignHost> {
        let authority = match head.uri.authority() {
            Some(authority) => Some(authority.clone()),
            None => only(&head.headers)?,
        };
        match authority {
            Some(authority) if !self.allows(&authority) => Err(ForeignHost),
            authority => Ok(authority),
        }
    }

    /// Returns whether a host is one of the configuration.
    #[must_use]
    pub fn names(&self, authority: &Authority) -> bool {
        self.0.contains(&host_name_of(authority))
    }

    fn allows(&self, authority: &Authority) -> bool {
        let name = host_name_of(authority);
        !authority.as_str().contains('@') && (is_this_machine(&name) || self.0.contains(&name))
    }
}

/// Returns the only `Host` header.
fn only(headers: &HeaderMap) -> Result<Option<Authority>, ForeignHost> {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else { return Ok(None) };
    let host = host.to_str().ok().and_then(|host| host.parse().ok());
    match (host, hosts.next()) {
        (Some(host), None) => Ok(Some(host)),
        (Some(_) | None, _) => Err(ForeignHost),
    }
}

/// Returns the name of a host without port, brackets and the dot at its end, in lower case.
#[must_use]
pub fn host_name_of(authority: &Authority) -> String {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[track_caller]
    fn check(uri: &str, hosts: &[&str], expected: Result<Option<&str>, ForeignHost>) {
        let mut request = Request::get(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let hosts = Hosts::new(&["tfs.example.org".to_owned(), "nas".to_owned()]);
        let found = hosts.check(&head);
        let found = found.as_ref().map(|host| host.as_ref().map(Authority::as_str));
        assert_eq!(found, expected.as_ref().map(|host| *host), "{hosts:?} {uri}");
    }

    #[test]
    fn only_known_names_and_addresses_are_allowed() {
        for host in [
            "localhost",
            "LOCALHOST:9132",
            "127.0.0.1",
            "192.168.1.4:9132",
            "[::1]:9132",
            "[fe80::1]",
            "tfs.example.org",
            "TFS.example.org.:443",
            "nas:1",
        ] {
            check("/", &[host], Ok(Some(host)));
        }
        for host in [
            "evil.example",
            "evil.example:9132",
            "localhost.evil.example",
            "tfs.example.org.evil.example",
            "127.0.0.1.evil.example",
            "user@127.0.0.1",
            "127.0.0.1 evil.example",
            "",
            ":80",
            "n\u{e4}s",
        ] {
            check("/", &[host], Err(ForeignHost));
        }
        check("/", &[], Ok(None));
        check("/", &["127.0.0.1", "evil.example"], Err(ForeignHost));
        check("/", &["127.0.0.1", "127.0.0.1"], Err(ForeignHost));
        check("http://evil.example/", &["127.0.0.1"], Err(ForeignHost));
        check("http://127.0.0.1/", &["evil.example"], Ok(Some("127.0.0.1")));
    }
}
