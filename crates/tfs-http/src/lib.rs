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
//! - A client that still sends a refused body gets the answer.

mod accept;
mod activity;
mod content;
mod host;
mod hosts;
mod http;
mod listening;
mod markup;
mod range;
mod serve;
mod stall;

pub use accept::{Accept, Peer, PeerAddress, bind, bind_with};
pub use content::{disposition, encoded, is_media, type_of};
pub use host::{is_host_name, is_this_machine};
pub use hosts::{ForeignHost, Hosts, host_name_of};
pub use http::{ResponseBody, json, lines, read_bytes, read_json, status, text};
pub use listening::{CONNECTIONS_MAX, ListenLimits, Listening};
pub use markup::{escaped, push_escaped};
pub use range::{FileSelection, FileVersion, is_known, select, select_of};
pub use stall::StallLimit;
