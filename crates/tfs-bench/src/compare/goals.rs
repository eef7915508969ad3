//! Goals: ratios between two series.

use super::samples::SampleSet;
use super::ways::{BTFS, CEILING, HTTP, LOCAL, PASSTHROUGH, PLAIN, RCLONE};
use super::{curl, film, missing, random, ranges, sequential, walk};

/// The goal for the ratio of one series to another.
#[derive(Debug)]
pub(crate) struct Goal {
    /// The topic, in the words of a user.
    pub(crate) title: &'static str,
    /// The measured series: the work, and the filesystem.
    pub(crate) of: (String, &'static str),
    /// The series to compare with.
    pub(crate) to: (String, &'static str),
    pub(crate) bound: GoalBound,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum GoalBound {
    AtLeast(f64),
    AtMost(f64),
    /// No bound; the ratio is only reported.
    Nothing,
}

impl GoalBound {
    pub(crate) fn is_met(self, ratio: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(ratio >= least),
            Self::AtMost(most) => Some(ratio <= most),
            Self::Nothing => None,
        }
    }
}

impl Goal {
    /// Returns the measured ratio, if both series exist.
    pub(crate) fn ratio(&self, samples: &SampleSet) -> Option<f64> {
        let of = samples.find(&self.of.0, self.of.1)?;
        of.ratio_to(samples.find(&self.to.0, self.to.1)?)
    }
}

/// Returns all goals.
pub(crate) fn goals() -> Vec<Goal> {
    let mut goals = files();
    goals.extend(http());
    goals.extend(programs());
    goals
}

/// Goals for files that can be read without HTTP.
fn files() -> Vec<Goal> {
    const SPEED: &str = "Finished file, passthrough: speed in order";
    const RATE: &str = "Finished file, passthrough: random 4 KiB";
    const PARTS: &str = "Finished file, local reads";
    let plain =
        |title, what| goal(title, (what, PASSTHROUGH), (what, PLAIN), GoalBound::AtLeast(0.95));
    let ceiling = |what| goal(PARTS, (what, LOCAL), (what, CEILING), GoalBound::AtLeast(0.9));
    vec![
        plain(SPEED, sequential::DISK),
        plain(SPEED, sequential::AGAIN),
        plain(RATE, random::DISK),
        plain(RATE, random::AGAIN),
        ceiling(sequential::ONE),
        ceiling(random::LOADS[0].what),
        ceiling(random::LOADS[2].what),
    ]
}

/// Goals for reads over HTTP.
fn http() -> Vec<Goal> {
    const ORDER: &str = "Over HTTP, in order";
    const RANDOM: &str = "Over HTTP, at random";
    let [small, small_8, large, large_8] = random::LOADS.map(|load| load.what);
    let ranges = |what| goal(RANDOM, (what, HTTP), (what, ranges::NAME), GoalBound::AtLeast(0.7));
    let more = |what, than| goal(RANDOM, (what, HTTP), (than, HTTP), GoalBound::AtLeast(1.0));
    let one = sequential::ONE;
    vec![
        goal(ORDER, (one, HTTP), (one, curl::NAME), GoalBound::AtLeast(0.75)),
        goal(ORDER, (one, RCLONE), (one, curl::NAME), GoalBound::Nothing),
        goal(ORDER, (sequential::FOUR, HTTP), (one, HTTP), GoalBound::AtLeast(1.0)),
        ranges(small),
        ranges(large),
        more(small_8, small),
        more(large_8, large),
        goal(
            "Over HTTP, processor time",
            (sequential::PROCESSOR, HTTP),
            (sequential::PROCESSOR, RCLONE),
            GoalBound::AtMost(0.5),
        ),
        goal(
            "First byte of a missing piece",
            (missing::WHAT, HTTP),
            (missing::WHAT, BTFS),
            GoalBound::AtMost(1.0),
        ),
    ]
}

/// Goals for everyday programs.
fn programs() -> Vec<Goal> {
    const WALK: &str = "100,000 files";
    let (cold, warm) = (walk::cold(walk::WALKS[0]), walk::warm(walk::WALKS[0]));
    let film =
        |what| goal("A film over HTTP", (what, HTTP), (what, film::DIRECT), GoalBound::Nothing);
    vec![
        goal(WALK, (&cold, walk::TFS), (&cold, CEILING), GoalBound::AtMost(1.3)),
        goal(WALK, (&warm, walk::TFS), (&warm, walk::TMPFS), GoalBound::AtMost(1.5)),
        film(film::FRAME),
        film(film::SEEKS),
        film(film::COPY),
    ]
}

fn goal(
    title: &'static str,
    of: (&str, &'static str),
    to: (&str, &'static str),
    bound: GoalBound,
) -> Goal {
    Goal { title, of: (of.0.to_owned(), of.1), to: (to.0.to_owned(), to.1), bound }
}
