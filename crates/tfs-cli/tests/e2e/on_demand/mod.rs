//! On-demand torrents: nothing is selected, except files of proven readers.

mod adding;
mod changing;
mod reading;
mod stage;

use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);
