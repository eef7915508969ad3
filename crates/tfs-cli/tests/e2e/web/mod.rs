//! The page: what it shows of a real mount and a real rqbit, what it changes, and who may do so.

mod changing;
mod client;
mod listening;
mod reading;

use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

const MIB: u64 = 1 << 20;
