//! Figures: measurements of a scenario, their goals, and their format.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// The file with the figures of a scenario, in its directory.
pub(crate) const FILE: &str = "figures";

/// The goal for a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Want {
    AtMost(f64),
    AtLeast(f64),
    /// No goal; the figure is for comparison.
    Nothing,
}

impl Want {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(max) => value <= max,
            Self::AtLeast(min) => value >= min,
            Self::Nothing => true,
        }
    }
}

/// Records the figures of one scenario immediately: a killed scenario leaves those it had.
#[derive(Debug)]
pub(crate) struct FigureReport {
    scenario: &'static str,
    file: File,
    /// How long a trial lasts, in scenarios that last as long as one wants.
    pub(crate) trial_time: Duration,
}

impl FigureReport {
    pub(crate) fn new(scenario: &'static str, dir: &Path) -> Self {
        let file = File::create(dir.join(FILE)).unwrap();
        Self { scenario, file, trial_time: Duration::ZERO }
    }

    /// Prints the current step.
    pub(crate) fn step(&self, text: &str) {
        println!("{}: {text} ...", self.scenario);
    }

    pub(crate) fn figure(&mut self, figure: &str, value: f64, unit: &str, want: Want) {
        let said = format!("{} {unit}", Number(value));
        let said = said.trim_end();
        let wanted = match want {
            Want::AtMost(max) => format!("<= {}", Number(max)),
            Want::AtLeast(min) => format!(">= {}", Number(min)),
            Want::Nothing => String::new(),
        };
        let verdict = match want {
            Want::Nothing => "",
            Want::AtMost(_) | Want::AtLeast(_) if want.is_met(value) => PASSED,
            Want::AtMost(_) | Want::AtLeast(_) => FAILED,
        };
        let judged = match want {
            Want::Nothing => String::new(),
            Want::AtMost(_) | Want::AtLeast(_) => format!(" (want {wanted}) {verdict}"),
        };
        println!("{}: {figure}: {said}{judged}", self.scenario);
        writeln!(self.file, "{figure}\t{said}\t{wanted}\t{verdict}").unwrap();
    }

    pub(crate) fn time(&mut self, figure: &str, time: Duration, want: Want) {
        self.figure(figure, time.as_secs_f64(), "s", want);
    }

    pub(crate) fn millis(&mut self, figure: &str, time: Duration, want: Want) {
        self.figure(figure, time.as_secs_f64() * 1000.0, "ms", want);
    }

    /// Records how many of `all` are right; the goal is all of them.
    pub(crate) fn all(&mut self, figure: &str, right: usize, all: usize) {
        let unit = format!("of {all}");
        self.figure(figure, count(right), &unit, Want::AtLeast(count(all)));
    }
}

const PASSED: &str = "passed";
const FAILED: &str = "failed";

/// One row of the table.
#[derive(Debug)]
pub(crate) struct FigureRow {
    scenario: &'static str,
    figure: String,
    value: String,
    want: String,
    verdict: String,
}

impl FigureRow {
    /// Parses a line of [`FILE`].
    pub(crate) fn parse(scenario: &'static str, line: &str) -> Option<Self> {
        let mut fields = line.split('\t').map(str::to_owned);
        let (figure, value) = (fields.next()?, fields.next()?);
        Some(Self { scenario, figure, value, want: fields.next()?, verdict: fields.next()? })
    }

    /// Returns the row for a scenario that did not finish.
    pub(crate) fn failed(scenario: &'static str, reason: &str) -> Self {
        let (figure, verdict) = ("comes to its end".to_owned(), FAILED.to_owned());
        Self { scenario, figure, value: reason.to_owned(), want: String::new(), verdict }
    }

    pub(crate) fn is_missed(&self) -> bool {
        self.verdict == FAILED
    }
}

/// Returns a table in Markdown.
pub(crate) fn table(rows: &[FigureRow]) -> String {
    let mut lines = vec![
        "| scenario | figure | value | want | verdict |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(|row| {
        let FigureRow { scenario, figure, value, want, verdict } = row;
        format!("| {scenario} | {figure} | {value} | {want} | {verdict} |")
    }));
    lines.join("\n")
}

/// A number with about three digits.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value.fract() == 0.0 || value.abs() >= 100.0 => write!(f, "{value:.0}"),
            value if value.abs() >= 10.0 => write!(f, "{value:.1}"),
            value if value.abs() < 1.0 => write!(f, "{value:.3}"),
            value => write!(f, "{value:.2}"),
        }
    }
}

/// Returns a count as a figure.
pub(crate) fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// Returns bytes in MB.
pub(crate) fn megabytes(bytes: u64) -> f64 {
    Duration::from_micros(bytes).as_secs_f64()
}
