//! Metrics of a server of a mount.

use tfs_api::status::{BreakerStatus, ServerStatus};

use super::metric::{Metric, MetricValue, counter, failures, gauge, histogram};

/// Metrics of a server.
pub(in crate::status) const OF_SERVER: &[Metric<ServerStatus>] = &[
    gauge("tfs_server_reachable", "Whether the server answers.", |it| it.reachable.into()),
    gauge("tfs_server_list_age_seconds", "Age of its last list of torrents.", |it| {
        it.list_age_seconds.into()
    }),
    gauge("tfs_breaker_open", "Whether reads fail at once, after failures of the server.", |it| {
        (it.breaker == BreakerStatus::Open).into()
    }),
    gauge("tfs_server_streams_open", "Streams open on the server.", |it| it.streams_open.into()),
    gauge("tfs_server_streams_max", "Maximum number of streams open on the server.", |it| {
        it.streams_max.into()
    }),
    gauge(
        "tfs_server_torrents_left_out",
        "Torrents that are not shown, since their details could not be loaded.",
        |it| it.discovery.left_out.count.into(),
    ),
    gauge(
        "tfs_server_torrents_missing",
        "Torrents that are shown, but not listed since a restart of the server.",
        |it| it.discovery.missing.count.into(),
    ),
    gauge("tfs_server_torrents_failed", "Torrents that the server has in state error.", |it| {
        it.discovery.failed.count.into()
    }),
    histogram(
        "tfs_server_first_byte_seconds",
        "Time from opening a stream to its first byte.",
        |it| MetricValue::Histogram(&it.first_byte),
    ),
    counter("tfs_server_fetched_bytes_total", "Bytes received from the server.", |it| {
        it.bytes_fetched.into()
    }),
    counter("tfs_server_requests_total", "HTTP requests sent to the server.", |it| {
        it.requests.into()
    }),
    failures("tfs_server_errors_total", "Requests to the server that failed.", |it| {
        MetricValue::ByReason(&it.errors)
    }),
];
