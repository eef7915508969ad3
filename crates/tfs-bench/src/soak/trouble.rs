//! Faults: damaged responses, and a server that goes down and comes back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tfs_testkit::random::Random;
use tfs_testkit::rqbit::{Episode, FakeRqbit, Fault, Schedule, Spell, Trouble};
use tfs_testkit::swarm::{SwarmTorrent, Tracker};

use super::library::{self, SoakLibrary};
use crate::rqbits::Rqbits;
use crate::timing::pause;

/// The name under which commands of users are counted.
pub(super) const COMMANDS: &str = "commands given";

/// The events, with their numbers.
pub(super) type EventCounts = BTreeMap<&'static str, u64>;

/// Injects faults into responses until `deadline`.
pub(super) fn spoil(
    schedule: &mut Schedule<Spell>,
    proxy: &FakeRqbit,
    deadline: Instant,
) -> EventCounts {
    let mut counts = EventCounts::new();
    for Episode { calm, trouble, lasts } in schedule {
        if !live_on(calm, deadline) {
            break;
        }
        *counts.entry(trouble.name()).or_default() += 1;
        match trouble {
            Spell::Weather(weather) => proxy.set_weather(weather),
            Spell::Errors(target, status) => proxy.always(target, Fault::Status(status, "")),
        }
        live_on(lasts, deadline);
        proxy.clear();
    }
    counts
}

/// A server, and its faults.
pub(super) struct TroubledServer<'a> {
    rqbits: Rqbits,
    library: &'a SoakLibrary,
    guests_made: u64,
    /// One for each torrent, by name.
    trackers: BTreeMap<String, Tracker>,
}

impl<'a> TroubledServer<'a> {
    pub(super) fn new(rqbits: Rqbits, library: &'a SoakLibrary) -> Self {
        let mut server =
            Self { rqbits, library, guests_made: library::GUESTS, trackers: BTreeMap::new() };
        let torrents: Vec<SwarmTorrent> = server.rqbits.swarm.torrents().to_vec();
        torrents.iter().for_each(|torrent| server.track(torrent));
        server
    }

    /// Injects faults until `deadline`; at the end everything is restored.
    pub(super) fn trouble(
        &mut self,
        schedule: &mut Schedule<Trouble>,
        deadline: Instant,
    ) -> EventCounts {
        let mut counts = EventCounts::new();
        for Episode { calm, trouble, lasts } in schedule {
            if !live_on(calm, deadline) {
                break;
            }
            *counts.entry(trouble.name()).or_default() += 1;
            self.live_through(trouble, lasts, deadline);
        }
        counts
    }

    fn live_through(&mut self, trouble: Trouble, lasts: Duration, deadline: Instant) {
        match trouble {
            Trouble::Kill => {
                self.rqbits.kill_downloader();
                live_on(lasts, deadline);
                self.rqbits.start_downloader();
            }
            Trouble::Stop => {
                self.rqbits.swarm.pause_downloader().unwrap();
                live_on(lasts, deadline);
                self.rqbits.swarm.resume_downloader().unwrap();
            }
            Trouble::Forget(number) => {
                let torrent = self.guest(number);
                let Rqbits { runtime, swarm } = &mut self.rqbits;
                runtime.block_on(swarm.forget(&torrent)).unwrap();
                live_on(lasts, deadline);
                runtime.block_on(swarm.add_again(&torrent)).unwrap();
            }
            Trouble::Replace(number) => self.replace(number),
            Trouble::Select(number) => self.select(number),
            Trouble::Pause(number) => {
                let torrent = self.guest(number);
                let Rqbits { runtime, swarm } = &self.rqbits;
                // rqbit refuses this for a torrent that is paused for its check.
                drop(runtime.block_on(swarm.client().pause(torrent.info_hash.into())));
                live_on(lasts, deadline);
                drop(runtime.block_on(swarm.client().start(torrent.info_hash.into())));
            }
        }
    }

    fn replace(&mut self, number: u64) {
        let old = self.guest(number);
        self.library.remove(&old);
        self.trackers.remove(&old.name);
        let Rqbits { runtime, swarm } = &mut self.rqbits;
        runtime.block_on(swarm.delete(&old)).unwrap();
        let new = runtime.block_on(swarm.add(library::guest(self.guests_made))).unwrap();
        self.guests_made += 1;
        self.library.add(&new);
        self.track(&new);
    }

    /// Selects some of the files of a guest, or none.
    fn select(&self, number: u64) {
        let torrent = self.guest(number);
        let mut random = Random::new(number);
        let wanted = torrent.files.iter().map(|file| file.idx).filter(|_| random.chance(50));
        let wanted: Vec<usize> = wanted.collect();
        let Rqbits { runtime, swarm } = &self.rqbits;
        // rqbit refuses this while the torrent is being checked.
        drop(runtime.block_on(swarm.select_files(&torrent, &wanted)));
    }

    fn guest(&self, number: u64) -> SwarmTorrent {
        let guests = self.rqbits.swarm.torrents().iter();
        let guests: Vec<_> = guests.filter(|torrent| library::is_guest(torrent)).collect();
        Random::new(number).pick(&guests).copied().unwrap().clone()
    }

    fn track(&mut self, torrent: &SwarmTorrent) {
        let _in_runtime = self.rqbits.runtime.enter();
        let tracker = self.rqbits.swarm.track(torrent).unwrap();
        self.trackers.insert(torrent.name.clone(), tracker);
    }
}

/// Waits for some time, until `deadline` at most. Returns whether `deadline` is still ahead.
fn live_on(time: Duration, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        pause(time.min(left));
    }
    Instant::now() < deadline
}
