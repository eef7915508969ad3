//! Hooks: commands and URLs that get the events of a process.
//!
//! ```text
//! discovery --> EventHub --> EventInbox of each receiver: bounded, coalesced
//!                               |--> hook task --> command, or URL with retries
//!                               `--> an event stream of the control API
//! ```
//!
//! # Invariants
//! - Without a receiver of its kind, an event costs one read of a number.
//! - Sending never waits: a receiver that is slow has its events counted instead of kept.
//! - A hook has one call at a time, and each call has a time limit.
//! - A command gets no shell, no descriptor and no secret of this process. Names of torrents reach
//!   it as data only: on its standard input and in its environment.
//! - Nothing that a command or a server writes is held beyond [`OUTPUT_BYTES_MAX`].

mod batch;
mod call;
mod command;
mod error;
mod hub;
mod output;
mod report;
mod request;
mod settings;
mod tasks;

pub use batch::{EVENTS_NAMED_MAX, EventBatch};
pub use call::run_once;
pub use error::CallError;
pub use hub::{EventHub, EventInbox};
pub use output::OUTPUT_BYTES_MAX;
pub use report::HookReports;
pub use settings::{CommandTarget, HookBody, HookSettings, HookTarget, RequestTarget};
pub use tasks::Hooks;
