//! `tfs serve`, and the same tree beside a mount: real clients, real rqbits.

mod configured;
mod dlna;
mod http;
mod nfs;
mod refused;
mod served;
mod three_ways;
mod tokens;
mod webdav;

use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

const MIB: u64 = 1 << 20;
