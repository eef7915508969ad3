//! `curl` directly at rqbit: the upper limit of HTTP for reads of a whole file.

use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) const NAME: &str = "curl";

/// Downloads all of these concurrently to `/dev/null`. Returns the bytes and the time.
pub(crate) fn get(urls: &[String]) -> (f64, Duration) {
    let children: Vec<_> = urls
        .iter()
        .map(|url| {
            let mut command = Command::new(NAME);
            command.args(["-sS", "-o", "/dev/null", "-w", "%{size_download} %{time_total}", url]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut total = (0.0, Duration::ZERO);
    for child in children {
        let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let (bytes, seconds) = said.split_once(' ').unwrap();
        total.0 += bytes.parse::<f64>().unwrap();
        total.1 = total.1.max(Duration::from_secs_f64(seconds.parse().unwrap()));
    }
    total
}
