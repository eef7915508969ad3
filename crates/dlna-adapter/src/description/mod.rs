//! The description of the device and its services (UPnP Device Architecture 1.0, section 2).

use sha2::{Digest as _, Sha256};

use crate::xml::escaped;

/// The actions of ContentDirectory:1 that are there.
pub(crate) const CONTENT_DIRECTORY_XML: &str = include_str!("content_directory.xml");

/// The actions of ConnectionManager:1.
pub(crate) const CONNECTION_MANAGER_XML: &str = include_str!("connection_manager.xml");

/// Paths of the descriptions and of the services.
pub(crate) const DEVICE_PATH: &str = "/description.xml";
pub(crate) const CONTENT_DIRECTORY_PATH: &str = "/content-directory.xml";
pub(crate) const CONNECTION_MANAGER_PATH: &str = "/connection-manager.xml";
pub(crate) const CONTENT_DIRECTORY_CONTROL: &str = "/control/content-directory";
pub(crate) const CONNECTION_MANAGER_CONTROL: &str = "/control/connection-manager";

/// Returns the UUID of a server: a hash of its identity, in the form of version 8 of RFC 9562.
pub(crate) fn uuid_of(identity: &str) -> String {
    let digest = Sha256::digest(identity.as_bytes());
    let mut bits = digest.iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    bits = bits & !(0xf << 76) | 0x8 << 76;
    bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let mut uuid = String::with_capacity(36);
    for (position, digit) in hex.chars().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            uuid.push('-');
        }
        uuid.push(digit);
    }
    uuid
}

/// Returns the description of the device. Its events are left out: a server that calls addresses
/// that strangers name would be a way into other networks.
pub(crate) fn device(friendly_name: &str, uuid: &str) -> String {
    let (name, version) = (escaped(friendly_name), env!("CARGO_PKG_VERSION"));
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<root xmlns="urn:schemas-upnp-org:device-1-0" xmlns:dlna="urn:schemas-dlna-org:device-1-0">
<specVersion><major>1</major><minor>0</minor></specVersion>
<device>
<deviceType>urn:schemas-upnp-org:device:MediaServer:1</deviceType>
<friendlyName>{name}</friendlyName>
<manufacturer>tfs</manufacturer>
<modelDescription>Torrents as files</modelDescription>
<modelName>tfs</modelName>
<modelNumber>{version}</modelNumber>
<UDN>uuid:{uuid}</UDN>
<dlna:X_DLNADOC>DMS-1.50</dlna:X_DLNADOC>
<serviceList>
<service>
<serviceType>urn:schemas-upnp-org:service:ContentDirectory:1</serviceType>
<serviceId>urn:upnp-org:serviceId:ContentDirectory</serviceId>
<SCPDURL>{CONTENT_DIRECTORY_PATH}</SCPDURL>
<controlURL>{CONTENT_DIRECTORY_CONTROL}</controlURL>
<eventSubURL></eventSubURL>
</service>
<service>
<serviceType>urn:schemas-upnp-org:service:ConnectionManager:1</serviceType>
<serviceId>urn:upnp-org:serviceId:ConnectionManager</serviceId>
<SCPDURL>{CONNECTION_MANAGER_PATH}</SCPDURL>
<controlURL>{CONNECTION_MANAGER_CONTROL}</controlURL>
<eventSubURL></eventSubURL>
</service>
</serviceList>
</device>
</root>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_identity_is_the_same_device() {
        let uuid = uuid_of("host 1");
        assert_eq!(uuid, uuid_of("host 1"));
        assert_ne!(uuid, uuid_of("host 2"));
        let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.chars().nth(14), Some('8'));
        assert!(matches!(uuid.chars().nth(19), Some('8' | '9' | 'a' | 'b')));
    }

    #[test]
    fn names_are_escaped() {
        let xml = device("a & <b>", "u");
        assert!(xml.contains("<friendlyName>a &amp; &lt;b&gt;</friendlyName>"));
    }
}
