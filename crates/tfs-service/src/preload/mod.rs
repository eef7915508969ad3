//! Preloads: files that are downloaded to the server before a program reads them, on request or by
//! configuration.
//!
//! The core gives reads priority and lets all preloads share one stream of a server. This module
//! selects the files and reports the progress.

mod batch;
mod next;
mod patterns;
mod request;
mod running;
#[cfg(test)]
mod tests;

pub(crate) use next::preload_next;
pub(crate) use patterns::PatternPreloads;
pub use patterns::PreloadSettings;
pub(crate) use request::preload;
pub(crate) use running::Preloads;
