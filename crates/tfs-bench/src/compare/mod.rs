//! Comparisons: all filesystems read the same bytes, in turns and in one run; the results are
//! ratios.
//!
//! `cargo xtask bench` runs them. Ratios are stable where times are not: the machine has fast and
//! slow phases. So each round measures every filesystem once, and the result is the median of the
//! ratios of the rounds.

mod arguments;
mod ceiling;
mod cost;
mod curl;
mod file_page;
mod film;
mod first_byte;
mod goals;
mod introduce;
mod machine;
mod missing;
mod mpv;
mod others;
mod page;
mod poll;
mod programs;
mod random;
mod readers;
mod samples;
mod scale;
mod seeder;
mod sequential;
mod traced;
mod walk;
mod ways;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tfs_testkit::isolate;

use self::arguments::Arguments;
pub(crate) use self::ceiling::{MARK as CEILING_MARK, run as run_ceiling};
use self::page::PageSection;
pub(crate) use self::programs::find;
use self::samples::{FILE, SampleRecorder, SampleSet};
pub(crate) use self::seeder::Seeder;

/// The first argument of a comparison.
pub(crate) const MARK: &str = "--compare";

/// Comparisons with a common setup.
struct Group {
    name: &'static str,
    title: &'static str,
    /// Far more than the setup and one round take, so that only a hanging run is killed.
    round_max: Duration,
    run: fn(&mut SampleRecorder, &Path, usize),
}

const GROUPS: [Group; 9] = [
    Group {
        name: sequential::GROUP,
        title: "Reading in order",
        round_max: Duration::from_secs(400),
        run: sequential::run,
    },
    Group {
        name: random::GROUP,
        title: "Reading at random",
        round_max: Duration::from_secs(400),
        run: random::run,
    },
    Group {
        name: readers::GROUP,
        title: "More readers than streams",
        round_max: Duration::from_secs(300),
        run: readers::run,
    },
    Group {
        name: first_byte::GROUP,
        title: "The first byte of what the server has",
        round_max: Duration::from_secs(200),
        run: first_byte::run,
    },
    Group {
        name: missing::GROUP,
        title: "The first byte of what is not downloaded yet",
        round_max: Duration::from_secs(200),
        run: missing::run,
    },
    Group {
        name: film::GROUP,
        title: "A film",
        round_max: Duration::from_secs(200),
        run: film::run,
    },
    Group {
        name: walk::GROUP,
        title: "Walking over 10,000 torrents, 100,000 files",
        round_max: Duration::from_secs(200),
        run: walk::run,
    },
    Group {
        name: poll::GROUP,
        title: "An idle mount of 10,000 torrents",
        round_max: Duration::from_secs(400),
        run: poll::run,
    },
    Group {
        name: scale::GROUP,
        title: "A library of 1,000, 10,000 and 100,000 torrents",
        round_max: Duration::from_secs(900),
        run: scale::run,
    },
];

/// The name of the comparisons that show how the read path is doing.
const READ_PATH: (&str, &[&str]) =
    ("read-path", &[sequential::GROUP, random::GROUP, readers::GROUP, missing::GROUP, poll::GROUP]);

/// Runs the requested comparisons, or one of them in the child process.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let known = GROUPS.map(|group| group.name);
    let arguments = match Arguments::parse(arguments, &known, READ_PATH) {
        Ok(arguments) => arguments,
        Err(usage) => {
            println!("{usage}");
            return ExitCode::FAILURE;
        }
    };
    let chosen = GROUPS.iter().filter(|group| arguments.names.contains(&group.name.to_owned()));
    if let Some(dir) = isolate::child_dir() {
        for group in chosen {
            let mut recorder = SampleRecorder::new(&dir);
            (group.run)(&mut recorder, &dir, arguments.rounds);
        }
        return ExitCode::SUCCESS;
    }
    // Checked before the measurement, which takes minutes.
    if let Some(path) = &arguments.markdown
        && let Err(reason) = page::around(path)
    {
        println!("{}: {reason}", path.display());
        return ExitCode::FAILURE;
    }
    let start = Instant::now();
    let mut sections = Vec::new();
    let mut is_complete = true;
    for group in chosen {
        println!("\n==> {} ({:.0} s so far)", group.name, start.elapsed().as_secs_f64());
        let rounds = arguments.rounds.to_string();
        let limit = group.round_max * u32::try_from(arguments.rounds).unwrap();
        let ended = isolate::run_program(&[MARK, group.name, "--rounds", &rounds], limit);
        let samples = SampleSet::parse(&ended.read(FILE).unwrap_or_default());
        sections.push(PageSection { group: group.name, title: group.title, samples });
        if let Err(reason) = ended.verdict {
            println!("{}: the child {reason}", group.name);
            traced::remove_probes_of_child();
            is_complete = false;
        }
    }
    let page = page::render(&sections, arguments.rounds);
    println!("\n{page}\nIt took {:.0} s.", start.elapsed().as_secs_f64());
    if let Some(path) = &arguments.markdown
        && let Err(reason) = page::replace(path, &page)
    {
        println!("{}: {reason}", path.display());
        is_complete = false;
    }
    if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
