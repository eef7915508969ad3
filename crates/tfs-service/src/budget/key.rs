//! Identifies a server, however its address is spelled.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use rqbit_client::BaseUrl;
use tokio::net::lookup_host;
use tokio::time::timeout;

/// Timeout for resolving a host name. Without an address, only mounts with the same spelling share
/// the server's streams.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(2);

/// Maximum length of the file name of a key. Two longer keys may have the same name: then two
/// servers share one budget, which does no harm.
const NAME_BYTES_MAX: usize = 200;

/// The network namespace of this process.
const NET_NAMESPACE: &str = "/proc/self/ns/net";

/// Identity of a server: the machine, the port, and the path, which distinguishes servers behind
/// one proxy. It is a file name.
///
/// All addresses of this machine are equal: loopback, `localhost`, and those of its interfaces. The
/// scheme is ignored. A server that is reached both directly and through a proxy has two keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ServerKey {
    name: String,
    /// Whether the address belongs to this machine.
    is_own: bool,
}

impl ServerKey {
    /// Returns the key of a server. May query the resolver, for two seconds at most.
    pub(crate) async fn of(url: &BaseUrl) -> Self {
        let host = url.host();
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) if url.is_loopback() => vec![IpAddr::from([127, 0, 0, 1])],
            Err(_) => resolve(&host, url.port()).await,
        };
        let namespace = fs::metadata(NET_NAMESPACE).map_or(0, |metadata| metadata.ino());
        Self::at(url, &addresses, namespace, is_own)
    }

    fn at(
        url: &BaseUrl,
        addresses: &[IpAddr],
        namespace: u64,
        is_own: impl Fn(IpAddr) -> bool,
    ) -> Self {
        let addresses: Vec<_> = addresses.iter().map(IpAddr::to_canonical).collect();
        let is_own = addresses.iter().any(|address| is_own(*address));
        let machine = if is_own {
            // The loopback address of a container with its own network is another machine.
            format!("this-machine-{namespace}")
        } else {
            // The order of a name's addresses varies.
            addresses.iter().min().map_or_else(|| url.host(), IpAddr::to_string)
        };
        let text = format!("{machine}_{}{}", url.port(), url.prefix().trim_end_matches('/'));
        let mut name = String::new();
        for byte in text.bytes() {
            let piece = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            };
            if name.len() + piece.len() > NAME_BYTES_MAX {
                break;
            }
            name.push_str(&piece);
        }
        Self { name, is_own }
    }

    /// Returns whether the server's address belongs to this machine.
    pub(crate) fn is_this_machine(&self) -> bool {
        self.is_own
    }

    pub(super) fn as_file_name(&self) -> &str {
        &self.name
    }
}

async fn resolve(host: &str, port: u16) -> Vec<IpAddr> {
    match timeout(RESOLVE_TIME_MAX, lookup_host((host, port))).await {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
        Ok(Err(error)) => {
            tracing::debug!(%error, host, "no address");
            Vec::new()
        }
        Err(_elapsed) => Vec::new(),
    }
}

/// Returns whether an address belongs to this machine: only those can be bound.
fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, addresses: &[&str], want: &str) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
        let is_own = |address: IpAddr| address.is_loopback() || address.to_string() == "10.0.0.7";
        let key = ServerKey::at(&url.parse().unwrap(), &addresses, 7, is_own);
        assert_eq!(key.as_file_name(), want);
    }

    #[test]
    fn a_server_has_one_key_however_it_is_spelled() {
        let local = "this-machine-7_3030";
        check("http://localhost:3030", &["::1", "127.0.0.1"], local);
        check("https://myhost:3030/", &["10.0.0.7"], local);
        check("http://127.8.8.8:3030", &["127.8.8.8"], local);
        check("http://[::ffff:127.0.0.1]:3030", &["::ffff:127.0.0.1"], local);
        check("http://127.0.0.1:3031", &["127.0.0.1"], "this-machine-7_3031");
        check("https://box/a/b/", &["10.0.0.9", "10.0.0.8"], "10.0.0.8_443%2Fa%2Fb");
        check("https://box/a/b", &["10.0.0.8", "10.0.0.9"], "10.0.0.8_443%2Fa%2Fb");
        check("http://gone.example", &[], "gone.example_80");
        check("http://[fe80::1]", &["fe80::1"], "fe80%3A%3A1_80");
    }

    #[tokio::test]
    async fn all_spellings_of_this_machine_are_one_server() {
        let urls = ["http://127.0.0.1:3030", "http://localhost:3030/", "http://[::1]:3030"];
        let more = ["http://127.1.2.3:3030", "http://0.0.0.0:3030", "http://a.localhost:3030"];
        let mut keys = Vec::new();
        for url in urls.into_iter().chain(more) {
            keys.push(ServerKey::of(&url.parse().unwrap()).await);
        }
        assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{keys:?}");
    }
}
