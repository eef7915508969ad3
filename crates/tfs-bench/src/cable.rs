//! A network namespace at the end of a virtual cable: another machine, as far as addresses go.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

/// A namespace, and its cable. Removed on drop.
#[derive(Debug)]
pub(crate) struct Cable {
    /// Distinguishes the cables of this process.
    nth: usize,
}

impl Cable {
    /// Creates it.
    ///
    /// # Errors
    /// What `ip` says: it needs root and virtual cables.
    pub(crate) fn lay(nth: usize) -> Result<Self, String> {
        let cable = Self { nth };
        let name = &cable.namespace();
        ip(&["netns", "add", name])?;
        let (here, there) = (end_here(nth), end_there(nth));
        ip(&["link", "add", &here, "type", "veth", "peer", "name", &there, "netns", name])?;
        ip(&["address", "add", &format!("{}/30", cable.address_here()), "dev", &here])?;
        ip(&["link", "set", &here, "up"])?;
        let address = format!("{}/30", cable.address());
        ip(&["-n", name, "address", "add", &address, "dev", &there])?;
        ip(&["-n", name, "link", "set", &there, "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(cable)
    }

    /// Returns the name of the namespace.
    pub(crate) fn namespace(&self) -> String {
        namespace(self.nth)
    }

    /// Returns the address of the namespace.
    pub(crate) fn address(&self) -> IpAddr {
        self.address_ending(2)
    }

    /// Returns the address of this machine on the cable.
    pub(crate) fn address_here(&self) -> IpAddr {
        self.address_ending(1)
    }

    /// Sets the far end of a cable down, so that packets are lost silently, or up again.
    pub(crate) fn set(nth: usize, state: &str) {
        ip(&["-n", &namespace(nth), "link", "set", &end_there(nth), state]).unwrap();
    }

    fn address_ending(&self, last: u8) -> IpAddr {
        Ipv4Addr::new(10, 213, u8::try_from(self.nth).unwrap(), last).into()
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        // The cable is deleted with the namespace.
        drop(ip(&["netns", "delete", &self.namespace()]));
    }
}

fn namespace(nth: usize) -> String {
    format!("tfs-{}-{nth}", std::process::id())
}

fn end_here(nth: usize) -> String {
    format!("tfs{}c{nth}", std::process::id())
}

fn end_there(nth: usize) -> String {
    format!("{}p", end_here(nth))
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
