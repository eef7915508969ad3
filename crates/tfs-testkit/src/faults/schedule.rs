//! Seeded sequences of troubles.

use std::time::Duration;

use super::fault::{Kind, Target};
use super::plan::Weather;
use crate::random::Random;

/// How long nothing new happens before a trouble begins.
const CALM_MILLIS: (u64, u64) = (500, 3000);

/// How long it lasts: shorter and longer than what tfs bears without an error.
const LASTS_MILLIS: (u64, u64) = (500, 6000);

/// How many of a hundred answers a weather spoils.
const SPOILED_PERCENT: (u64, u64) = (5, 60);

/// Something that goes wrong for a while.
#[derive(Debug, Clone)]
pub struct Episode<T> {
    /// How long to wait before it.
    pub calm: Duration,
    /// What it is.
    pub trouble: T,
    /// How long it lasts.
    pub lasts: Duration,
}

/// What can go wrong with answers: what a [`FaultProxy`](super::FaultProxy) does.
#[derive(Debug, Clone)]
pub enum Spell {
    /// Some are spoiled in many ways.
    Weather(Weather),
    /// All of a target are this status.
    Errors(Target, u16),
}

/// What can go wrong with a server. The number stands for a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is killed, and started again at the end.
    Kill,
    /// It is stopped (SIGSTOP), and goes on at the end.
    Stop,
    /// A torrent is removed, and added again at the end.
    Forget(u64),
    /// A torrent is deleted with all that was downloaded of it, and a new one comes in its place.
    Replace(u64),
    /// Other files of a torrent are to be downloaded.
    Select(u64),
    /// A torrent is paused, and started at the end.
    Pause(u64),
}

impl Spell {
    /// All names for counts.
    pub const NAMES: [&'static str; 2] = ["spells of spoiled answers", "bursts of 5xx"];

    /// Returns its name for counts.
    pub const fn name(&self) -> &'static str {
        let [weather, errors] = Self::NAMES;
        match self {
            Self::Weather(_) => weather,
            Self::Errors(..) => errors,
        }
    }

    fn random(random: &mut Random) -> Self {
        let targets = [Target::Streams, Target::Streams, Target::Calls, Target::All];
        let target = random.pick(&targets).copied().unwrap_or(Target::All);
        if random.chance(20) {
            return Self::Errors(target, 503);
        }
        let (low, high) = SPOILED_PERCENT;
        let percent = random.range(low, high);
        Self::Weather(Weather::new(random.number(), target, percent, &Kind::ALL))
    }
}

impl Trouble {
    /// All names for counts.
    pub const NAMES: [&'static str; 6] = [
        "servers killed",
        "servers stopped",
        "torrents forgotten",
        "torrents replaced",
        "selections changed",
        "torrents paused",
    ];

    /// Returns its name for counts.
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

/// An endless sequence of episodes, the same for the same seed.
#[derive(Debug, Clone)]
pub struct Schedule<T> {
    random: Random,
    make: fn(&mut Random) -> T,
}

impl Schedule<Spell> {
    /// Returns what a seed does to answers.
    pub fn of_answers(seed: u64) -> Self {
        Self { random: Random::new(seed), make: Spell::random }
    }
}

impl Schedule<Trouble> {
    /// Returns what a seed does to a server.
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
