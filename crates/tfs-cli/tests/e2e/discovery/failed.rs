//! Torrents that the server has in state `error`.

use std::fs;

use serde_json::Value;
use tfs_testkit::isolate;
use tfs_testkit::rqbit::Fault;
use tfs_testkit::until::until;

use super::server;
use super::{LIMIT, discovery, healthy};
use crate::support::{Mounted, describe, run, tfs};

/// A list with a torrent whose disk is full, as rqbit 9.1.0 reports it, and one without a reason.
const LIST: &str = concat!(
    r#"{"torrents":[{"id":0,"info_hash":"0101010101010101010101010101010101010101","#,
    r#""name":"film 0","output_folder":"/nowhere","total_pieces":1,"stats":{"state":"error","#,
    r#""total_bytes":100000,"error":"error writing to file 0 (\"\"f\"\")\n\nCaused by:\n    "#,
    r#"0: error calling pwritev\n    1: ENOSPC: No space left on device\n\nStack backtrace:\n   "#,
    r#"0: anyhow::error\n   1: librqbit"}},"#,
    r#"{"id":1,"info_hash":"0202020202020202020202020202020202020202","name":"film 1","#,
    r#""output_folder":"/nowhere","total_pieces":1,"stats":{"state":"error"}}]}"#,
);

const REASON: &str =
    "error writing to file 0 (\"f\"): error calling pwritev: ENOSPC: No space left on device";

// https://github.com/qbittorrent/qBittorrent/issues/13434 and
// https://github.com/transmission/transmission/issues/1001: no message reports that the disk is
// full.
#[test]
fn qbittorrent_13434_a_full_disk_is_named_everywhere_with_what_to_do() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let server = server::start(2);
        let mounted = Mounted::new(dir, &server.url());
        assert_eq!(healthy(&mounted), "ok\n");
        server.always(server::list(), Fault::Status(200, LIST));
        until("the failures are seen", || {
            (discovery(&mounted)["failed"]["count"] == 2).then_some(())
        });
        assert_eq!(discovery(&mounted)["failed"]["torrents"][0]["why"], REASON);
        let healthy = healthy(&mounted);
        assert_eq!(healthy, format!("2 torrents have failed: film 0 ({REASON}), and others\n"));
        let metrics = fs::read_to_string(mounted.path.join(".tfs/metrics")).unwrap();
        assert!(metrics.contains("\ntfs_server_torrents_failed{"), "{metrics}");

        let url = format!("{}/", server.url());
        let todo =
            format!("make room on the disk of the server, then: tfs start 'film 0' --server {url}");
        let status = run(tfs(dir).arg("status").arg(&mounted.path));
        for part in [&format!("failed   film 0: {REASON}\n"), &todo] {
            assert!(status.contains(part), "{status}");
        }
        let list = run(tfs(dir).args(["list", "--server", &server.url()]));
        for part in [&format!("failed: film 0: {REASON}\n"), &todo] {
            assert!(list.contains(part), "{list}");
        }
        let json = run(tfs(dir).args(["list", "--json"]).env("TFS_SERVER", server.url()));
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json[0]["error"], &json[1]["error"]), (&REASON.into(), &Value::Null));
        let todo = "make room on the disk of the server, then start it as tfs status shows";
        let preload = tfs(dir).arg("preload").arg(mounted.path.join("film 0/f")).output().unwrap();
        let preload = describe(&preload);
        assert!(preload.starts_with("exit 56\n") && preload.contains(REASON), "{preload}");
        assert!(preload.contains(todo), "{preload}");

        let doctor =
            tfs(dir).args(["doctor", "--json", "--server", &server.url()]).output().unwrap();
        assert_eq!(doctor.status.code(), Some(61));
        let doctor: Value = serde_json::from_slice(&doctor.stdout).unwrap();
        let faults: Vec<_> = doctor["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["check"] == "torrents" && finding["verdict"] == "fault")
            .map(|finding| finding["found"].as_str().unwrap())
            .collect();
        let first = format!("film 0 has failed: {REASON}");
        assert_eq!(faults, [&first, "film 1 has failed: the server gives no reason"]);

        // The torrent was restarted.
        server.heal(&server::list());
        until("all is well", || (self::healthy(&mounted) == "ok\n").then_some(()));
    });
}
