//! The dashboard and the alerts, with a real Prometheus.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;
use tfs_testkit::{isolate, skip};

use super::prometheus::{Prometheus, has};
use super::{address, get};
use crate::support::{Mounted, Rqbits, check_range, run, tfs};

const LIMIT: Duration = Duration::from_secs(180);

const DASHBOARD: &str = include_str!("../../../../../contrib/grafana/tfs.json");

const ALERTS: &str = include_str!("../../../../../contrib/prometheus/alerts.yml");

const METRICS: &str = include_str!("../../../../../docs/reference/metrics.md");

const GUIDE: &str = include_str!("../../../../../docs/guide/monitoring.md");

/// A download in which each read of a new piece waits for about a second.
const PIECE_BYTES: u32 = 1 << 20;
const DOWNLOAD_BPS: u32 = PIECE_BYTES;
const PIECES: u64 = 24;

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

/// Returns the queries of all panels, each with the title of its panel.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for panel in panels() {
        let title = panel["title"].as_str().unwrap().to_owned();
        for target in panel["targets"].as_array().into_iter().flatten() {
            queries.push((title.clone(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    queries
}

/// Returns a query as Grafana sends it with all values of the variables selected.
fn resolved(query: &str, mountpoint: &str, instance: &str) -> String {
    let query = query.replace("$__rate_interval", "5s").replace("$job", "tfs");
    query.replace("$instance", instance).replace("$mountpoint", mountpoint)
}

/// Returns the names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let words = text.split(|char| !is_of_name(char));
    words.filter(|word| word.starts_with("tfs_") || word.starts_with("process_")).collect()
}

#[test]
fn dashboard_and_alerts_use_metrics_that_are_documented() {
    let known = names(METRICS);
    let queries: Vec<_> = queries().into_iter().map(|(_, query)| query).collect();
    let alerts = ALERTS.lines().filter(|line| !line.trim_start().starts_with('#'));
    let alerts: Vec<_> = alerts.map(str::to_owned).collect();
    for text in queries.iter().chain(&alerts) {
        for name in names(text) {
            let of_histogram = ["_bucket", "_count", "_sum"].into_iter();
            let name = of_histogram.filter_map(|end| name.strip_suffix(end)).next().unwrap_or(name);
            assert!(known.contains(name), "{name} in {text}");
        }
    }
    assert!(queries.len() > 50, "{}", queries.len());
}

#[test]
fn every_alert_is_in_the_guide_and_tested() {
    let tests = include_str!("../../../../../contrib/prometheus/alerts_test.yml");
    let alerts = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alerts: BTreeSet<_> = alerts.collect();
    assert!(alerts.len() > 8, "{alerts:?}");
    for alert in alerts {
        assert!(GUIDE.contains(&format!("| `{alert}` |")), "{alert}");
        assert!(tests.contains(&format!("alertname: {alert}\n        exp_alerts:")), "{alert}");
    }
}

#[test]
fn panels_have_a_place_of_their_own_and_the_variables_of_the_dashboard() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let variables: BTreeSet<_> = variables.iter().map(|it| it["name"].as_str().unwrap()).collect();
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|it| panel["gridPos"][it].as_u64().unwrap());
        assert!(x + w <= 24, "{title}");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(places.insert(place), "{title} lies over another panel");
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            for word in target["expr"].as_str().unwrap().split('$').skip(1) {
                let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
                let name = word.split(|char| !is_of_name(char)).next().unwrap();
                let is_known = variables.contains(name) || name == "__rate_interval";
                assert!(is_known, "${name} in {title}");
            }
        }
    }
}

#[test]
fn alerts_pass_their_tests() {
    if !has("promtool") {
        return skip::for_lack_of("promtool", tfs_testkit::test_name!());
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contrib/prometheus");
    run(Command::new("promtool").args(["check", "rules", "alerts.yml"]).current_dir(&dir));
    run(Command::new("promtool").args(["test", "rules", "alerts_test.yml"]).current_dir(&dir));
}

/// A daemon with a mount, a watch folder, a drop folder, a hook and metrics. Killed on drop.
struct MonitoredDaemon {
    process: Child,
    mounted: Mounted,
    /// The address of the metrics.
    target: SocketAddr,
}

impl MonitoredDaemon {
    /// Starts it with a server, and waits until it is ready.
    #[track_caller]
    fn start(dir: &Path, server: &str) -> Self {
        let [config, watched, dropped, path] =
            ["config/tfs", "watch", "drop", "mnt"].map(|name| dir.join(name));
        for dir in [&config, &watched, &dropped, &path] {
            fs::create_dir_all(dir).unwrap();
        }
        let text = format!(
            "monitoring.listen = \"127.0.0.1:0\"\nmetadata.poll_interval = \"200ms\"\n\
             [[server]]\nname = \"home\"\nurl = \"{server}\"\nlocal_paths = \"off\"\n\
             [[mount]]\npath = {path:?}\ndrop = {dropped:?}\n[[watch]]\ndir = {watched:?}\n\
             [[hook]]\non = \"tree_changed\"\ncommand = [\"true\"]\n"
        );
        fs::write(config.join("config.toml"), text).unwrap();
        let log = dir.join("log");
        let mut daemon = tfs(dir);
        let process = daemon.args(["-vv", "--log-file"]).arg(&log).arg("daemon").spawn().unwrap();
        let mounted = Mounted::at(path, dir);
        let target = address(&log);
        until("the daemon is ready", || (get(target, "/readyz").0 == "200").then_some(()));
        Self { process, mounted, target }
    }

    /// Ends it as a service manager does.
    #[track_caller]
    fn end(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for MonitoredDaemon {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        if matches!(self.process.try_wait(), Ok(None)) {
            drop(self.process.kill());
            drop(self.process.wait());
        }
    }
}

#[test]
fn every_panel_of_the_dashboard_has_data() {
    let test = tfs_testkit::test_name!();
    if !has("prometheus") || !has("promtool") {
        return skip::for_lack_of("prometheus", test);
    }
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let content = Content::new(1, PIECES * u64::from(PIECE_BYTES));
        let mut film = TorrentSpec::file("film.mkv", content);
        film.seed.piece_length = Some(PIECE_BYTES);
        let rqbits = Rqbits::start(Swarm::builder().torrent(film).download_bps(DOWNLOAD_BPS));
        let daemon = MonitoredDaemon::start(dir, &rqbits.swarm.api_url());
        let (mounted, target) = (&daemon.mounted, daemon.target);
        let prometheus = Prometheus::start(dir, target, "groups: []\n");
        prometheus.wait_for_scrapes();
        let path = mounted.path.join("film.mkv");
        // From the end: each read is of a piece that no other asked for, by a stream of its own.
        let reader = thread::spawn(move || {
            for piece in (0..PIECES).rev() {
                let file = File::open(&path).unwrap();
                check_range(&path, &file, content, piece * u64::from(PIECE_BYTES), 64 << 10);
            }
        });

        let mountpoint = mounted.path.to_str().unwrap().to_owned();
        let mut left: Vec<_> = queries();
        let all = left.len();
        until("each query has a finite value", || {
            let before = left.len();
            left.retain(|(_, query)| {
                let query = resolved(query, &mountpoint, &target.to_string());
                !prometheus.query(&query).iter().any(|(_, value)| value.is_finite())
            });
            // The last of these lines names the culprits if it fails.
            if left.len() < before {
                println!("{} of {all} have no value yet: {left:#?}", left.len());
            }
            left.is_empty().then_some(())
        });
        reader.join().unwrap();

        let metrics = dir.join("metrics");
        fs::write(&metrics, get(target, "/metrics").1).unwrap();
        let promtool = |file: &Path| {
            let mut promtool = Command::new("promtool");
            run(promtool.args(["check", "metrics"]).stdin(File::open(file).unwrap()))
        };
        assert_eq!(promtool(&metrics), "");
        assert_eq!(promtool(&mounted.path.join(".tfs/metrics")), "");
        daemon.end();
    });
}

#[test]
fn an_alert_fires_when_the_server_is_killed() {
    let test = tfs_testkit::test_name!();
    if !has("prometheus") {
        return skip::for_lack_of("prometheus", test);
    }
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let mut rqbits = Rqbits::start(Swarm::builder().remembering());
        let daemon = MonitoredDaemon::start(dir, &rqbits.swarm.api_url());
        let (mounted, target) = (&daemon.mounted, daemon.target);
        // As they are, except for the minutes until they fire.
        let rules = ALERTS.lines().map(|line| match line.trim().strip_prefix("for: ") {
            Some(_) => "        for: 500ms\n".to_owned(),
            None => line.to_owned() + "\n",
        });
        let prometheus = Prometheus::start(dir, target, &rules.collect::<String>());
        prometheus.wait_for_scrapes();
        assert_eq!(prometheus.firing(), [""; 0]);

        rqbits.kill_downloader();
        until("the alert fires", || {
            let firing = prometheus.firing();
            firing.iter().any(|alert| alert == "TfsServerDown").then_some(())
        });
        let firing = prometheus.query("ALERTS{alertname=\"TfsServerDown\",alertstate=\"firing\"}");
        let (labels, _) = &firing[0];
        assert_eq!(labels["mountpoint"], mounted.path.to_str().unwrap(), "{labels}");
        assert_eq!(labels["severity"], "critical", "{labels}");
        // The process is healthy, and its mount is still there.
        assert_eq!(get(target, "/healthz"), ("200".to_owned(), "ok\n".to_owned()));
        assert_eq!(get(target, "/readyz"), ("200".to_owned(), "ok\n".to_owned()));
        assert_eq!(get(target, "/healthy").0, "503");

        rqbits.start_downloader();
        until("the alert ends", || prometheus.firing().is_empty().then_some(()));
        daemon.end();
    });
}
