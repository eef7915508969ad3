//! A server over a fake source.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tfs_testkit::fake::{FakeSource, directory, file_id, single_file};
use tfs_testkit::until::until_async;
use vfs_core::{Export, FileKind, OpenReader, ServerId, TorrentDetails, Vfs, VfsConfig};
use webdav_adapter::{DeviceTokens, WebdavServer, WebdavSettings};

use crate::client::{Reply, send};

/// Length of `film.mkv`.
pub(crate) const FILM_LEN: u64 = 3_000_000;

/// The token of the device `tv`.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A server and what is behind it.
pub(crate) struct WebdavStage {
    pub(crate) source: FakeSource,
    pub(crate) vfs: Arc<Vfs<FakeSource>>,
    pub(crate) server: WebdavServer,
    pub(crate) device: Arc<OneDevice>,
}

/// One device has a token, until it is revoked.
#[derive(Default)]
pub(crate) struct OneDevice {
    is_revoked: AtomicBool,
}

impl OneDevice {
    pub(crate) fn revoke(&self) {
        self.is_revoked.store(true, Ordering::Relaxed);
    }
}

impl DeviceTokens for OneDevice {
    fn device_of(&self, token: &str) -> Option<String> {
        let is_known = token == TOKEN && !self.is_revoked.load(Ordering::Relaxed);
        is_known.then(|| "tv".to_owned())
    }
}

/// Returns settings for a free port of this machine.
pub(crate) fn settings() -> WebdavSettings {
    WebdavSettings::new(SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// Returns the torrents of most tests: a film, and a directory of odd names.
fn library() -> Vec<TorrentDetails> {
    let mut series = directory(
        2,
        "Series & more",
        &[
            ("Season 1/e2.mkv", 10),
            ("Season 1/e1.mkv", 10),
            ("notes.txt", 5),
            ("100% <real>?#.mp3", 7),
            ("empty.bin", 0),
            ("link.mkv", 0),
            ("loop", 0),
        ],
    );
    series.files[5].kind = FileKind::Symlink { target: vec!["Season 1".into(), "e1.mkv".into()] };
    series.files[6].kind = FileKind::Symlink { target: vec!["Season 1".into()] };
    vec![single_file(1, "film.mkv", FILM_LEN), series]
}

impl WebdavStage {
    /// Serves the usual torrents, open to this machine.
    pub(crate) async fn new() -> Self {
        Self::with(settings(), library()).await
    }

    pub(crate) async fn with_settings(settings: WebdavSettings) -> Self {
        Self::with(settings, library()).await
    }

    pub(crate) async fn with(settings: WebdavSettings, torrents: Vec<TorrentDetails>) -> Self {
        let source = FakeSource::new(4);
        source.set_chunk_bytes(64 << 10);
        for torrent in torrents {
            source.add(torrent);
        }
        let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), VfsConfig::default()));
        let device = Arc::new(OneDevice::default());
        let tokens = Arc::clone(&device) as Arc<dyn DeviceTokens>;
        let export = Export::new(Arc::clone(&vfs));
        let server = WebdavServer::start(export, settings, tokens).await.unwrap();
        let stage = Self { source, vfs, server, device };
        stage.apply();
        stage
    }

    /// Brings the list of the source into the tree.
    pub(crate) fn apply(&self) {
        let (listing, details) = (self.source.listing(), self.source.all_details());
        self.vfs.apply(ServerId::FIRST, listing, details, 1);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) async fn send(&self, request: &str) -> Reply {
        send(self.address(), request, b"").await
    }

    /// Checks the status of a request, and returns the answer.
    pub(crate) async fn check(&self, request: &str, status: u16) -> Reply {
        let reply = self.send(request).await;
        assert_eq!(reply.status, status, "{request}: {reply:?}");
        reply
    }

    /// Returns bytes of the film.
    pub(crate) fn film(start: u64, end: u64) -> Vec<u8> {
        let len = usize::try_from(end - start).unwrap();
        FakeSource::content(file_id(1, 0), FILM_LEN).bytes(start, len)
    }

    /// Waits until the readers are as a test expects.
    pub(crate) async fn until_readers(&self, what: &str, is_it: impl Fn(&[OpenReader]) -> bool) {
        until_async(what, async || is_it(&self.vfs.readers()).then_some(())).await;
    }
}
