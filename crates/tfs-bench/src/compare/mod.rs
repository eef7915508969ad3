//! Comparisons: all filesystems read the same bytes, in turns and in one run; the results are
//! ratios.
//!
//! `cargo xtask bench` runs them. Ratios are stable where times are not: the machine has fast and
//! slow phases. So each round measures every filesystem once, and the result is the median of the
//! ratios of the rounds.

mod arguments;
mod curl;
mod file_page;
mod film;
mod fio;
mod first_byte;
mod goals;
mod introduce;
mod machine;
mod missing;
mod mpv;
mod others;
mod page;
mod programs;
mod random;
mod ranges;
mod samples;
mod seeder;
mod sequential;
mod walk;
mod ways;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tfs_testkit::isolate;

use self::arguments::Arguments;
use self::samples::{FILE, SampleRecorder, SampleSet};

/// The first argument of a comparison.
pub(crate) const MARK: &str = "--compare";

/// Comparisons with a common setup.
struct Group {
    name: &'static str,
    title: &'static str,
    /// Far more than it takes, so that only a hanging run is killed.
    limit: Duration,
    run: fn(&mut SampleRecorder, &Path, usize),
}

const GROUPS: [Group; 6] = [
    Group {
        name: "sequential",
        title: "Reading in order",
        limit: Duration::from_secs(600),
        run: sequential::run,
    },
    Group {
        name: "random",
        title: "Reading at random",
        limit: Duration::from_secs(900),
        run: random::run,
    },
    Group {
        name: "first-byte",
        title: "The first byte of what the server has",
        limit: Duration::from_secs(300),
        run: first_byte::run,
    },
    Group {
        name: "missing",
        title: "The first byte of what is not downloaded yet",
        limit: Duration::from_secs(600),
        run: missing::run,
    },
    Group { name: "film", title: "A film", limit: Duration::from_secs(600), run: film::run },
    Group {
        name: "walk",
        title: "Walking over 10,000 torrents, 100,000 files",
        limit: Duration::from_secs(600),
        run: walk::run,
    },
];

/// Runs the requested comparisons, or one of them in the child process.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let known = GROUPS.map(|group| group.name);
    let arguments = match Arguments::parse(arguments, &known) {
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
    let mut all = SampleSet::default();
    let mut sections = Vec::new();
    let mut is_complete = true;
    for group in chosen {
        println!("\n==> {} ({:.0} s so far)", group.name, start.elapsed().as_secs_f64());
        let rounds = arguments.rounds.to_string();
        let ended = isolate::run_program(&[MARK, group.name, "--rounds", &rounds], group.limit);
        let samples = SampleSet::parse(&ended.read(FILE).unwrap_or_default());
        sections.push((group.title, samples.clone()));
        all.extend(samples);
        if let Err(reason) = ended.verdict {
            println!("{}: the child {reason}", group.name);
            is_complete = false;
        }
    }
    let page = page::render(&sections, &all, arguments.rounds);
    println!("\n{page}\nIt took {:.0} s.", start.elapsed().as_secs_f64());
    if let Some(path) = &arguments.markdown
        && let Err(reason) = page::replace(path, &page)
    {
        println!("{}: {reason}", path.display());
        is_complete = false;
    }
    if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
