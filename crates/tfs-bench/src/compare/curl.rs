//! `curl` directly at rqbit: the upper limit of HTTP for reads of a whole file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) const NAME: &str = "curl";

/// The buffer of a comparison.
const BLOCK_BYTES: usize = 1 << 20;

/// Downloads all of these concurrently to `/dev/null`, and returns the speed.
pub(crate) fn mib_per_second(urls: &[String]) -> f64 {
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
    total.0 / f64::from(1 << 20) / total.1.as_secs_f64()
}

/// Compares what it downloads with a file.
///
/// # Panics
/// If bytes are wrong.
pub(crate) fn check(url: &str, plain: &Path) {
    let mut command = Command::new(NAME);
    let mut child = command.args(["-sS", url]).stdout(Stdio::piped()).spawn().unwrap();
    let (mut got, mut plain) = (child.stdout.take().unwrap(), File::open(plain).unwrap());
    let (mut block, mut wanted) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    let mut left = plain.metadata().unwrap().len();
    while left > 0 {
        let len = got.read(&mut block).unwrap();
        assert!(len > 0, "curl ends {left} bytes early");
        plain.read_exact(&mut wanted[..len]).unwrap();
        assert!(block[..len] == wanted[..len], "curl: wrong bytes {left} before the end");
        left -= len as u64;
    }
    assert!(child.wait().unwrap().success());
}
