//! HTTP/1 listeners of a tfs process.
//!
//! [`Listening`] accepts connections and serves each in a task of its own. [`text`] and [`json`]
//! make answers, [`read_bytes`] and [`read_json`] read requests.
//!
//! # Invariants
//! - Every wait and every size that a peer can cause is limited, and so is the number of
//!   connections.
//! - A request is cancelled when its client disconnects.

mod accept;
mod host;
mod http;
mod listening;

pub use accept::{Accept, Peer};
pub use host::is_this_machine;
pub use http::{ResponseBody, json, lines, read_bytes, read_json, status, text};
pub use listening::{CONNECTIONS_MAX, Listening};
