//! The page of metrics is generated from the tables.

use std::fmt::Write as _;

use rqbit_client::ErrorReason;
use vfs_core::FailureReason;

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

/// Returns the section about the values of the label `reason`.
fn reasons() -> String {
    let of_reads = FailureReason::ALL.map(|reason| {
        let meaning = match reason {
            FailureReason::TimedOut => "the bytes did not arrive in time",
            FailureReason::Missing => "the bytes are missing, and cannot be waited for",
            FailureReason::Removed => "the torrent was removed",
            FailureReason::Unreachable => "the server cannot be reached",
            FailureReason::Denied => "the server refuses access",
            FailureReason::NotFound => "the server does not have the torrent",
            FailureReason::Protocol => "the server sent an invalid answer",
            FailureReason::Failed => "the server failed for another reason",
            FailureReason::Interrupted => "a signal to the reader, or its end, ended the wait",
            FailureReason::ShuttingDown => "the mount is ending",
            FailureReason::BadHandle => "the file is not open",
            FailureReason::Internal => "another error, which is a bug",
        };
        (reason.as_str(), meaning)
    });
    let of_requests = ErrorReason::ALL.map(|reason| {
        let meaning = match reason {
            ErrorReason::Resolve => "the host name cannot be resolved",
            ErrorReason::Refused => "no process listens on the port",
            ErrorReason::Connect => "the connection failed for another reason",
            ErrorReason::Proxy => "the proxy cannot be used",
            ErrorReason::Tls => "the TLS handshake failed",
            ErrorReason::TimedOut => "the server took too long",
            ErrorReason::Closed => "the connection was closed before the answer was complete",
            ErrorReason::Denied => "the server requires other credentials",
            ErrorReason::NotFound => "the server has no such torrent",
            ErrorReason::Initializing => "the torrent is being checked, or in state error",
            ErrorReason::Status => "another error status",
            ErrorReason::NotRqbit => "the server is not rqbit, or redirects to another address",
            ErrorReason::Malformed => "the answer is invalid or too large",
        };
        (reason.as_str(), meaning)
    });
    let mut page = "\n## Reasons\n\nAll reasons are always there, also those that have not \
                    occurred.\n\n| metric | `reason` | meaning |\n|---|---|---|\n"
        .to_owned();
    for (metric, reasons) in
        [("tfs_read_failures_total", &of_reads[..]), ("tfs_server_errors_total", &of_requests)]
    {
        for (reason, meaning) in reasons {
            writeln!(page, "| `{metric}` | `{reason}` | {meaning} |").unwrap();
        }
    }
    page
}

fn page() -> String {
    let of_mount = ["mountpoint"];
    let sections = [
        section(
            "Mount",
            "The sum of `tfs_read_failures_total` over all [reasons](#reasons) is the number of \
             failed reads.",
            &of_mount,
            &[OF_MOUNT],
        ),
        section("Server of a mount", "", &["mountpoint", "server"], &[OF_SERVER]),
        section("Drop folder", "Only of mounts with one.", &of_mount, &[OF_DROP]),
        section(
            "Front end",
            "WebDAV, NFS or DLNA. `front` is the protocol.",
            &["mountpoint", "front", "name"],
            &[OF_FRONT],
        ),
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
    INTRODUCTION.to_owned() + &sections.concat() + &reasons()
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
    check_form(OF_FRONT, &mut names);
    check_form(OF_WATCH_FOLDER, &mut names);
    check_form(OF_ARR, &mut names);
    check_form(OF_WEB, &mut names);
    check_form(OF_HOOK, &mut names);
    check_form(OF_BUILD, &mut names);
    check_form(OF_PROCESS, &mut names);
    check_form(OF_RESOURCES, &mut names);
    assert!(names.len() > 60, "{}", names.len());
}
