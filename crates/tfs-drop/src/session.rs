//! The trait of what is behind the folder, and the messages to and from it.

use bytes::Bytes;
use vfs_core::InfoHash;

use crate::{DropFault, DropKind};

/// Number of a request, unique within a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DropTicket(pub u64);

/// A directory of the folder: how files in it are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DropPlace {
    /// Index of the server.
    pub server: usize,
    /// Whether torrents are added paused.
    pub is_paused: bool,
}

/// Result of a look at the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Examined {
    /// It can be sent to the server.
    Complete,
    /// It may be the start of a valid file. The text says what is missing.
    Incomplete(String),
    /// It can never be added. The text says why.
    Refused(String),
}

/// A request of the folder. Each is answered through [`SharedFolder::answer`](crate::SharedFolder).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DropRequest {
    /// Add a file. Answered by [`Added`](DropAnswer::Added),
    /// [`AddedLinks`](DropAnswer::AddedLinks), [`Refused`](DropAnswer::Refused) or
    /// [`Failed`](DropAnswer::Failed), within a bounded time, or first by
    /// [`Kept`](DropAnswer::Kept).
    Add {
        /// The ticket of the answer.
        ticket: DropTicket,
        /// Where it was dropped.
        place: DropPlace,
        /// The name that it was given.
        name: String,
        /// What it contains.
        kind: DropKind,
        /// Its bytes.
        bytes: Bytes,
    },
    /// Drop an addition that was kept. It is not answered.
    Cancel {
        /// The ticket of the addition.
        ticket: DropTicket,
    },
    /// Forget a torrent; its files stay. Answered by [`Forgotten`](DropAnswer::Forgotten) or
    /// [`Failed`](DropAnswer::Failed).
    Forget {
        /// The ticket of the answer.
        ticket: DropTicket,
        /// Index of the server.
        server: usize,
        /// The torrent.
        info_hash: InfoHash,
    },
    /// Read the metadata of a torrent. Answered by [`Loaded`](DropAnswer::Loaded) or
    /// [`Failed`](DropAnswer::Failed).
    Load {
        /// The ticket of the answer.
        ticket: DropTicket,
        /// Index of the server.
        server: usize,
        /// The torrent.
        info_hash: InfoHash,
    },
}

/// An answer to a [`DropRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DropAnswer {
    /// The server has the torrent.
    Added {
        /// Its info hash.
        info_hash: InfoHash,
        /// Its name, if the server knows it.
        name: Option<String>,
    },
    /// Each link was tried; what was added is reported with
    /// [`DropFolder::add_resolved`](crate::DropFolder::add_resolved). The lines say which links
    /// failed, and why.
    AddedLinks {
        /// One line for each link that failed.
        failed: Vec<String>,
    },
    /// The server, or the session, refuses the file for good.
    Refused {
        /// The reason, in one line.
        reason: String,
    },
    /// It is kept safely, and is tried until another answer follows.
    Kept {
        /// What it waits for, in a few words.
        reason: String,
    },
    /// The request failed, and nothing was kept.
    Failed {
        /// What programs get.
        fault: DropFault,
        /// The reason, in one line.
        reason: String,
    },
    /// The torrent is forgotten.
    Forgotten,
    /// The metadata.
    Loaded(Bytes),
}

/// What is behind the folder: servers, and a disk for what must not be lost.
pub trait DropSession: Send + Sync + 'static {
    /// Looks at the bytes of a file. Called under the lock of the folder: must not block.
    fn examine(&self, kind: DropKind, bytes: &[u8]) -> Examined;

    /// Takes a request. Must not block, and must not call the folder before it returns.
    fn send(&self, request: DropRequest);
}
