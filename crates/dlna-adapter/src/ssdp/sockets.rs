//! Sockets for multicasts.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::interfaces::DlnaInterface;

/// The group and port of SSDP.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const PORT: u16 = 1900;

/// How many routers a multicast may pass, as UPnP recommends.
const TTL: u32 = 4;

/// Returns a socket that shares port 1900 with other programs.
///
/// # Errors
/// If another program does not share it.
pub(crate) fn listen() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    // Linux shares multicasts by the flag above, and this one would divide searches by sender.
    #[cfg(not(target_os = "linux"))]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT).into())?;
    UdpSocket::from_std(socket.into())
}

/// Joins the group on an interface. An interface that has it already is no error.
///
/// # Errors
/// If the interface is gone, or is in too many groups.
pub(crate) fn join(socket: &UdpSocket, interface: DlnaInterface) -> io::Result<()> {
    match socket.join_multicast_v4(GROUP, interface.address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
        joined => joined,
    }
}

/// Sends messages to the group by an interface.
///
/// # Errors
/// If the interface is gone, or its queue is full.
pub(crate) fn send(interface: DlnaInterface, messages: &[String]) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_multicast_if_v4(&interface.address)?;
    socket.set_multicast_ttl_v4(TTL)?;
    socket.bind(&SocketAddrV4::new(interface.address, 0).into())?;
    let group = SocketAddrV4::new(GROUP, PORT).into();
    for message in messages {
        socket.send_to(message.as_bytes(), &group)?;
    }
    Ok(())
}
