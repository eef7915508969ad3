//! Searches and announcements over loopback.

use std::net::Ipv4Addr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::support::TestServer;

const GROUP: &str = "239.255.255.250:1900";

/// A socket that sends multicasts by loopback, or gets those of port 1900.
fn socket(port: u16) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    let address: std::net::SocketAddr = (Ipv4Addr::UNSPECIFIED, port).into();
    socket.bind(&address.into()).unwrap();
    if port != 0 {
        let group = Ipv4Addr::new(239, 255, 255, 250);
        socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
    }
    UdpSocket::from_std(socket.into()).unwrap()
}

/// Waits for a datagram that contains all of `parts`: other servers may run on this machine.
async fn receive(socket: &UdpSocket, parts: &[&str]) -> String {
    let mut datagram = [0; 2048];
    loop {
        let (len, _) = socket.recv_from(&mut datagram).await.unwrap();
        let text = String::from_utf8_lossy(&datagram[..len]).into_owned();
        if parts.iter().all(|part| text.contains(part)) {
            return text;
        }
    }
}

#[tokio::test]
async fn a_search_finds_the_server_until_its_farewell() {
    let group = socket(1900);
    let server = TestServer::start(Vec::new());
    let location = format!("LOCATION: http://{}/description.xml\r\n", server.address);
    let alive = receive(&group, &["NTS: ssdp:alive", &location, "NT: uuid:"]).await;
    let (_, uuid) = alive.split_once("NT: uuid:").unwrap();
    let uuid = uuid.lines().next().unwrap();

    let client = socket(0);
    // A search for something else, and one that is none, before the real one.
    for search in [
        "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: urn:other\r\n\r\n",
        "\0\0\0",
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\
         ST: urn:schemas-upnp-org:device:MediaServer:1\r\n\r\n",
    ] {
        client.send_to(search.as_bytes(), GROUP).await.unwrap();
    }
    let answer = receive(&client, &[&location]).await;
    assert!(answer.contains("ST: urn:schemas-upnp-org:device:MediaServer:1\r\n"), "{answer}");
    let usn = format!("USN: uuid:{uuid}::urn:schemas-upnp-org:device:MediaServer:1\r\n");
    assert!(answer.contains(&usn), "{answer}");

    server.server.end().await;
    receive(&group, &["NTS: ssdp:byebye", &format!("NT: uuid:{uuid}\r\n")]).await;
}
