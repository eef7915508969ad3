//! Runs scenarios, each in its own process, and prints a summary.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tfs_testkit::isolate;

use crate::figures::{FILE, FigureReport, FigureRow, table};
use crate::{
    arranged, binary, failover, fronts, hostile, memory, middle, ondemand, opens, restart, scale,
    scan, search, shared, start, stuck, trap,
};

/// The argument before the names.
pub(crate) const MARK: &str = "--scenario";

/// The option with the time of each trial, for scenarios that last as long as one wants.
const MINUTES: &str = "--minutes=";

const MINUTES_DEFAULT: &str = "--minutes=10";

/// The name that selects all of them.
const ALL: &str = "all";

/// One scenario.
struct Scenario {
    name: &'static str,
    /// Far more than it takes, so that only a hanging run is killed.
    limit: Duration,
    run: fn(&mut FigureReport, &Path),
}

const SCENARIOS: [Scenario; 19] = [
    Scenario { name: "trap", limit: Duration::from_secs(300), run: trap::run },
    Scenario { name: "shared", limit: Duration::from_secs(300), run: shared::run },
    Scenario { name: "stuck", limit: Duration::from_secs(900), run: stuck::run },
    Scenario { name: "middle", limit: Duration::from_secs(420), run: middle::run },
    Scenario { name: "scan", limit: Duration::from_secs(1500), run: scan::run },
    Scenario { name: "opens", limit: Duration::from_secs(1200), run: opens::run },
    Scenario { name: "restart", limit: Duration::from_secs(180), run: restart::run },
    Scenario { name: "failover", limit: Duration::from_secs(900), run: failover::run },
    Scenario { name: "memory", limit: Duration::from_secs(180), run: memory::run },
    Scenario { name: "scale", limit: Duration::from_secs(600), run: scale::run },
    Scenario { name: "views", limit: Duration::from_secs(600), run: arranged::run },
    Scenario { name: "search", limit: Duration::from_secs(300), run: search::run },
    Scenario { name: "start", limit: Duration::from_secs(300), run: start::run },
    Scenario { name: "fronts", limit: Duration::from_secs(600), run: fronts::run },
    Scenario { name: "hostile", limit: Duration::from_secs(1500), run: hostile::run },
    Scenario { name: "ondemand-opens", limit: Duration::from_secs(5400), run: ondemand::opens },
    Scenario { name: "ondemand-probes", limit: Duration::from_secs(3600), run: ondemand::probes },
    Scenario { name: "ondemand-film", limit: Duration::from_secs(1500), run: ondemand::film },
    Scenario { name: "ondemand-next", limit: Duration::from_secs(900), run: ondemand::next },
];

impl Scenario {
    /// Returns whether a name selects it: its own, that of its group, or that of all.
    fn is_named(&self, name: &str) -> bool {
        let group = self.name.split('-').next();
        [Some(ALL), Some(self.name), group].contains(&Some(name))
    }
}

/// Runs the named scenarios, or one of them in the child process. An option for the time of a trial
/// may come before the names.
pub(crate) fn run(names: &[String]) -> ExitCode {
    let (minutes, names) = match names.split_first() {
        Some((first, names)) if first.starts_with(MINUTES) => (first.as_str(), names),
        _ => (MINUTES_DEFAULT, names),
    };
    let Ok(minutes_count) = minutes.trim_start_matches(MINUTES).parse::<u32>() else {
        println!("{minutes} is no number of minutes");
        return ExitCode::FAILURE;
    };
    let mut chosen = Vec::new();
    for name in names {
        let count = chosen.len();
        chosen.extend(SCENARIOS.iter().filter(|known| known.is_named(name)));
        if chosen.len() == count {
            let known = SCENARIOS.map(|scenario| scenario.name).join(", ");
            println!("no scenario {name}: there are {known}, and {ALL}");
            return ExitCode::FAILURE;
        }
    }
    if let Some(dir) = isolate::child_dir() {
        for scenario in chosen {
            let mut report = FigureReport::new(scenario.name, &dir);
            report.trial_time = Duration::from_secs(60) * minutes_count;
            (scenario.run)(&mut report, &dir);
        }
        return ExitCode::SUCCESS;
    }
    println!("{} build of {}", build(), binary::path().display());
    let rows: Vec<FigureRow> = chosen.into_iter().flat_map(|it| watch(it, minutes)).collect();
    println!("\n{}", table(&rows));
    let missed = rows.iter().filter(|row| row.is_missed()).count();
    println!("{} figures, {missed} not as wanted", rows.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one scenario in a child, and returns its figures, even if it did not finish.
fn watch(scenario: &Scenario, minutes: &str) -> Vec<FigureRow> {
    println!("\n==> {}", scenario.name);
    let ended = isolate::run_program(&[MARK, minutes, scenario.name], scenario.limit);
    let found = ended.read(FILE).unwrap_or_default();
    let mut rows: Vec<FigureRow> =
        found.lines().filter_map(|line| FigureRow::parse(scenario.name, line)).collect();
    if let Err(reason) = ended.verdict {
        println!("{}: the child {reason}", scenario.name);
        rows.push(FigureRow::failed(scenario.name, &reason));
    }
    rows
}

pub(crate) fn build() -> &'static str {
    if cfg!(debug_assertions) { "dev" } else { "release" }
}
