//! Samples of measurements, one line each, so that a killed child leaves those it had.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::timing::percentile;

/// The file with the samples, in the directory of the child.
pub(crate) const FILE: &str = "samples";

/// The unit in a line with the reason why there are no samples.
const NOTE: &str = "!";

/// Records samples as they are measured.
#[derive(Debug)]
pub(crate) struct SampleRecorder {
    file: File,
}

/// The samples of one work on one filesystem.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) what: String,
    pub(crate) way: String,
    pub(crate) unit: String,
    /// In the order of the rounds.
    pub(crate) values: Vec<f64>,
    /// The reason why there are none.
    pub(crate) note: Option<String>,
}

/// All samples, in the order in which they were first seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct SampleSet(pub(crate) Vec<Series>);

impl SampleRecorder {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { file: File::create(dir.join(FILE)).unwrap() }
    }

    /// Records the sample of one round.
    pub(crate) fn add(&mut self, what: &str, way: &str, unit: &str, value: f64) {
        println!("  {what}: {way}: {value:.4} {unit}");
        writeln!(self.file, "{what}\t{way}\t{unit}\t{value}").unwrap();
    }

    /// Records why there are no samples, once in all rounds.
    pub(crate) fn note(&mut self, what: &str, way: &str, note: &str) {
        println!("  {what}: {way}: {note}");
        writeln!(self.file, "{what}\t{way}\t{NOTE}\t{note}").unwrap();
    }
}

impl SampleSet {
    /// Parses [`FILE`]; an incomplete line is skipped.
    pub(crate) fn parse(text: &str) -> Self {
        let mut samples = Self::default();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [what, way, unit, value] = fields[..] else { continue };
            let series = samples.series_of(what, way);
            if unit == NOTE {
                series.note = Some(value.to_owned());
            } else if let Ok(value) = value.parse() {
                unit.clone_into(&mut series.unit);
                series.values.push(value);
            }
        }
        samples
    }

    pub(crate) fn find(&self, what: &str, way: &str) -> Option<&Series> {
        self.0.iter().find(|series| series.what == what && series.way == way)
    }

    /// Returns why a series has no samples: its own note, or that of a way without any samples.
    pub(crate) fn reason(&self, what: &str, way: &str) -> Option<String> {
        if self.find(what, way).is_some_and(|series| !series.values.is_empty()) {
            return None;
        }
        let own = self.find(what, way).and_then(|series| series.note.clone());
        own.or_else(|| {
            let all: Vec<_> = self.0.iter().filter(|series| series.way == way).collect();
            let is_absent = all.iter().all(|series| series.values.is_empty());
            all.iter().filter(|_| is_absent).find_map(|series| series.note.clone())
        })
    }

    fn series_of(&mut self, what: &str, way: &str) -> &mut Series {
        let known = self.0.iter().position(|series| series.what == what && series.way == way);
        let idx = known.unwrap_or_else(|| {
            self.0.push(Series {
                what: what.to_owned(),
                way: way.to_owned(),
                unit: String::new(),
                values: Vec::new(),
                note: None,
            });
            self.0.len() - 1
        });
        &mut self.0[idx]
    }
}

impl Series {
    pub(crate) fn median(&self) -> Option<f64> {
        median(self.values.clone())
    }

    /// Returns the median of the ratios to another series, round by round.
    pub(crate) fn ratio_to(&self, base: &Self) -> Option<f64> {
        let pairs = self.values.iter().zip(&base.values);
        median(pairs.map(|(value, base)| value / base).collect())
    }
}

/// Returns the median, the lower one of two.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| percentile(&values, 50))
}
