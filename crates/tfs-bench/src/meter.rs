//! A meter of the bytes that a server fetches, which runs beside a measurement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rqbit_client::{Client, InfoHash};
use tokio::task::JoinHandle;

use crate::rqbits::Rqbits;

/// The polling interval.
const INTERVAL: Duration = Duration::from_millis(50);

/// A running meter.
#[derive(Debug)]
pub(crate) struct FetchMeter {
    stop: Arc<AtomicBool>,
    readings: JoinHandle<Readings>,
}

/// The readings of a meter. A failed request counts as no growth.
#[derive(Debug)]
pub(crate) struct Readings {
    /// Of the whole server.
    pub(crate) all: Growth,
    /// Of one torrent.
    pub(crate) one: Growth,
}

/// The growth of a counter.
#[derive(Debug)]
pub(crate) struct Growth {
    first: Option<u64>,
    last: u64,
    since: Instant,
    /// The longest time without growth.
    pub(crate) standstill_max: Duration,
}

impl FetchMeter {
    /// Starts to meter the bytes fetched by the downloader, in total and for one torrent.
    pub(crate) fn start(rqbits: &Rqbits, one: InfoHash) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let task = read(rqbits.swarm.client().clone(), one, Arc::clone(&stop));
        Self { stop, readings: rqbits.runtime.spawn(task) }
    }

    /// Stops the meter and returns its readings.
    pub(crate) fn stop(self, rqbits: &Rqbits) -> Readings {
        self.stop.store(true, Ordering::Relaxed);
        rqbits.runtime.block_on(self.readings).unwrap()
    }
}

async fn read(client: Client, one: InfoHash, stop: Arc<AtomicBool>) -> Readings {
    let mut readings = Readings { all: Growth::new(), one: Growth::new() };
    let mut ticks = tokio::time::interval(INTERVAL);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let session = client.session_stats().await;
        readings
            .all
            .on_value(session.ok().and_then(|stats| stats.counters).map(|it| it.fetched_bytes));
        let torrent = client.torrent_stats(one.into()).await;
        let live = torrent.ok().and_then(|stats| stats.live);
        readings.one.on_value(live.map(|live| live.snapshot.fetched_bytes));
    }
    readings
}

impl Growth {
    fn new() -> Self {
        Self { first: None, last: 0, since: Instant::now(), standstill_max: Duration::ZERO }
    }

    fn on_value(&mut self, value: Option<u64>) {
        self.standstill_max = self.standstill_max.max(self.since.elapsed());
        let Some(value) = value else { return };
        self.first.get_or_insert(value);
        if value > self.last {
            self.last = value;
            self.since = Instant::now();
        }
    }

    /// Returns the growth in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.last.saturating_sub(self.first.unwrap_or(self.last))
    }
}
