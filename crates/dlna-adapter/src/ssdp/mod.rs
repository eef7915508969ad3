//! SSDP: televisions find the server, and it announces itself (UPnP Device Architecture 1.0,
//! section 1).

mod interfaces;
mod message;
mod sockets;
mod task;

pub(crate) use message::SsdpDevice;
pub(crate) use task::SsdpTask;
