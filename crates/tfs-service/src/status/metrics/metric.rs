//! One metric of the text format, and how it is written.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write as _;

use tfs_api::status::{FailureCount, Histogram};

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::status) enum MetricKind {
    /// It only increases, until the next start.
    Counter,
    /// It is the current value.
    Gauge,
    /// It counts durations up to each of a few bounds.
    Histogram,
}

/// A metric of a `T`, such as a server.
#[derive(Debug)]
pub(in crate::status) struct Metric<T: 'static> {
    pub(in crate::status) kind: MetricKind,
    /// The whole name: base units, and `_total` at the end of counters.
    pub(in crate::status) name: &'static str,
    /// A sentence about it.
    pub(in crate::status) help: &'static str,
    /// A label besides those of the `T`.
    pub(in crate::status) label: Option<&'static str>,
    value: fn(&T) -> MetricValue<'_>,
}

/// The value of a metric.
#[derive(Debug)]
pub(in crate::status) enum MetricValue<'a> {
    /// There is none, so the metric has no sample.
    Absent,
    /// A number.
    Count(u64),
    /// A duration or time in microseconds, written in seconds.
    Micros(u128),
    /// Durations.
    Histogram(&'a Histogram),
    /// A number for each reason.
    ByReason(&'a [FailureCount]),
    /// A number for each value of the label.
    ByLabel(Vec<(&'a str, u64)>),
}

/// A `T` and its labels, without braces.
#[derive(Debug)]
pub(in crate::status) struct Labelled<'a, T> {
    pub(in crate::status) labels: String,
    pub(in crate::status) of: &'a T,
}

/// Returns the metric of a value that only increases.
pub(super) const fn counter<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> MetricValue<'_>,
) -> Metric<T> {
    Metric { kind: MetricKind::Counter, name, help, label: None, value }
}

/// Returns the metric of failures by reason.
pub(super) const fn failures<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> MetricValue<'_>,
) -> Metric<T> {
    Metric { kind: MetricKind::Counter, name, help, label: Some("reason"), value }
}

/// Returns the metric of counts by program.
pub(super) const fn by_program<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> MetricValue<'_>,
) -> Metric<T> {
    Metric { kind: MetricKind::Counter, name, help, label: Some("program"), value }
}

/// Returns the metric of a current value.
pub(super) const fn gauge<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> MetricValue<'_>,
) -> Metric<T> {
    Metric { kind: MetricKind::Gauge, name, help, label: None, value }
}

/// Returns the metric of durations.
pub(super) const fn histogram<T>(
    name: &'static str,
    help: &'static str,
    value: fn(&T) -> MetricValue<'_>,
) -> Metric<T> {
    Metric { kind: MetricKind::Histogram, name, help, label: Some("le"), value }
}

impl From<u64> for MetricValue<'_> {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for MetricValue<'_> {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<bool> for MetricValue<'_> {
    fn from(is_so: bool) -> Self {
        Self::Count(u64::from(is_so))
    }
}

impl From<Option<u64>> for MetricValue<'_> {
    fn from(count: Option<u64>) -> Self {
        count.map_or(Self::Absent, Self::Count)
    }
}

/// Writes the samples of all metrics of these, grouped by name: each is described once, and only if
/// it has a sample.
pub(super) fn write<T>(text: &mut String, metrics: &[Metric<T>], all: &[Labelled<'_, T>]) {
    for metric in metrics {
        let mut is_described = false;
        for Labelled { labels, of } in all {
            let value = (metric.value)(of);
            let is_empty = match &value {
                MetricValue::Absent => true,
                MetricValue::ByReason(reasons) => reasons.is_empty(),
                MetricValue::ByLabel(values) => values.is_empty(),
                MetricValue::Count(_) | MetricValue::Micros(_) | MetricValue::Histogram(_) => false,
            };
            if is_empty {
                continue;
            }
            if !is_described {
                metric.describe(text);
                is_described = true;
            }
            metric.write_value(text, labels, &value);
        }
    }
}

impl<T> Metric<T> {
    fn describe(&self, text: &mut String) {
        let Self { kind, name, help, .. } = self;
        // Writing to a string does not fail, here and below.
        _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.name());
    }

    fn write_value(&self, text: &mut String, labels: &str, value: &MetricValue<'_>) {
        let Self { name, label, .. } = self;
        let more = |value: &str| label.map(|name| self::label(name, value)).unwrap_or_default();
        match value {
            MetricValue::Absent => {}
            MetricValue::Count(count) => _ = writeln!(text, "{name}{} {count}", braces(labels, "")),
            MetricValue::Micros(micros) => {
                _ = writeln!(text, "{name}{} {}", braces(labels, ""), seconds(*micros));
            }
            MetricValue::ByReason(reasons) => {
                for FailureCount { reason, count } in *reasons {
                    _ = writeln!(text, "{name}{} {count}", braces(labels, &more(reason)));
                }
            }
            MetricValue::ByLabel(values) => {
                for (value, count) in values {
                    _ = writeln!(text, "{name}{} {count}", braces(labels, &more(value)));
                }
            }
            MetricValue::Histogram(histogram) => {
                // Cumulative buckets. A histogram without bounds, as of a part that has not
                // started, has the last bucket only.
                let Histogram { bounds_micros, counts, sum_micros } = histogram;
                let mut count = 0_u64;
                for (bound, more_count) in bounds_micros.iter().zip(counts) {
                    count += more_count;
                    let bound = more(&seconds(u128::from(*bound)));
                    _ = writeln!(text, "{name}_bucket{} {count}", braces(labels, &bound));
                }
                let all = histogram.count();
                _ = writeln!(text, "{name}_bucket{} {all}", braces(labels, &more("+Inf")));
                let labels = braces(labels, "");
                let sum = seconds(u128::from(*sum_micros));
                _ = write!(text, "{name}_sum{labels} {sum}\n{name}_count{labels} {all}\n");
            }
        }
    }
}

impl MetricKind {
    /// Returns its name in the format.
    pub(in crate::status) const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Returns a number of seconds as a decimal, exactly.
fn seconds(micros: u128) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    format!("{whole}.{rest:06}").trim_end_matches('0').to_owned()
}

/// Joins labels as the end of a name.
fn braces(labels: &str, more: &str) -> String {
    match (labels.is_empty(), more.is_empty()) {
        (true, true) => String::new(),
        (false, false) => format!("{{{labels},{more}}}"),
        (true, false) | (false, true) => format!("{{{labels}{more}}}"),
    }
}

/// Formats labels without braces.
pub(super) fn labels(all: &[(&str, &str)]) -> String {
    let labels: Vec<_> = all.iter().map(|(name, value)| label(name, value)).collect();
    labels.join(",")
}

fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_kind_of_value_has_its_form() {
        struct Thing {
            histogram: Histogram,
            failures: Vec<FailureCount>,
        }
        const METRICS: [Metric<Thing>; 5] = [
            counter("t_a_total", "A.", |_| 7_u64.into()),
            gauge("t_b_seconds", "B.", |_| MetricValue::Micros(1_500_000)),
            gauge("t_none", "None.", |_| None.into()),
            histogram("t_c_seconds", "C.", |thing| MetricValue::Histogram(&thing.histogram)),
            failures("t_d_total", "D.", |thing| MetricValue::ByReason(&thing.failures)),
        ];
        let full = Thing {
            histogram: Histogram {
                bounds_micros: vec![100, 25_000, 60_000_000],
                counts: vec![1, 2, 0, 4],
                sum_micros: 250_000_001,
            },
            failures: ["timed_out", "removed"]
                .map(|reason| FailureCount { reason: reason.to_owned(), count: 3 })
                .to_vec(),
        };
        let empty = Thing { histogram: Histogram::default(), failures: Vec::new() };
        let full = Labelled { labels: labels(&[("m", "a\\b\"c\nd")]), of: &full };
        let empty = Labelled { labels: String::new(), of: &empty };
        let mut text = String::new();
        write(&mut text, &METRICS, &[full, empty]);
        expect![[r#"
            # HELP t_a_total A.
            # TYPE t_a_total counter
            t_a_total{m="a\\b\"c\nd"} 7
            t_a_total 7
            # HELP t_b_seconds B.
            # TYPE t_b_seconds gauge
            t_b_seconds{m="a\\b\"c\nd"} 1.5
            t_b_seconds 1.5
            # HELP t_c_seconds C.
            # TYPE t_c_seconds histogram
            t_c_seconds_bucket{m="a\\b\"c\nd",le="0.0001"} 1
            t_c_seconds_bucket{m="a\\b\"c\nd",le="0.025"} 3
            t_c_seconds_bucket{m="a\\b\"c\nd",le="60"} 3
            t_c_seconds_bucket{m="a\\b\"c\nd",le="+Inf"} 7
            t_c_seconds_sum{m="a\\b\"c\nd"} 250.000001
            t_c_seconds_count{m="a\\b\"c\nd"} 7
            t_c_seconds_bucket{le="+Inf"} 0
            t_c_seconds_sum 0
            t_c_seconds_count 0
            # HELP t_d_total D.
            # TYPE t_d_total counter
            t_d_total{m="a\\b\"c\nd",reason="timed_out"} 3
            t_d_total{m="a\\b\"c\nd",reason="removed"} 3
        "#]]
        .assert_eq(&text);
    }
}
