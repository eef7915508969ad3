//! The tree as objects of ContentDirectory:1.

mod browse;
mod didl;
mod entry;
mod listing;
mod order;

pub(crate) use browse::{Directory, DlnaFound};
pub(crate) use didl::features_of;
