//! HTTP/1 listeners of a tfs process.
//!
//! [`Listening`] accepts connections and serves each in a task of its own. [`text`] and [`json`]
//! make answers, [`read_bytes`] and [`read_json`] read requests.
//!
//! # Invariants
//! - Every wait and every size that a peer can cause is limited, and so is the number of
//!   connections.
//! - A connection that waits for a request gives way to a new one if all places are taken.
//! - A connection whose peer takes no byte of an answer is closed.
//! - A request is cancelled when its client disconnects.

mod accept;
mod activity;
mod content;
mod host;
mod http;
mod listening;
mod range;
mod serve;
mod stall;

pub use accept::{Accept, Peer, bind};
pub use content::{disposition, encoded, is_media, type_of};
pub use host::is_this_machine;
pub use http::{ResponseBody, json, lines, read_bytes, read_json, status, text};
pub use listening::{CONNECTIONS_MAX, Listening};
pub use range::{FileSelection, is_known, select};
pub use stall::StallLimit;
