//! A fake mount, and a control server for it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tempfile::TempDir;
use tfs_api::ControlClient;
use tfs_api::wire::*;
use tfs_state::TagChange;
use tokio::sync::Notify;

use super::super::ControlServer;
use super::super::controlled::{ControlTarget, MountRegistry, Registration};
use crate::history::CounterReading;
use crate::page_files::MountFiles;
use crate::server::NamedServer;

/// Content of the mount's `.tfs/status.json`.
pub(in crate::control) const STATUS: &str = r#"{
    "version": 1, "tfs_version": "0.1.0", "pid": 7, "mountpoint": "/m", "started_at": 1,
    "uptime_seconds": 2, "trouble": null,
    "server": {"name": "h", "url": "http://h/", "reachable": true, "since": 1, "error": null,
        "breaker": "closed", "streams_open": 0, "streams_max": 4, "bytes_fetched": 0,
        "budget": null},
    "servers": [{"name": "h", "url": "http://h/", "reachable": true, "since": 1, "error": null,
        "breaker": "closed", "streams_open": 0, "streams_max": 4, "bytes_fetched": 0,
        "budget": null}],
    "tree": {"known": true, "torrents": 1, "files": 2, "total_bytes": 3, "have_bytes": 3},
    "reads": {"open_files": 0, "waiting": 0, "streams_open": 0, "streams_max": 4, "reads": 0,
        "hits": 0, "failures": 0, "streams_opened": 0, "retries": 0, "bytes_fetched": 0,
        "bytes_given": 0, "local_reads": 0, "bytes_local": 0, "bytes_unused": 0},
    "memory": {"resident_bytes": 1, "buffered_bytes": 0, "cached_bytes": 0, "limit_bytes": 1,
        "search_bytes": 0}
}"#;

/// A mount whose behaviour the test sets.
#[derive(Default)]
pub(super) struct FakeMount {
    pub(super) path: String,
    /// Requests that it received.
    pub(super) asked: Mutex<Vec<String>>,
    /// Whether a refresh never completes.
    pub(super) is_stuck: bool,
    /// Notified when a refresh begins, and when it was cancelled.
    pub(super) refresh_begins: Notify,
    pub(super) refresh_given_up: Arc<Notify>,
}

struct Tell(Arc<Notify>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl FakeMount {
    pub(super) fn at(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    fn record(&self, text: String) {
        self.asked.lock().unwrap().push(text);
    }

    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl ControlTarget for FakeMount {
    fn id(&self) -> MountId {
        MountId { mountpoint: self.path.clone(), device: "0:45".to_owned() }
    }

    fn note_command(&self) {}

    fn counters(&self) -> Option<CounterReading> {
        Some(CounterReading::default())
    }

    fn status(&self) -> Result<MountStatus, FailureBody> {
        let status = serde_json::from_str(STATUS).unwrap();
        Ok(MountStatus {
            device: self.id().device,
            status,
            recent: RecentStatus::default(),
            readers: Vec::new(),
            also_mounted: Vec::new(),
            preloading: Vec::new(),
        })
    }

    fn embedded_servers(&self) -> Vec<EmbeddedServerInfo> {
        let access = ServerAccess {
            url: "http://127.0.0.1:1/".to_owned(),
            username: "tfs".to_owned(),
            password: "5ecr3t".to_owned(),
            record_key: None,
        };
        vec![EmbeddedServerInfo { mountpoint: self.path.clone(), access }]
    }

    fn servers(&self) -> Vec<NamedServer> {
        Vec::new()
    }

    fn files(&self) -> Arc<dyn MountFiles> {
        unreachable!("no test of the control API reads files")
    }

    fn refresh(&self, request: RefreshRequest) -> BoxFuture<'_, Result<Refreshed, FailureBody>> {
        let accepts = if request.accept_removals { " accepts removals" } else { "" };
        let removed = request.removed.iter().map(|it| format!(" without {it}"));
        self.record(format!("refresh{accepts}{}", removed.collect::<String>()));
        Box::pin(async {
            let _given_up = Tell(Arc::clone(&self.refresh_given_up));
            self.refresh_begins.notify_one();
            if self.is_stuck {
                std::future::pending::<()>().await;
            }
            Ok(Refreshed { added: vec!["a".to_owned()], torrents: 1, ..Refreshed::default() })
        })
    }

    fn cache_stats(&self) -> Result<CacheStats, FailureBody> {
        Ok(CacheStats { cached_bytes: 7, ..CacheStats::default() })
    }

    fn clear(&self, parts: CacheParts) -> BoxFuture<'_, Result<Cleared, FailureBody>> {
        self.record(format!("clear {parts:?}"));
        Box::pin(async { Ok(Cleared { memory_bytes: 7, ..Cleared::default() }) })
    }

    fn unmount(&self, mode: UnmountMode) -> BoxFuture<'_, Result<Unmounted, FailureBody>> {
        self.record(format!("unmount {mode:?}"));
        Box::pin(async move {
            if mode != UnmountMode::Clean {
                return Ok(Unmounted::default());
            }
            let holder = HolderInfo { pid: 7, command: "mpv".to_owned(), path: "/m/x".to_owned() };
            let failure = FailureBody::new(FailureKind::Busy, "it is in use by mpv");
            Err(FailureBody { holders: vec![holder], ..failure })
        })
    }

    fn tag(&self, change: &TagChange) -> Result<(), FailureBody> {
        let TagChange { torrents, add, remove, remove_all } = change;
        self.record(format!("tag {} {add:?} {remove:?} {remove_all}", torrents.len()));
        match add.is_empty() {
            true => Err(FailureBody::new(FailureKind::Failed, "the disk is full")),
            false => Ok(()),
        }
    }

    fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, FailureBody> {
        self.record(format!("search {:?} {}", request.query, request.limit));
        Ok(SearchAnswer::default())
    }

    fn preload(
        &self,
        request: &PreloadRequest,
    ) -> Result<BoxStream<'static, PreloadEvent>, FailureBody> {
        self.record(format!("preload {:?} {:?}", request.paths, request.head_bytes));
        if request.paths == ["nothing"] {
            return Err(FailureBody::new(FailureKind::UnknownFile, "failed to find nothing"));
        }
        let path = "t/a".to_owned();
        let mut events = vec![PreloadEvent::Began { files: 1, total_bytes: 9 }];
        events.extend((0..3).map(|n| PreloadEvent::Progress {
            path: path.clone(),
            there_bytes: n,
            total_bytes: 9,
            waits_for: None,
        }));
        let given_up = Tell(Arc::clone(&self.refresh_given_up));
        let end = if self.is_stuck {
            stream::once(async move {
                let _given_up = given_up;
                std::future::pending().await
            })
            .boxed()
        } else {
            stream::once(async { PreloadEvent::Ended { done: 1, failed: 0 } }).boxed()
        };
        Ok(stream::iter(events).chain(end).boxed())
    }
}

/// A control server in a directory of its own.
pub(super) struct Served {
    pub(super) dir: TempDir,
    pub(super) server: ControlServer,
    pub(super) mounts: Vec<Arc<FakeMount>>,
    _listed: Vec<Registration>,
}

impl Served {
    pub(super) async fn start(fakes: Vec<FakeMount>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mounts = MountRegistry::default();
        let fakes: Vec<_> = fakes.into_iter().map(Arc::new).collect();
        let listed = fakes.iter().map(|fake| mounts.add(Arc::clone(fake) as _)).collect();
        let server = ControlServer::start_at(&dir.path().join("tfs"), mounts).await.unwrap();
        Self { dir, server, mounts: fakes, _listed: listed }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.server.path().unwrap().to_owned()
    }

    pub(super) fn client(&self) -> ControlClient {
        ControlClient::new(self.socket())
    }
}
