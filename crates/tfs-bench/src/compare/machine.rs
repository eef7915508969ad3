//! Description of the machine and the programs of a measurement.

use std::fs;
use std::process::Command;
use std::thread;

use super::programs::version;

/// The measured programs, each with its option that prints the version.
const PROGRAMS: [(&str, &str); 7] = [
    ("curl", "--version"),
    ("rclone", "--version"),
    ("httpdirfs", "--version"),
    ("btfs", "--version"),
    ("perf", "--version"),
    ("mpv", "--version"),
    ("ffmpeg", "-version"),
];

/// Returns a list in Markdown.
pub(crate) fn describe() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let mut lines = vec![
        format!("- {}, {cores} cores, {} GiB", model(), memory_gib()),
        format!("- Linux {}", said(Command::new("uname").arg("-r"))),
        format!("- tfs {}, commit {}, {}", env!("CARGO_PKG_VERSION"), commit(), build()),
        format!("- {}", said(Command::new("date").args(["-u", "+%Y-%m-%d"]))),
    ];
    lines.extend(PROGRAMS.iter().map(|(program, option)| {
        let said = version(program, option).unwrap_or_else(|| "not installed".to_owned());
        // Some versions include the authors.
        let said = said.split(" Copyright").next().unwrap_or_default();
        format!("- {program}: {}", said.split(" (").next().unwrap_or_default())
    }));
    lines.join("\n")
}

fn model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    model.unwrap_or("an unknown processor").trim_start_matches(['\t', ' ', ':']).to_owned()
}

fn memory_gib() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|total| total.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() >> 20
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        said(Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR")]).args(arguments))
    };
    let changes = git(&["status", "--porcelain", "--untracked-files=no", ":!/docs"]);
    let with_changes = if changes.is_empty() { "" } else { " with changes" };
    git(&["rev-parse", "--short", "HEAD"]) + with_changes
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "built for tests" } else { "built for release" }
}

/// Returns the output of a command, empty if it cannot run.
fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
