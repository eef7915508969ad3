//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderName};

/// Added by proxies: the clients that a request came from, the nearest last.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The sender of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WebdavPeer {
    /// The other end of the connection.
    pub(crate) address: SocketAddr,
    /// The client, as a proxy on this machine says.
    forwarded: Option<IpAddr>,
}

impl WebdavPeer {
    /// Takes what the headers say if a proxy of this machine has sent them.
    pub(crate) fn new(address: SocketAddr, headers: &HeaderMap) -> Self {
        let is_local = address.ip().to_canonical().is_loopback();
        let last = headers.get_all(FORWARDED_FOR).iter().next_back();
        let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        let forwarded = last.and_then(|client| client.trim().parse().ok());
        Self { address, forwarded: forwarded.filter(|_| is_local) }
    }

    /// Returns the address of the client.
    pub(crate) fn client(&self) -> IpAddr {
        self.forwarded.unwrap_or_else(|| self.address.ip()).to_canonical()
    }

    /// Returns the address of the proxy, if there is one.
    pub(super) fn proxy(&self) -> Option<IpAddr> {
        self.forwarded.is_some().then(|| self.address.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, forwarded: &[&str], client: &str) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let peer = WebdavPeer::new(address.parse().unwrap(), &headers);
        assert_eq!(peer.client().to_string(), client, "{address} {forwarded:?}");
    }

    #[test]
    fn only_proxies_of_this_machine_are_believed() {
        check("10.0.0.1:5", &["10.0.0.2"], "10.0.0.1");
        check("[::ffff:10.0.0.1]:5", &[], "10.0.0.1");
        check("127.0.0.1:5", &["10.0.0.2"], "10.0.0.2");
        check("[::1]:5", &["1.1.1.1, 10.0.0.2"], "10.0.0.2");
        check("[::1]:5", &["1.1.1.1", "2001:db8::2"], "2001:db8::2");
        check("127.0.0.1:5", &["unknown"], "127.0.0.1");
    }
}
