//! The front ends on the network beside the mount: speed of one reader, listings, and what a client
//! that goes away or pauses leaves behind.

mod clients;
mod listing;
mod nginx;
mod speed;

use std::path::Path;

use crate::figures::FigureReport;

/// All measurements. Each has servers and mounts of its own.
pub(crate) fn run(report: &mut FigureReport, dir: &Path) {
    speed::run(report, &dir.join("speed"));
    listing::run(report, &dir.join("listing"));
    clients::run(report, &dir.join("clients"));
}
