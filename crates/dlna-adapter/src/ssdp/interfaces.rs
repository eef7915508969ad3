//! The interfaces by which televisions reach the server.

use std::io;
use std::net::Ipv4Addr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

/// Maximum number of interfaces: a machine with containers may have hundreds.
const INTERFACES_MAX: usize = 32;

/// An interface with an IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DlnaInterface {
    pub(crate) address: Ipv4Addr,
    mask: u32,
}

impl DlnaInterface {
    /// Returns whether an address is in the network of the interface.
    pub(crate) fn reaches(&self, peer: Ipv4Addr) -> bool {
        u32::from(peer) & self.mask == u32::from(self.address) & self.mask
    }

    fn new(interface: &InterfaceAddress) -> Option<Self> {
        let address = ipv4(interface.address.as_ref())?;
        // An address without a network is alone in its own.
        let mask = ipv4(interface.netmask.as_ref()).unwrap_or(Ipv4Addr::BROADCAST);
        Some(Self { address, mask: mask.into() })
    }
}

/// Returns the interfaces that are up: that with the address `listen`, or for 0.0.0.0 all for
/// multicasts except loopback.
///
/// # Errors
/// If the system does not list them.
pub(crate) fn served(listen: Ipv4Addr) -> io::Result<Vec<DlnaInterface>> {
    let all = getifaddrs().map_err(io::Error::from)?;
    let up = all.filter(|interface| interface.flags.contains(InterfaceFlags::IFF_UP));
    let is_served = |interface: &InterfaceAddress| {
        !listen.is_unspecified()
            || interface.flags.contains(InterfaceFlags::IFF_MULTICAST)
                && !interface.flags.contains(InterfaceFlags::IFF_LOOPBACK)
    };
    let found = up.filter(is_served).filter_map(|interface| DlnaInterface::new(&interface));
    let found = found.filter(|found| listen.is_unspecified() || found.address == listen);
    Ok(found.take(INTERFACES_MAX).collect())
}

fn ipv4(address: Option<&SockaddrStorage>) -> Option<Ipv4Addr> {
    Some(address?.as_sockaddr_in()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_served_only_if_it_is_named() {
        let found = served(Ipv4Addr::LOCALHOST).unwrap();
        assert!(found.iter().all(|interface| interface.address == Ipv4Addr::LOCALHOST));
        assert!(found.iter().all(|interface| interface.reaches(Ipv4Addr::new(127, 9, 9, 9))));
        assert!(!found.iter().any(|interface| interface.reaches(Ipv4Addr::new(10, 0, 0, 1))));
        let all = served(Ipv4Addr::UNSPECIFIED).unwrap();
        assert!(all.iter().all(|interface| !interface.address.is_loopback()));
    }
}
