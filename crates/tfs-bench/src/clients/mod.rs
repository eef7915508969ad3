//! Clients of the front ends on the network, which block and do nothing that costs time.

mod http;
mod nfs;

pub(crate) use http::{HttpBody, HttpClient, encoded_path};
pub(crate) use nfs::NfsFileClient;
