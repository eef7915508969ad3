//! The page of metrics is generated from the tables.

use std::fmt::Write as _;

use super::metric::{Metric, MetricKind};
use super::*;

const INTRODUCTION: &str = "# Metrics

`monitoring.listen` serves the metrics of a process at `/metrics` \
([control API](control-api.md#figures-over-tcp)).
A mount has its own in `.tfs/metrics`, without the label `mountpoint` and without the metrics of \
the process.
The [guide](../guide/monitoring.md) has a dashboard and alerts.
Counters begin with the mount, those of the process with the process.
Times are in seconds, and sizes in bytes.
This page is generated from the program.

```yaml
# prometheus.yml
scrape_configs:
  - job_name: tfs
    static_configs:
      - targets: [\"127.0.0.1:9131\"]
```
";

/// Returns the section about a table.
fn section<T>(title: &str, text: &str, labels: &[&str], metrics: &[&[Metric<T>]]) -> String {
    let mut page = format!("\n## {title}\n\n");
    if !text.is_empty() {
        page.extend([text, "\n\n"]);
    }
    page += "| metric | type | labels | meaning |\n|---|---|---|---|\n";
    for Metric { kind, name, help, label, .. } in metrics.iter().copied().flatten() {
        let labels = labels.iter().chain(label).map(|label| format!("`{label}`"));
        let labels = labels.collect::<Vec<_>>().join(", ");
        writeln!(page, "| `{name}` | {} | {labels} | {help} |", kind.name()).unwrap();
    }
    page
}

fn page() -> String {
    let of_mount = ["mountpoint"];
    let sections = [
        section(
            "Mount",
            "`tfs_read_failures_total` has each `reason`, also those that have not occurred. The \
             sum over them is the number of failed reads.",
            &of_mount,
            &[OF_MOUNT],
        ),
        section("Server of a mount", "", &["mountpoint", "server"], &[OF_SERVER]),
        section("Drop folder", "Only of mounts with one.", &of_mount, &[OF_DROP]),
        section("Watch folder", "", &["dir", "server"], &[OF_WATCH_FOLDER]),
        section("Sonarr and Radarr", "", &["server"], &[OF_ARR]),
        section("Page", "", &[], &[OF_WEB]),
        section("Hook", "", &["hook"], &[OF_HOOK]),
        section("Version", "", &["version", "os", "arch"], &[OF_BUILD]),
        section(
            "Process",
            "Only at `/metrics`: node_exporter, which may collect `.tfs/metrics`, has some of \
             these names itself.",
            &[],
            &[OF_PROCESS, OF_RESOURCES],
        ),
    ];
    INTRODUCTION.to_owned() + &sections.concat()
}

#[test]
fn every_metric_is_in_the_documentation() {
    // UPDATE_EXPECT=1 rewrites the page.
    let file = expect_test::expect_file!["../../../../../docs/reference/metrics.md"];
    file.assert_eq(&page());
}

/// Checks names and help as `promtool check metrics` does, which not every machine has.
fn check_form<T>(metrics: &[Metric<T>], names: &mut Vec<&'static str>) {
    for Metric { kind, name, help, .. } in metrics {
        assert!(name.starts_with("tfs_") || name.starts_with("process_"), "{name}");
        let is_allowed = |char: char| char.is_ascii_lowercase() || char == '_';
        assert!(name.chars().all(is_allowed), "{name}");
        assert_eq!(*kind == MetricKind::Counter, name.ends_with("_total"), "{name}");
        assert!(*kind != MetricKind::Histogram || name.ends_with("_seconds"), "{name}");
        for suffix in ["_count", "_sum", "_bucket"] {
            assert!(!name.ends_with(suffix), "{name}");
        }
        assert!(help.ends_with('.') && !help.contains(['\n', '\\']), "{help}");
        assert!(!names.contains(name), "{name} is there twice");
        names.push(name);
    }
}

#[test]
fn names_are_unique_and_follow_the_conventions() {
    let mut names = Vec::new();
    check_form(OF_MOUNT, &mut names);
    check_form(OF_SERVER, &mut names);
    check_form(OF_DROP, &mut names);
    check_form(OF_WATCH_FOLDER, &mut names);
    check_form(OF_ARR, &mut names);
    check_form(OF_WEB, &mut names);
    check_form(OF_HOOK, &mut names);
    check_form(OF_BUILD, &mut names);
    check_form(OF_PROCESS, &mut names);
    check_form(OF_RESOURCES, &mut names);
    assert!(names.len() > 60, "{}", names.len());
}
