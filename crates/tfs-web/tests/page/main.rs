//! The page over TCP, with mounts that do not exist behind it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::panic,
    reason = "tests"
)]

mod access;
mod changes;
mod client;
mod data;
mod events;
mod fake;
mod files;
mod hostile;
mod playlists;

// The made-up mounts of the example.
#[path = "../../examples/fake_page/backend.rs"]
mod backend;
#[path = "../../examples/fake_page/library.rs"]
mod library;
#[path = "../../examples/fake_page/mount.rs"]
mod mount;
