//! Preloading: files that are to be on the server before anybody reads them, because somebody asks
//! for it or because the configuration says so.
//!
//! The core sees to it that no reader suffers, however many files and requests there are: all of
//! them share one stream of a server. Here is only which files, and who is told what.

mod batch;
mod patterns;
mod request;
mod running;
#[cfg(test)]
mod tests;

pub(crate) use patterns::PatternPreloads;
pub use patterns::PreloadSettings;
pub(crate) use request::preload;
pub(crate) use running::Preloads;
pub use running::{PreloadStatus, PreloadTotals};
