//! The tests of the source against servers of the test kit.

#![expect(clippy::panic, clippy::unwrap_used, reason = "this is how a test fails")]

mod permits;
