//! The description of the device and its services (UPnP Device Architecture 1.0, section 2).

use tfs_http::escaped;

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
    fn names_are_escaped() {
        let xml = device("a & <b>", "u");
        assert!(xml.contains("<friendlyName>a &amp; &lt;b&gt;</friendlyName>"));
    }
}
