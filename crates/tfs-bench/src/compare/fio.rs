//! `fio`: reads at random, by processes that wait for each.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) const NAME: &str = "fio";

/// Reads blocks at random in a file and returns how many came in a second, by all jobs together.
///
/// What the caches hold is left to the caller, since what `fio` makes the kernel forget of a mount
/// is not what lies behind it.
pub(crate) fn random(path: &Path, block_bytes: usize, jobs: usize, time: Duration) -> f64 {
    let mut command = Command::new(NAME);
    command.args(["--name=random", "--rw=randread", "--ioengine=psync", "--readonly"]);
    command.args(["--invalidate=0", "--randrepeat=0", "--time_based", "--group_reporting"]);
    command.arg(format!("--filename={}", path.display()));
    command.arg(format!("--bs={block_bytes}")).arg(format!("--numjobs={jobs}"));
    command.arg(format!("--runtime={}ms", time.as_millis()));
    command.args(["--thread", "--output-format=json"]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // Notes may come before the result.
    let json = said.find('{').and_then(|at| said.get(at..)).unwrap_or_default();
    let json: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let job = &json["jobs"][0];
    assert_eq!(job["error"], 0, "{said}");
    job["read"]["iops"].as_f64().unwrap()
}
