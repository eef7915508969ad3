//! `fio`: random synchronous reads by several processes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) const NAME: &str = "fio";

/// Reads random blocks of a file and returns the rate of all jobs together, in blocks a second.
///
/// The caller prepares the caches, since `fio` can drop the page cache of a mount, but not the
/// caches behind it.
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
    // Messages may come before the result.
    let json = said.find('{').and_then(|at| said.get(at..)).unwrap_or_default();
    let json: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let job = &json["jobs"][0];
    assert_eq!(job["error"], 0, "{said}");
    job["read"]["iops"].as_f64().unwrap()
}
