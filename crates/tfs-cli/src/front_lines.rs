//! What `tfs serve` prints when it answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use tfs_api::status::FrontStatus;
use tfs_service::{FrontAuth, FrontKind, FrontSettings};

use crate::output;

/// Options of `mount(8)` on Linux. Without `soft` a killed server would block programs for ever; a
/// read may wait for missing data for longer than the usual `timeo`. New torrents show after
/// `actimeo` seconds.
const LINUX_OPTIONS: &str = "ro,vers=3,tcp,nolock,soft,timeo=600,actimeo=5";

/// Options of `mount_nfs(8)` on macOS. `nolocks` would make `flock` fail.
const MACOS_OPTIONS: &str =
    "rdonly,vers=3,tcp,locallocks,soft,intr,rsize=1048576,actimeo=5,nonegnamecache";

/// An address of no machine (RFC 5737): a socket that is connected to it, but sends nothing, has
/// the address by which other machines reach this one.
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Prints where front ends answer, and what their clients need.
pub(crate) fn announce(running: &[FrontStatus], settings: &[FrontSettings]) -> eyre::Result<()> {
    for (status, front) in running.iter().zip(settings) {
        let Some(url) = &status.url else { continue };
        for line in results(url, front) {
            output::line(&line)?;
        }
        for hint in hints(front) {
            output::note(&format!("hint: {hint}"));
        }
    }
    Ok(())
}

/// Returns the lines of the result: the address, and the commands that mount it. `url` is that of
/// the status, with the actual port.
fn results(url: &str, front: &FrontSettings) -> Vec<String> {
    let port = address_of(url).map_or(front.listen.port(), |address| address.port());
    let address = reachable(SocketAddr::new(front.listen.ip(), port), own_address);
    let host = SocketAddr::from((address.ip(), 0)).to_string();
    let host = host.strip_suffix(":0").unwrap_or(&host);
    match front.kind {
        FrontKind::Webdav => {
            let scheme = if front.tls.is_some() { "https" } else { "http" };
            vec![format!("serving on {scheme}://{address}/")]
        }
        FrontKind::Nfs => {
            let path = if has_token(front) { "/k/TOKEN" } else { "/" };
            let ports = format!("port={port},mountport={port}");
            vec![
                format!("serving on nfs://{address}{path}"),
                format!("Linux: sudo mount -t nfs -o {LINUX_OPTIONS},{ports} {host}:{path} /mnt/t"),
                format!("macOS: mount_nfs -o {MACOS_OPTIONS},{ports} {host}:{path} ~/t"),
            ]
        }
        FrontKind::Dlna if front.listen.ip().to_canonical().is_loopback() => {
            vec![format!("serving on http://{address}/")]
        }
        FrontKind::Dlna => vec![format!("serving on http://{address}/ for TVs")],
    }
}

/// Returns what clients may lack.
fn hints(front: &FrontSettings) -> Vec<&'static str> {
    let is_open = !front.listen.ip().to_canonical().is_loopback();
    let has_login = front.auth.is_some();
    match front.kind {
        FrontKind::Webdav if is_open && !has_login && !front.allows_anyone => {
            vec!["devices need a token in the URL; create one with: tfs serve token new DEVICE"]
        }
        FrontKind::Webdav if is_open && front.allows_anyone => vec![OPEN],
        FrontKind::Webdav if has_login => {
            vec!["for a player that cannot log in, create a URL with: tfs serve token new DEVICE"]
        }
        FrontKind::Nfs if has_token(front) => {
            vec!["TOKEN is the first line of the file of --auth-token-file"]
        }
        FrontKind::Nfs if is_open && front.allows_anyone => vec![OPEN],
        FrontKind::Webdav | FrontKind::Nfs => Vec::new(),
        FrontKind::Dlna if !is_open => {
            vec!["only programs on this machine find it; for TVs, leave out --listen"]
        }
        FrontKind::Dlna => vec!["every device in the network can read everything"],
    }
}

/// The hint for a server without a login at an address of other machines.
const OPEN: &str = "every machine that reaches this address can read everything";

fn has_token(front: &FrontSettings) -> bool {
    matches!(front.auth, Some(FrontAuth::Token(_)))
}

/// Returns the address in a URL such as `nfs://127.0.0.1:2050/`.
pub(crate) fn address_of(url: &str) -> Option<SocketAddr> {
    let (_, rest) = url.split_once("://")?;
    rest.split('/').next()?.parse().ok()
}

/// Returns an address that can be typed: for all addresses of the machine, one of them.
pub(crate) fn reachable(address: SocketAddr, own: impl FnOnce() -> Option<IpAddr>) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let local = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(own().unwrap_or(local), address.port())
}

/// Returns the address of this machine for others; `None` without a network. Sends nothing.
pub(crate) fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(ELSEWHERE).ok()?;
    let address = socket.local_addr().ok()?.ip();
    if address.is_unspecified() { None } else { Some(address) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};
    use tfs_service::FrontTls;

    use super::*;

    fn front(kind: FrontKind, listen: &str) -> FrontSettings {
        FrontSettings {
            kind,
            name: None,
            listen: listen.parse().unwrap(),
            auth: None,
            allows_anyone: false,
            tls: None,
            hosts: Vec::new(),
            first_byte_max: Duration::from_secs(20),
        }
    }

    #[track_caller]
    fn check(url: &str, front: &FrontSettings, want: &Expect) {
        let lines = results(url, front).into_iter();
        let hints = hints(front).into_iter().map(|hint| format!("hint: {hint}"));
        want.assert_eq(&lines.chain(hints).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn clients_get_an_address_and_a_command() {
        let webdav = front(FrontKind::Webdav, "127.0.0.1:0");
        check("http://127.0.0.1:8080/", &webdav, &expect!["serving on http://127.0.0.1:8080/"]);
        let tls = FrontTls { certificate: "c".into(), key: "k".into() };
        let tls = FrontSettings { tls: Some(tls), ..front(FrontKind::Webdav, "192.168.1.2:443") };
        check(
            "https://192.168.1.2:443/",
            &tls,
            &expect![[r#"
            serving on https://192.168.1.2:443/
            hint: devices need a token in the URL; create one with: tfs serve token new DEVICE"#]],
        );
        let open = FrontSettings { allows_anyone: true, ..tls };
        check(
            "https://192.168.1.2:443/",
            &open,
            &expect![[r#"
            serving on https://192.168.1.2:443/
            hint: every machine that reaches this address can read everything"#]],
        );
        check(
            "nfs://127.0.0.1:2050/",
            &front(FrontKind::Nfs, "127.0.0.1:2050"),
            &expect![[r#"
            serving on nfs://127.0.0.1:2050/
            Linux: sudo mount -t nfs -o ro,vers=3,tcp,nolock,soft,timeo=600,actimeo=5,port=2050,mountport=2050 127.0.0.1:/ /mnt/t
            macOS: mount_nfs -o rdonly,vers=3,tcp,locallocks,soft,intr,rsize=1048576,actimeo=5,nonegnamecache,port=2050,mountport=2050 127.0.0.1:/ ~/t"#]],
        );
        check(
            "nfs://[::1]:2050/",
            &front(FrontKind::Nfs, "[::1]:2050"),
            &expect![[r#"
            serving on nfs://[::1]:2050/
            Linux: sudo mount -t nfs -o ro,vers=3,tcp,nolock,soft,timeo=600,actimeo=5,port=2050,mountport=2050 [::1]:/ /mnt/t
            macOS: mount_nfs -o rdonly,vers=3,tcp,locallocks,soft,intr,rsize=1048576,actimeo=5,nonegnamecache,port=2050,mountport=2050 [::1]:/ ~/t"#]],
        );
        check(
            "",
            &front(FrontKind::Dlna, "192.168.1.2:8200"),
            &expect![[r#"
            serving on http://192.168.1.2:8200/ for TVs
            hint: every device in the network can read everything"#]],
        );
        check(
            "",
            &front(FrontKind::Dlna, "127.0.0.1:8200"),
            &expect![[r#"
            serving on http://127.0.0.1:8200/
            hint: only programs on this machine find it; for TVs, leave out --listen"#]],
        );
    }

    #[test]
    fn all_addresses_are_shown_as_one_that_can_be_typed() {
        let all = "0.0.0.0:80".parse().unwrap();
        let own = || "192.168.1.2".parse().ok();
        assert_eq!(reachable(all, own).to_string(), "192.168.1.2:80");
        assert_eq!(reachable(all, || None).to_string(), "127.0.0.1:80");
        assert_eq!(reachable("[::]:80".parse().unwrap(), || None).to_string(), "[::1]:80");
        let one = "127.0.0.1:80".parse().unwrap();
        assert_eq!(reachable(one, || panic!("not needed")), one);
    }
}
