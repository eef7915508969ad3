//! Records of on-demand torrents of a server, and how torrents are added to it.

mod choice;
mod records;

pub use self::choice::OnDemandChoice;
pub use self::records::RecordsError;
pub(crate) use self::records::{ServerRecords, url_key};
