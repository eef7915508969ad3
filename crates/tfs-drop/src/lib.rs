//! The session of a torrent server as a folder: one `.torrent` file for each torrent. A file that a
//! program writes into it is added, and the program gets the server's answer.
//!
//! ```text
//! fuse-adapter --operations--> SharedFolder --> DropFolder     names, drafts, verdicts: pure
//!                                   |  ^
//!                     DropRequest   v  |  DropAnswer, listings
//!                               dyn DropSession                 tfs-service: servers and disk
//! ```
//!
//! An operation that needs the server returns a ticket. Its caller waits with
//! [`SharedFolder::wait`]; all other operations are answered from memory.
//!
//! # Invariants
//! - The crate sees no kernel, no network, no disk and no clock: time is an argument.
//! - A file is bounded, and so are the number of drafts and their bytes ([`limits`]).
//! - No operation deletes files of a torrent. Only an unlink of a torrent forgets it, and only if
//!   the [policy](RemovalPolicy) permits that.
//! - What was answered with success is added, kept by the session, or still a draft in the folder.

mod fault;
mod folder;
mod kind;
pub mod limits;
mod report;
mod session;
mod shared;

pub use fault::DropFault;
pub use folder::{
    DropAttr, DropEntry, DropFolder, DropOpen, DropOptions, DropStep, KeptName, ListedName,
    RemovalPolicy, RenameRule,
};
pub use kind::DropKind;
pub use report::{DraftReport, DraftState, FolderReport};
pub use session::{DropAnswer, DropPlace, DropRequest, DropSession, DropTicket, Examined};
pub use shared::SharedFolder;
