//! Real mounts over a fake source: the kernel is the caller, and the generated content the oracle.
//!
//! Each test runs in a process of its own, see `tfs_testkit::isolate`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "this is how a test fails")]

mod changes;
mod clearing;
mod control_dir;
mod crowd;
mod edge_cases;
mod ending;
mod faults;
mod forgetting;
mod handles;
mod heads;
mod holes;
mod interrupts;
mod left;
mod listing;
mod names;
mod oracle;
mod programs;
mod reading;
mod support;
mod unmounting;
mod views;
mod xattrs;
