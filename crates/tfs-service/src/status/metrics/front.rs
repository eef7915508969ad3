//! Metrics of the front ends of a mount.

use tfs_api::status::FrontStatus;

use super::metric::{Metric, counter, gauge, labels};

/// Metrics of a front end.
pub(in crate::status) const OF_FRONT: &[Metric<FrontStatus>] = &[
    gauge("tfs_front_up", "Whether it is served.", |it| it.trouble.is_none().into()),
    gauge("tfs_front_connections", "Connections that are open.", |it| it.connections.into()),
    counter("tfs_front_requests_total", "Requests that were answered, also with errors.", |it| {
        it.requests.into()
    }),
    counter(
        "tfs_front_refused_total",
        "Requests with wrong credentials or errors of form.",
        |it| it.refused.into(),
    ),
    counter("tfs_front_sent_bytes_total", "Bytes of files that were sent.", |it| {
        it.sent_bytes.into()
    }),
];

/// Returns the labels of a front end of a mount. Without a name, it has that of its protocol.
pub(super) fn front_labels(of_mount: &[(&str, &str)], front: &FrontStatus) -> String {
    let name = front.name.as_deref().unwrap_or(&front.kind);
    labels(&[of_mount, &[("front", front.kind.as_str()), ("name", name)]].concat())
}
