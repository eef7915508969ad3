//! A real Prometheus that scrapes a mount.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tfs_testkit::until::until;

use super::get;

/// How often it scrapes and evaluates rules: a test waits for several of both.
const INTERVAL: &str = "250ms";

/// A server with its data below the directory of the test. Killed on drop.
pub(super) struct Prometheus {
    child: Child,
    address: SocketAddr,
}

/// Returns whether a program can be run.
pub(super) fn has(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Prometheus {
    /// Starts a server that scrapes `target` as the guide says, with a file of rules.
    #[track_caller]
    pub(super) fn start(dir: &Path, target: SocketAddr, rules: &str) -> Self {
        let dir = dir.join("prometheus");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("rules.yml"), rules).unwrap();
        let config = format!(
            "global: {{ scrape_interval: {INTERVAL}, evaluation_interval: {INTERVAL} }}\n\
             rule_files: [rules.yml]\n\
             scrape_configs:\n  - job_name: tfs\n    \
             static_configs: [{{ targets: [\"{target}\"] }}]\n"
        );
        fs::write(dir.join("prometheus.yml"), config).unwrap();
        let log: PathBuf = dir.join("log");
        let mut command = Command::new("prometheus");
        command.arg("--config.file").arg(dir.join("prometheus.yml"));
        command.arg("--storage.tsdb.path").arg(dir.join("data"));
        command.args(["--web.listen-address", "127.0.0.1:0"]);
        command.stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        let address = until("Prometheus listens", || {
            let log = fs::read_to_string(&log).ok()?;
            let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
            line.rsplit_once("address=")?.1.trim().parse().ok()
        });
        let it = Self { child, address };
        until("Prometheus is ready", || (get(address, "/-/ready").0 == "200").then_some(()));
        it
    }

    /// Waits until the mount was scraped a few times, so that it has evaluated rules as well.
    #[track_caller]
    pub(super) fn wait_for_scrapes(&self) {
        until("the mount is scraped", || {
            let scraped = self.query("count_over_time(tfs_server_reachable[1m]) > 4");
            (!scraped.is_empty()).then_some(())
        });
    }

    /// Runs a query at the present time, and returns the samples: their labels and values.
    #[track_caller]
    pub(super) fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let (_, body) = get(self.address, &format!("/api/v1/query?query={}", encoded(query)));
        let answer: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        assert_eq!(answer["status"], "success", "{query}: {body}");
        let samples = answer["data"]["result"].as_array().unwrap().iter();
        let value = |sample: &Value| sample["value"][1].as_str().unwrap().parse().unwrap();
        samples.map(|sample| (sample["metric"].clone(), value(sample))).collect()
    }

    /// Returns the names of the alerts that fire.
    #[track_caller]
    pub(super) fn firing(&self) -> Vec<String> {
        let firing = self.query("ALERTS{alertstate=\"firing\"}").into_iter();
        firing.map(|(labels, _)| labels["alertname"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Encodes a text for the query of an address.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        encoded
    })
}
