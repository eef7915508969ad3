//! Seeded sequences of faults.

use std::time::Duration;

use super::fault::{FaultKind, Target};
use super::plan::Weather;
use crate::random::Random;

/// The calm time before a fault begins.
const CALM_MILLIS: (u64, u64) = (500, 3000);

/// How long it lasts: below and above the time that tfs tolerates without an error.
const LASTS_MILLIS: (u64, u64) = (500, 6000);

/// The percentage of responses that a weather damages.
const SPOILED_PERCENT: (u64, u64) = (5, 60);

/// A fault that lasts for a while.
#[derive(Debug, Clone)]
pub struct Episode<T> {
    /// The time before it.
    pub calm: Duration,
    /// The fault.
    pub trouble: T,
    /// How long it lasts.
    pub lasts: Duration,
}

/// Faults of responses, as injected by a [`FakeRqbit`](super::FakeRqbit).
#[derive(Debug, Clone)]
pub enum Spell {
    /// Some responses are damaged in many ways.
    Weather(Weather),
    /// All responses of a target have this status.
    Errors(Target, u16),
}

/// Faults of a server. The number selects a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is killed, and started again at the end.
    Kill,
    /// It is stopped (SIGSTOP), and continued at the end.
    Stop,
    /// A torrent is removed, and added again at the end.
    Forget(u64),
    /// A torrent is deleted with its data, and replaced by a new one.
    Replace(u64),
    /// The selection of files of a torrent changes.
    Select(u64),
    /// A torrent is paused, and started again at the end.
    Pause(u64),
}

impl Spell {
    /// All names for counting.
    pub const NAMES: [&'static str; 2] = ["spells of spoiled answers", "bursts of 5xx"];

    /// Returns its name for counting.
    pub const fn name(&self) -> &'static str {
        let [weather, errors] = Self::NAMES;
        match self {
            Self::Weather(_) => weather,
            Self::Errors(..) => errors,
        }
    }

    fn random(random: &mut Random) -> Self {
        let targets = [Target::Streams, Target::Streams, Target::Calls, Target::All];
        let target = random.pick(&targets).cloned().unwrap_or(Target::All);
        if random.chance(20) {
            return Self::Errors(target, 503);
        }
        let (low, high) = SPOILED_PERCENT;
        let percent = random.range(low, high);
        Self::Weather(Weather::new(random.number(), target, percent, &FaultKind::RANDOM))
    }
}

impl Trouble {
    /// All names for counting.
    pub const NAMES: [&'static str; 6] = [
        "servers killed",
        "servers stopped",
        "torrents forgotten",
        "torrents replaced",
        "selections changed",
        "torrents paused",
    ];

    /// Returns its name for counting.
    pub const fn name(&self) -> &'static str {
        let [kill, stop, forget, replace, select, pause] = Self::NAMES;
        match self {
            Self::Kill => kill,
            Self::Stop => stop,
            Self::Forget(_) => forget,
            Self::Replace(_) => replace,
            Self::Select(_) => select,
            Self::Pause(_) => pause,
        }
    }

    fn random(random: &mut Random) -> Self {
        let number = random.number();
        match random.range(0, 99) {
            0..15 => Self::Kill,
            15..30 => Self::Stop,
            30..50 => Self::Forget(number),
            50..70 => Self::Replace(number),
            70..85 => Self::Select(number),
            _ => Self::Pause(number),
        }
    }
}

/// An infinite sequence of episodes, determined by the seed.
#[derive(Debug, Clone)]
pub struct Schedule<T> {
    random: Random,
    make: fn(&mut Random) -> T,
}

impl Schedule<Spell> {
    /// Returns the schedule of faults of responses.
    pub fn of_answers(seed: u64) -> Self {
        Self { random: Random::new(seed), make: Spell::random }
    }
}

impl Schedule<Trouble> {
    /// Returns the schedule of faults of a server.
    pub fn of_server(seed: u64) -> Self {
        Self { random: Random::new(seed), make: Trouble::random }
    }
}

impl<T> Schedule<T> {
    fn millis(&mut self, (low, high): (u64, u64)) -> Duration {
        Duration::from_millis(self.random.range(low, high))
    }
}

impl<T> Iterator for Schedule<T> {
    type Item = Episode<T>;

    fn next(&mut self) -> Option<Episode<T>> {
        let calm = self.millis(CALM_MILLIS);
        let trouble = (self.make)(&mut self.random);
        Some(Episode { calm, trouble, lasts: self.millis(LASTS_MILLIS) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_is_a_schedule_with_everything_in_it() {
        let troubles =
            |seed| Schedule::of_server(seed).take(100).map(|it| it.trouble).collect::<Vec<_>>();
        assert_eq!(troubles(1), troubles(1));
        assert_ne!(troubles(1), troubles(2));
        let names: BTreeSet<_> = troubles(1).iter().map(Trouble::name).collect();
        assert_eq!(names, BTreeSet::from(Trouble::NAMES));
        let spells = Schedule::of_answers(1).take(100).map(|it| it.trouble.name());
        assert_eq!(spells.collect::<BTreeSet<_>>(), BTreeSet::from(Spell::NAMES));
    }
}
