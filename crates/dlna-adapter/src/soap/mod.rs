//! SOAP 1.1 as UPnP uses it: calls with texts as arguments, replies and faults (UPnP Device
//! Architecture 1.0, section 3).

mod call;
mod reply;

pub(crate) use call::SoapCall;
pub(crate) use reply::{SoapFault, fault, reply};
