//! The assignment of faults to responses.

use std::collections::{BTreeMap, VecDeque};

use super::fault::{Fault, FaultKind, Target};
use crate::random::Random;

/// Random faults, by a seed.
#[derive(Debug, Clone)]
pub struct Weather {
    random: Random,
    target: Target,
    percent: u64,
    kinds: Vec<FaultKind>,
}

impl Weather {
    /// Returns a weather that damages `percent` of the responses of a target in one of these ways.
    /// The same seed makes the same decisions for the same sequence of responses.
    pub fn new(seed: u64, target: Target, percent: u64, kinds: &[FaultKind]) -> Self {
        Self { random: Random::new(seed), target, percent, kinds: kinds.to_vec() }
    }

    fn fault(&mut self, path: &str) -> Option<Fault> {
        if !self.target.has(path) || !self.random.chance(self.percent) {
            return None;
        }
        let kind = *self.random.pick(&self.kinds)?;
        Some(kind.random(&mut self.random))
    }
}

/// The pending faults, and those that occurred.
#[derive(Debug, Default)]
pub(super) struct FaultPlan {
    once: VecDeque<(Target, Fault)>,
    /// At most one for each target.
    always: Vec<(Target, Fault)>,
    weather: Option<Weather>,
    done: BTreeMap<FaultKind, u64>,
}

impl FaultPlan {
    pub(super) fn once(&mut self, target: Target, fault: Fault) {
        self.once.push_back((target, fault));
    }

    pub(super) fn always(&mut self, target: Target, fault: Fault) {
        self.heal(&target);
        self.always.push((target, fault));
    }

    pub(super) fn heal(&mut self, target: &Target) {
        self.always.retain(|(other, _)| other != target);
    }

    pub(super) fn set_weather(&mut self, weather: Weather) {
        self.weather = Some(weather);
    }

    pub(super) fn clear(&mut self) {
        self.once.clear();
        self.always.clear();
        self.weather = None;
    }

    /// Returns the fault for the response to this path, if there is one.
    pub(super) fn fault(&mut self, path: &str) -> Option<Fault> {
        if let Some(idx) = self.once.iter().position(|(target, _)| target.has(path)) {
            return self.once.remove(idx).map(|(_, fault)| fault);
        }
        match self.always.iter().rfind(|(target, _)| target.has(path)) {
            Some((_, fault)) => Some(fault.clone()),
            None => self.weather.as_mut().and_then(|weather| weather.fault(path)),
        }
    }

    /// Counts a fault that a client can see.
    pub(super) fn on_done(&mut self, fault: &Fault) {
        *self.done.entry(fault.kind()).or_default() += 1;
    }

    pub(super) fn done(&self) -> &BTreeMap<FaultKind, u64> {
        &self.done
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Cut;
    use super::*;

    const STREAM: &str = "/torrents/a/stream/0";
    const LIST: &str = "/torrents";

    #[test]
    fn a_command_comes_before_the_weather() {
        let mut plan = FaultPlan::default();
        assert_eq!(plan.fault(STREAM), None);
        plan.set_weather(Weather::new(1, Target::Streams, 100, &[FaultKind::Reset]));
        plan.always(Target::Calls, Fault::Status(503, ""));
        plan.once(Target::Streams, Fault::Truncate(Cut::Body(1)));
        plan.once(Target::All, Fault::Truncate(Cut::Body(2)));
        assert_eq!(plan.fault(LIST), Some(Fault::Truncate(Cut::Body(2))));
        assert_eq!(plan.fault(LIST), Some(Fault::Status(503, "")));
        assert_eq!(plan.fault(STREAM), Some(Fault::Truncate(Cut::Body(1))));
        assert_eq!(plan.fault(STREAM).map(|fault| fault.kind()), Some(FaultKind::Reset));
        plan.always(Target::Path(STREAM.to_owned()), Fault::Stall(Cut::Head));
        assert_eq!(plan.fault(STREAM), Some(Fault::Stall(Cut::Head)));
        plan.heal(&Target::Path(STREAM.to_owned()));
        assert_eq!(plan.fault(STREAM).map(|fault| fault.kind()), Some(FaultKind::Reset));
        plan.clear();
        assert_eq!((plan.fault(STREAM), plan.fault(LIST)), (None, None));
    }

    #[test]
    fn weather_is_as_its_seed_is() {
        let faults = |seed| {
            let mut weather = Weather::new(seed, Target::All, 30, &FaultKind::RANDOM);
            (0..100).map(|_| weather.fault(STREAM)).collect::<Vec<_>>()
        };
        assert_eq!(faults(1), faults(1));
        assert_ne!(faults(1), faults(2));
        let spoiled = faults(1).iter().flatten().count();
        assert!((10..50).contains(&spoiled), "{spoiled}");
    }
}
