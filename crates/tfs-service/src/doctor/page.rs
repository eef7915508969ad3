//! Checks the page of this user's processes.

use std::collections::BTreeSet;

use tfs_api::status::WebStatus;
use tfs_api::statuses;
use tokio::time::timeout;

use super::{CHECK_TIME_MAX, CheckResult};

pub(super) const CHECK: &str = "page";

/// Checks the page of each process that has one.
pub(super) async fn pages() -> Vec<CheckResult> {
    // Another check reports mounts that do not answer.
    let Ok(Ok(statuses)) = timeout(CHECK_TIME_MAX, statuses(None)).await else {
        return Vec::new();
    };
    let mut seen = BTreeSet::new();
    let processes = statuses.mounts.iter().filter(|mount| seen.insert(mount.status.pid));
    processes.filter_map(|mount| mount.status.intake.web.as_ref()).map(assess).collect()
}

fn assess(web: &WebStatus) -> CheckResult {
    match (&web.trouble, &web.url) {
        (Some(trouble), _) => CheckResult::warning(CHECK, trouble)
            .fix("tfs config edit   # [web]: another `listen`, or a `token_file` that can be read")
            .fix("tfs config reload   # a mount without a daemon: mount it again"),
        (None, Some(url)) => CheckResult::ok(CHECK, format!("the page is at {url}")),
        (None, None) => CheckResult::warning(CHECK, "the page does not listen"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::finding::render;
    use super::*;

    #[test]
    fn a_page_that_is_not_served_has_its_reason() {
        let well =
            WebStatus { url: Some("http://127.0.0.1:9132/".to_owned()), ..WebStatus::default() };
        let trouble = Some("failed to serve the page at 127.0.0.1:9132: in use".to_owned());
        let ill = WebStatus { trouble, ..WebStatus::default() };
        expect![[r"
            Ok page: the page is at http://127.0.0.1:9132/
            Warning page: failed to serve the page at 127.0.0.1:9132: in use
                $ tfs config edit   # [web]: another `listen`, or a `token_file` that can be read
                $ tfs config reload   # a mount without a daemon: mount it again
        "]]
        .assert_eq(&render(&[assess(&well), assess(&ill)]));
    }
}
