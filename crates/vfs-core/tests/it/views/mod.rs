//! Views: directories in the root that show torrents by rule.

mod access;
mod changes;
mod duplicates;
mod places;
mod restart;
pub(crate) mod rules;
