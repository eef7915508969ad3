//! The primitives of [`monitor`](super::monitor): those of std and tokio.

pub(super) use std::sync::{Mutex, MutexGuard};

pub(super) use tokio::sync::Notify;
