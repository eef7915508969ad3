//! Goals: bounds of a series, or of the ratio between two.

use super::samples::SampleSet;
use super::ways::{BTFS, CEILING, HTTP, LOCAL, ONE_REQUEST, PASSTHROUGH, PLAIN, RANGES, RCLONE};
use super::{cost, curl, film, missing, poll, random, readers, sequential, traced, walk};

/// The name of a series: the work, and the way.
type SeriesName = (String, &'static str);

/// The goal for a series.
#[derive(Debug)]
pub(crate) struct Goal {
    /// The comparison that measures it.
    pub(crate) group: &'static str,
    /// The topic, in the words of a user.
    pub(crate) title: &'static str,
    pub(crate) of: SeriesName,
    /// The series to compare with, if the figure is a ratio.
    pub(crate) to: Option<SeriesName>,
    pub(crate) bound: GoalBound,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum GoalBound {
    AtLeast(f64),
    AtMost(f64),
    /// No bound; the figure is only reported.
    Nothing,
}

impl GoalBound {
    pub(crate) fn is_met(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(figure >= least),
            Self::AtMost(most) => Some(figure <= most),
            Self::Nothing => None,
        }
    }
}

impl Goal {
    /// Returns the median of the series, or of the ratios, if it was measured.
    pub(crate) fn figure(&self, samples: &SampleSet) -> Option<f64> {
        let of = samples.find(&self.of.0, self.of.1)?;
        match &self.to {
            None => of.median(),
            Some(to) => of.ratio_to(samples.find(&to.0, to.1)?),
        }
    }

    /// Returns why it was not measured, if that is known.
    pub(crate) fn reason(&self, samples: &SampleSet) -> Option<String> {
        let names = std::iter::once(&self.of).chain(&self.to);
        names.into_iter().find_map(|(what, way)| samples.reason(what, way))
    }

    /// Returns the unit of a figure that is no ratio.
    pub(crate) fn unit<'a>(&self, samples: &'a SampleSet) -> &'a str {
        let of = samples.find(&self.of.0, self.of.1).filter(|_| self.to.is_none());
        of.map_or("", |of| &of.unit)
    }
}

/// Returns all goals.
pub(crate) fn goals() -> Vec<Goal> {
    let mut goals = files();
    goals.extend(in_order());
    goals.extend(at_random());
    goals.extend(many_readers());
    goals.extend(servers());
    goals.extend(programs());
    goals
}

/// Goals for files that can be read without HTTP.
fn files() -> Vec<Goal> {
    const SPEED: &str = "Finished file, passthrough: speed in order";
    const RATE: &str = "Finished file, passthrough: random 4 KiB";
    const PARTS: &str = "Finished file, local reads";
    let plain = |group, title, what| {
        ratio(group, title, (what, PASSTHROUGH), (what, PLAIN), GoalBound::AtLeast(0.95))
    };
    let ceiling =
        |group, what| ratio(group, PARTS, (what, LOCAL), (what, CEILING), GoalBound::AtLeast(0.9));
    vec![
        plain(sequential::GROUP, SPEED, sequential::DISK),
        plain(sequential::GROUP, SPEED, sequential::AGAIN),
        plain(random::GROUP, RATE, random::DISK),
        plain(random::GROUP, RATE, random::AGAIN),
        ceiling(sequential::GROUP, sequential::ONE),
        ceiling(random::GROUP, random::LOADS[0].what),
        ceiling(random::GROUP, random::LOADS[2].what),
    ]
}

/// Goals for reads in order over HTTP.
fn in_order() -> Vec<Goal> {
    const ORDER: &str = "Over HTTP, in order";
    const COSTS: &str = "Over HTTP, in order: what it costs";
    let one = sequential::ONE;
    let goal = |of, to, bound| ratio(sequential::GROUP, ORDER, of, to, bound);
    let cost = |what: &str, most| Goal {
        group: sequential::GROUP,
        title: COSTS,
        of: (what.to_owned(), HTTP),
        to: None,
        bound: GoalBound::AtMost(most),
    };
    vec![
        goal((one, HTTP), (one, curl::NAME), GoalBound::AtLeast(0.85)),
        goal((one, HTTP), (one, ONE_REQUEST), GoalBound::Nothing),
        goal((one, RCLONE), (one, curl::NAME), GoalBound::Nothing),
        goal((sequential::FOUR, HTTP), (one, HTTP), GoalBound::AtLeast(1.0)),
        ratio(
            sequential::GROUP,
            COSTS,
            (cost::PROCESSOR, HTTP),
            (cost::PROCESSOR, RCLONE),
            GoalBound::AtMost(0.2),
        ),
        cost(traced::SYSTEM_CALLS, 5000.0),
        cost(cost::SWITCHES, 2500.0),
        cost(cost::FAULTS, 1000.0),
    ]
}

/// Goals for random reads over HTTP.
fn at_random() -> Vec<Goal> {
    const RANDOM: &str = "Over HTTP, at random";
    let [small, small_8, large, large_8] = random::LOADS.map(|load| load.what);
    let goal = |of, to, least| ratio(random::GROUP, RANDOM, of, to, GoalBound::AtLeast(least));
    vec![
        goal((small, HTTP), (small, RANGES), 0.7),
        goal((large, HTTP), (large, RANGES), 0.55),
        goal((small_8, HTTP), (small, HTTP), 1.0),
        goal((large_8, HTTP), (large, HTTP), 1.0),
    ]
}

/// Goals for more readers than streams.
fn many_readers() -> Vec<Goal> {
    const SHARE: &str = "More readers than streams, of what 4 get";
    const LINE: &str = "More readers than streams, of what the line gives";
    let [few, more @ ..] = readers::COUNTS;
    let mut goals = Vec::new();
    for line in &readers::LINES {
        let four = readers::what(line, few);
        for count in more {
            let what = readers::what(line, count);
            goals.push(share(SHARE, &what, (&four, HTTP), 0.95));
            if line.has_round_trip() {
                goals.push(share(LINE, &what, (&what, ONE_REQUEST), 0.9));
            }
        }
    }
    goals
}

fn share(title: &'static str, of: &str, to: (&str, &'static str), least: f64) -> Goal {
    ratio(readers::GROUP, title, (of, HTTP), to, GoalBound::AtLeast(least))
}

/// Goals for what a server is asked for.
fn servers() -> Vec<Goal> {
    const FIRST: &str = "First byte of a missing piece";
    let first = |to| {
        let (of, to) = ((missing::WHAT, HTTP), (missing::WHAT, to));
        ratio(missing::GROUP, FIRST, of, to, GoalBound::AtMost(1.0))
    };
    let idle = |way, most| Goal {
        group: poll::GROUP,
        title: "An idle mount",
        of: (poll::WHAT.to_owned(), way),
        to: None,
        bound: GoalBound::AtMost(most),
    };
    vec![first(missing::RQBIT), first(BTFS), idle(poll::HERE, 1.9), idle(poll::ELSEWHERE, 0.2)]
}

/// Goals for everyday programs.
fn programs() -> Vec<Goal> {
    const WALK: &str = "100,000 files";
    let (cold, warm) = (walk::cold(walk::WALKS[0]), walk::warm(walk::WALKS[0]));
    let film = |what| {
        let (of, to) = ((what, HTTP), (what, film::DIRECT));
        ratio(film::GROUP, "A film over HTTP", of, to, GoalBound::Nothing)
    };
    let walk = |of, to, most| ratio(walk::GROUP, WALK, of, to, GoalBound::AtMost(most));
    vec![
        walk((&cold, walk::TFS), (&cold, CEILING), 1.3),
        walk((&warm, walk::TFS), (&warm, walk::TMPFS), 1.5),
        film(film::FRAME),
        film(film::SEEKS),
        film(film::COPY),
    ]
}

fn ratio(
    group: &'static str,
    title: &'static str,
    of: (&str, &'static str),
    to: (&str, &'static str),
    bound: GoalBound,
) -> Goal {
    let [of, to] = [of, to].map(|(what, way)| (what.to_owned(), way));
    Goal { group, title, of, to: Some(to), bound }
}
