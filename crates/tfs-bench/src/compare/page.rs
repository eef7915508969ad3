//! The result tables, and their place in a page.

use std::fs;
use std::path::Path;

use super::goals::{Goal, GoalBound, goals};
use super::machine;
use super::samples::{SampleSet, Series};

/// The tables replace the text between these markers.
const BEGIN: &str = "<!-- begin of what `cargo xtask bench` writes -->";
const END: &str = "<!-- end of what `cargo xtask bench` writes -->";

/// The samples of a comparison.
#[derive(Debug)]
pub(crate) struct PageSection {
    /// Its name.
    pub(crate) group: &'static str,
    pub(crate) title: &'static str,
    pub(crate) samples: SampleSet,
}

/// Returns all tables in Markdown.
pub(crate) fn render(sections: &[PageSection], rounds: usize) -> String {
    let mut parts = vec![machine::describe(), format!("Medians of {rounds} rounds.")];
    parts.push(format!("### Goals\n\n{}", goals_table(sections)));
    parts.extend(sections.iter().map(|PageSection { title, samples, .. }| {
        let tables = units(samples);
        format!("### {title}\n\n{tables}")
    }));
    parts.join("\n\n")
}

/// Replaces the tables of a page.
pub(crate) fn replace(path: &Path, tables: &str) -> Result<(), String> {
    let (before, after) = around(path)?;
    fs::write(path, format!("{before}{BEGIN}\n\n{tables}\n\n{END}{after}"))
        .map_err(|error| error.to_string())
}

/// Returns the text before and after the tables of a page, or why it has no place for them.
pub(crate) fn around(path: &Path) -> Result<(String, String), String> {
    let page = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let split = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before.to_owned(), after.to_owned()))
    });
    split.ok_or(format!("there is no `{BEGIN}` and `{END}` in it"))
}

/// Returns a table of the goals of these comparisons.
fn goals_table(sections: &[PageSection]) -> String {
    let mut lines =
        vec!["| | figure | goal | reached |".to_owned(), "|---|---|---|---|".to_owned()];
    for goal in goals() {
        let Some(section) = sections.iter().find(|section| section.group == goal.group) else {
            continue;
        };
        let Goal { title, of, to, bound, .. } = &goal;
        let compared = match to {
            None => String::new(),
            Some(to) if of.0 == to.0 => format!(" to {}", to.1),
            Some(to) => format!(" to {}, {}", to.1, to.0),
        };
        let wanted = match bound {
            GoalBound::AtLeast(least) => format!("≥ {least}"),
            GoalBound::AtMost(most) => format!("≤ {most}"),
            GoalBound::Nothing => String::new(),
        };
        let reached = reached(&goal, &section.samples);
        lines.push(format!("| {title} | {}: {}{compared} | {wanted} | {reached} |", of.0, of.1));
    }
    lines.join("\n")
}

/// Returns the figure of a goal and whether it is reached, or why there is no figure.
fn reached(goal: &Goal, samples: &SampleSet) -> String {
    let Some(figure) = goal.figure(samples) else {
        let reason = goal.reason(samples);
        return reason.map_or("not measured".to_owned(), |reason| format!("skipped: {reason}"));
    };
    let verdict = match goal.bound.is_met(figure) {
        Some(true) => ", yes",
        Some(false) => ", **no**",
        None => "",
    };
    let said = format!("{} {}", number(figure), goal.unit(samples));
    format!("{}{verdict}", said.trim_end())
}

/// Returns a table of the measurements. The first filesystem of each is the one to compare with.
fn units(samples: &SampleSet) -> String {
    let mut lines = vec![
        "| what | way | median | from, to | to the first |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    let mut whats: Vec<&str> = Vec::new();
    for series in &samples.0 {
        if !whats.contains(&series.what.as_str()) {
            whats.push(&series.what);
        }
    }
    for what in whats {
        let all: Vec<_> = samples.0.iter().filter(|series| series.what == what).collect();
        let base = all.iter().find(|series| series.note.is_none());
        lines.extend(all.iter().map(|series| line(series, base)));
    }
    lines.join("\n")
}

fn line(series: &Series, base: Option<&&Series>) -> String {
    let Series { what, way, unit, values, note } = series;
    if let Some(note) = note {
        return format!("| {what} | {way} | {note} | | |");
    }
    let median = series.median().map(number).unwrap_or_default();
    let min = values.iter().copied().min_by(f64::total_cmp).map(number).unwrap_or_default();
    let max = values.iter().copied().max_by(f64::total_cmp).map(number).unwrap_or_default();
    let ratio = base.and_then(|base| series.ratio_to(base)).map(number).unwrap_or_default();
    format!("| {what} | {way} | {median} {unit} | {min}, {max} | {ratio} |")
}

/// Formats a number with about three digits.
fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 0.1 => format!("{value:.2}"),
        value => format!("{value:.4}"),
    }
}
