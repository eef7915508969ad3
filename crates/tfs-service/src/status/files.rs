//! The control files of a mount.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use tfs_api::status::StatusReport;
use vfs_core::{ControlFile, TorrentSource, Vfs};

use super::collect::status_of;
use super::info::MountInfo;
use super::metrics::metrics;

/// Returns the control files for a filesystem that is being created.
pub(crate) fn control_files<S: TorrentSource>(
    vfs: &Weak<Vfs<S>>,
    about: &MountInfo,
) -> Vec<ControlFile> {
    let file = |name, text: fn(&StatusReport) -> String| {
        // Weak, since the filesystem owns its control files.
        let (vfs, about) = (Weak::clone(vfs), about.clone());
        let render = move || match vfs.upgrade() {
            Some(vfs) => text(&status_of(&vfs, &about)).into(),
            None => Bytes::new(),
        };
        ControlFile { name, render: Arc::new(render) }
    };
    vec![file("status.json", json), file("metrics", metrics), file("healthy", healthy)]
}

fn json(status: &StatusReport) -> String {
    // Numbers, strings and lists of them always serialize.
    let mut text = serde_json::to_string_pretty(status).unwrap_or_default();
    text.push('\n');
    text
}

/// Returns `ok` or the problem, in one line. After `ok`, a second line may list skipped torrents:
/// health checks read the first line only.
pub(crate) fn healthy(status: &StatusReport) -> String {
    let lines = match &status.trouble {
        Some(trouble) => vec![trouble.clone()],
        None => std::iter::once("ok".to_owned()).chain(status.notes()).collect(),
    };
    let lines = lines.iter().map(|line| line.replace(char::is_control, " ") + "\n");
    lines.collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use tfs_testkit::fake::{FakeSource, directory};
    use vfs_core::{Ino, ServerId, VfsConfig};

    use std::time::Instant;

    use super::super::downloads::DownloadLog;
    use super::super::info::{DropWatch, ServerDescription};
    use super::super::metrics::metrics_of_all;
    use super::super::watch::ServerWatch;
    use super::*;
    use crate::intake::{Intake, WatchReport};
    use crate::preload::Preloads;
    use tfs_api::status::{
        DiscoveryStatus, DropStatus, FailedStatus, NamedTorrent, WatchFolderStatus,
    };

    struct Fixture {
        vfs: Arc<Vfs<FakeSource>>,
        watch: ServerWatch,
        _folder: WatchReport,
    }

    fn drop_status() -> DropStatus {
        DropStatus {
            path: "/srv/add".to_owned(),
            mounted: true,
            trouble: None,
            torrents: 1,
            writing: 0,
            sending: 0,
            waiting: 0,
            incomplete: 0,
            errors: 0,
            added: 1,
            refused: 0,
            files: Vec::new(),
        }
    }

    impl Fixture {
        fn new() -> Self {
            let source = FakeSource::new(4);
            source.add(directory(1, "torrent", &[("a", 100), ("b", 23)]));
            let watch = ServerWatch::default();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let about = MountInfo {
                servers: vec![ServerDescription {
                    name: "home".to_owned(),
                    url: "http://h:1/".to_owned(),
                    watch: watch.clone(),
                    budget: Weak::new(),
                    access: None,
                }],
                place: crate::LibraryPlace::Mounted("/mnt/a \"b\"".into()),
                started_at: 1_700_000_000,
                started: Instant::now(),
                runtime: runtime.handle().clone(),
                preloads: Preloads::default(),
                intake: Intake::default(),
                kernel: Arc::default(),
                downloads: DownloadLog::default(),
                drop: DropWatch::default(),
                fronts: crate::fronts::FrontWatch::default(),
            };
            about.drop.set(|| Some(drop_status()));
            let vfs = Arc::new_cyclic(|vfs| {
                let files = control_files(vfs, &about);
                Vfs::new(Arc::new(source), VfsConfig::default()).with_control_files(files)
            });
            let folder = WatchFolderStatus { dir: "/w".to_owned(), ..Default::default() };
            Self { vfs, watch, _folder: about.intake.add_folder(folder) }
        }

        fn apply(&self) {
            let source = self.vfs.source(ServerId::FIRST).unwrap();
            self.vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 0);
            self.watch.on_answer(1_700_000_001);
        }

        fn text(&self, name: &str) -> String {
            let control = self.vfs.lookup(Ino::ROOT, b".tfs").unwrap().attr.ino;
            let file = self.vfs.lookup(control, name.as_bytes()).unwrap().attr.ino;
            let handle = self.vfs.open(file).unwrap();
            let bytes = self.vfs.try_read(handle, 0, u32::MAX).unwrap().unwrap();
            self.vfs.release(handle);
            String::from_utf8(bytes.to_vec()).unwrap()
        }
    }

    #[track_caller]
    fn check(fixture: &Fixture, want: &Expect) {
        want.assert_eq(&fixture.text("healthy"));
    }

    #[test]
    fn healthy_is_ok_or_what_is_wrong() {
        let fixture = Fixture::new();
        check(&fixture, &expect![["the list of torrents is not known yet\n"]]);
        fixture.watch.on_failure("list the torrents: connection\nrefused".to_owned(), 1);
        check(
            &fixture,
            &expect![["the list of torrents is not known yet: list the torrents: connection \
                       refused\n"]],
        );
        fixture.apply();
        check(&fixture, &expect![["ok\n"]]);
        fixture.watch.on_failure("timed out".to_owned(), 1);
        check(&fixture, &expect![["the server does not answer: timed out\n"]]);
    }

    #[test]
    fn qbittorrent_13434_a_failed_torrent_is_not_healthy() {
        let fixture = Fixture::new();
        fixture.apply();
        let torrent = |name: &str, why: Option<&str>| NamedTorrent {
            info_hash: "aa".to_owned(),
            name: Some(name.to_owned()),
            why: why.map(str::to_owned),
        };
        let full = torrent("film\n.mkv", Some("No space left on device (os error 28)"));
        let set = |count, torrents| {
            let failed = FailedStatus { count, torrents };
            fixture.watch.set_discovery(DiscoveryStatus { failed, ..DiscoveryStatus::default() });
        };
        set(1, vec![full.clone()]);
        check(
            &fixture,
            &expect![["1 torrent has failed: film .mkv (No space left on device (os error 28))\n"]],
        );
        assert!(fixture.text("metrics").contains("\ntfs_healthy 0\n"));
        set(30, vec![torrent("a", None), full]);
        check(
            &fixture,
            &expect![["30 torrents have failed: a (the server gives no reason), and others\n"]],
        );
    }

    #[test]
    fn status_is_what_it_was_written_from() {
        let fixture = Fixture::new();
        fixture.apply();
        let text = fixture.text("status.json");
        let status: StatusReport = serde_json::from_str(&text).unwrap();
        assert_eq!(json(&status), text);
        assert_eq!((status.version, status.pid), (1, std::process::id()));
        let server = serde_json::to_string(&status.server).unwrap();
        expect![[r#"{"name":"home","url":"http://h:1/","reachable":true,"since":1700000001,"error":null,"list_age_seconds":0,"silent_seconds":null,"breaker":"closed","streams_open":0,"streams_max":4,"bytes_fetched":0,"requests":0,"errors":[],"first_byte":{"bounds_micros":[500,1000,2500,5000,10000,25000,100000,500000,2500000,10000000],"counts":[0,0,0,0,0,0,0,0,0,0,0],"sum_micros":0},"discovery":{"details":null,"left_out":{"count":0,"torrents":[]},"missing":{"count":0,"since":null,"torrents":[]},"failed":{"count":0,"torrents":[]},"metadata_pending":0,"metadata_unavailable":0},"budget":null}"#]]
        .assert_eq(&server);
        let tree = serde_json::to_string(&status.tree).unwrap();
        expect![[r#"{"known":true,"torrents":1,"files":2,"total_bytes":123,"have_bytes":123}"#]]
            .assert_eq(&tree);
        assert_eq!((status.reads.streams_max, status.reads.open_files), (4, 0));
        assert!(status.memory.resident_bytes.unwrap() > 1 << 20);
        assert!(status.memory.search_bytes > 0);
    }

    #[test]
    fn metrics_are_described_once_and_have_their_values() {
        let fixture = Fixture::new();
        fixture.apply();
        let text = fixture.text("metrics");
        let mut described = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                described.push(rest.split(' ').next().unwrap());
            }
            let name = described.last().unwrap();
            let is_of = line.starts_with(name)
                || line.starts_with(&format!("# TYPE {name} "))
                || line.starts_with(&format!("# HELP {name} "));
            assert!(is_of, "{line}");
        }
        let count = described.len();
        described.sort_unstable();
        described.dedup();
        assert_eq!(described.len(), count);
        let version = env!("CARGO_PKG_VERSION");
        for line in [
            "# TYPE tfs_healthy gauge",
            "# TYPE tfs_reads_total counter",
            "# TYPE tfs_read_duration_seconds histogram",
            "tfs_healthy 1",
            "tfs_torrents 1",
            "tfs_files 2",
            "tfs_have_bytes 123",
            "tfs_drop_added_total 1",
            "tfs_server_reachable{server=\"home\"} 1",
            "tfs_server_requests_total{server=\"home\"} 0",
            "tfs_server_first_byte_seconds_count{server=\"home\"} 0",
            "tfs_watch_folder_healthy{dir=\"/w\",server=\"\"} 1",
            &format!(
                "tfs_build_info{{version=\"{version}\",os=\"linux\",arch=\"{}\"}} 1",
                std::env::consts::ARCH
            ),
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        // node_exporter, which may collect the file, has these itself.
        assert!(!text.contains("process_"), "{text}");
    }

    #[test]
    fn metrics_of_a_process_have_the_mount_as_a_label_and_the_process_once() {
        let fixture = Fixture::new();
        fixture.apply();
        let status: StatusReport = serde_json::from_str(&fixture.text("status.json")).unwrap();
        let other = StatusReport { mountpoint: "/n".to_owned(), ..status.clone() };
        let text = metrics_of_all(&[status, other], 1);
        for line in [
            r#"tfs_files{mountpoint="/mnt/a \"b\""} 2"#,
            r#"tfs_files{mountpoint="/n"} 2"#,
            r#"tfs_server_reachable{mountpoint="/n",server="home"} 1"#,
            "tfs_mounts 2",
            "tfs_mounts_missing 1",
            "tfs_tasks 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        for name in [
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
            "process_virtual_memory_bytes",
            "process_open_fds",
            "process_max_fds",
            "process_threads",
            "process_start_time_seconds",
        ] {
            let samples: Vec<_> = text.lines().filter(|line| line.starts_with(name)).collect();
            assert_eq!(samples.len(), 1, "{name}: {samples:?}");
            let value: f64 = samples[0].split_once(' ').unwrap().1.parse().unwrap();
            assert!(value > 0.0, "{name} {value}");
        }
        // Without a mount, the process is still described.
        let none = metrics_of_all(&[], 0);
        assert!(none.contains("\ntfs_mounts 0\n") && none.contains("\nprocess_open_fds "));
        assert!(!none.contains("tfs_tasks"), "{none}");
    }
}
