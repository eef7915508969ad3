//! Messages of SSDP as text.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::description::DEVICE_PATH;
use crate::routes::{CONNECTION_MANAGER, CONTENT_DIRECTORY};

/// How long televisions believe an announcement, in seconds; it is repeated three times as often.
pub(crate) const MAX_AGE_SECONDS: u64 = 900;

const MEDIA_SERVER: &str = "urn:schemas-upnp-org:device:MediaServer:1";
const ROOT_DEVICE: &str = "upnp:rootdevice";

/// Names the system and the product, as UPnP demands.
const SERVER: &str = concat!("POSIX/1.0 UPnP/1.0 DLNADOC/1.50 tfs/", env!("CARGO_PKG_VERSION"));

/// What is announced and found: the device by three names, and its services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SsdpTarget {
    Root,
    Uuid,
    Device,
    ContentDirectory,
    ConnectionManager,
}

impl SsdpTarget {
    const ALL: [Self; 5] =
        [Self::Root, Self::Uuid, Self::Device, Self::ContentDirectory, Self::ConnectionManager];

    fn name(self, uuid: &str) -> String {
        match self {
            Self::Root => ROOT_DEVICE.to_owned(),
            Self::Uuid => format!("uuid:{uuid}"),
            Self::Device => MEDIA_SERVER.to_owned(),
            Self::ContentDirectory => CONTENT_DIRECTORY.to_owned(),
            Self::ConnectionManager => CONNECTION_MANAGER.to_owned(),
        }
    }
}

/// The device in messages.
#[derive(Debug, Clone)]
pub(crate) struct SsdpDevice {
    pub(crate) uuid: String,
    /// The port of its description.
    pub(crate) port: u16,
}

impl SsdpDevice {
    /// Returns the answers to a datagram; none if it is not a search for something that is here.
    /// `address` is that of the interface that the search came by.
    pub(crate) fn answers(&self, datagram: &[u8], address: Ipv4Addr) -> Vec<String> {
        let Some(wanted) = search_target(datagram) else { return Vec::new() };
        let targets = SsdpTarget::ALL.into_iter();
        let found = targets.filter(|target| {
            let name = target.name(&self.uuid);
            wanted == "ssdp:all" || wanted.eq_ignore_ascii_case(&name)
        });
        found.map(|target| self.answer(target, SocketAddrV4::new(address, self.port))).collect()
    }

    /// Returns the announcements by an interface with this address.
    pub(crate) fn alive(&self, address: Ipv4Addr) -> Vec<String> {
        let location = self.location(SocketAddrV4::new(address, self.port));
        self.notifies(&format!(
            "NTS: ssdp:alive\r\nCACHE-CONTROL: max-age={MAX_AGE_SECONDS}\r\n\
             LOCATION: {location}\r\nSERVER: {SERVER}\r\n"
        ))
    }

    /// Returns the messages of its end.
    pub(crate) fn byebye(&self) -> Vec<String> {
        self.notifies("NTS: ssdp:byebye\r\n")
    }

    fn notifies(&self, headers: &str) -> Vec<String> {
        let notify = |target: SsdpTarget| {
            let (name, usn) = (target.name(&self.uuid), self.usn(target));
            format!(
                "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: {name}\r\nUSN: {usn}\r\n\
                 {headers}\r\n"
            )
        };
        SsdpTarget::ALL.into_iter().map(notify).collect()
    }

    fn answer(&self, target: SsdpTarget, address: SocketAddrV4) -> String {
        let (name, usn) = (target.name(&self.uuid), self.usn(target));
        let location = self.location(address);
        format!(
            "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age={MAX_AGE_SECONDS}\r\nEXT:\r\n\
             LOCATION: {location}\r\nSERVER: {SERVER}\r\nST: {name}\r\nUSN: {usn}\r\n\
             CONTENT-LENGTH: 0\r\n\r\n"
        )
    }

    fn location(&self, address: SocketAddrV4) -> String {
        format!("http://{address}{DEVICE_PATH}")
    }

    fn usn(&self, target: SsdpTarget) -> String {
        let (uuid, name) = (&self.uuid, target.name(&self.uuid));
        if target == SsdpTarget::Uuid { name } else { format!("uuid:{uuid}::{name}") }
    }
}

/// Returns what a datagram searches for, if it is a search.
fn search_target(datagram: &[u8]) -> Option<&str> {
    let text = str::from_utf8(datagram).ok()?;
    let mut lines = text.lines();
    if !lines.next()?.starts_with("M-SEARCH * HTTP/1.") {
        return None;
    }
    let headers = lines.map_while(|line| line.split_once(':'));
    let (mut is_discover, mut target) = (false, None);
    for (name, value) in headers {
        let value = value.trim();
        if name.trim().eq_ignore_ascii_case("MAN") {
            is_discover = value.trim_matches('"') == "ssdp:discover";
        } else if name.trim().eq_ignore_ascii_case("ST") {
            target = Some(value);
        }
    }
    target.filter(|_| is_discover)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(datagram: &str) -> Vec<String> {
        let device = SsdpDevice { uuid: "u".to_owned(), port: 8200 };
        let answers = device.answers(datagram.as_bytes(), Ipv4Addr::new(10, 0, 0, 1));
        for answer in &answers {
            assert!(answer.contains("\r\nLOCATION: http://10.0.0.1:8200/description.xml\r\n"));
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"));
        }
        let names = answers.iter().filter_map(|answer| answer.split_once("\r\nUSN: "));
        names.map(|(_, rest)| rest.lines().next().unwrap().to_owned()).collect()
    }

    fn search(target: &str) -> String {
        format!(
            "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMan: \"ssdp:discover\"\r\n\
             MX: 2\r\nst: {target}\r\n\r\n"
        )
    }

    #[test]
    fn searches_find_what_is_here() {
        assert_eq!(found(&search("ssdp:all")).len(), 5);
        assert_eq!(found(&search("upnp:rootdevice")), ["uuid:u::upnp:rootdevice"]);
        assert_eq!(found(&search("uuid:u")), ["uuid:u"]);
        assert_eq!(found(&search(MEDIA_SERVER)), [format!("uuid:u::{MEDIA_SERVER}")]);
        assert_eq!(found(&search(CONTENT_DIRECTORY)), [format!("uuid:u::{CONTENT_DIRECTORY}")]);
    }

    #[test]
    fn everything_else_gets_no_answer() {
        for datagram in [
            "",
            "\r\n\r\n",
            "M-SEARCH",
            "M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n",
            "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\n\r\n",
            "M-SEARCH * HTTP/1.1\r\nMAN: \"other\"\r\nST: ssdp:all\r\n\r\n",
            "NOTIFY * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\n\r\n",
            "HTTP/1.1 200 OK\r\nST: ssdp:all\r\n\r\n",
            &search("urn:schemas-upnp-org:device:MediaRenderer:1"),
            &search("uuid:other"),
            &search(""),
        ] {
            assert_eq!(found(datagram), [] as [String; 0], "{datagram}");
        }
        let device = SsdpDevice { uuid: "u".to_owned(), port: 1 };
        assert!(device.answers(&[0xff; 1500], Ipv4Addr::LOCALHOST).is_empty());
    }
}
