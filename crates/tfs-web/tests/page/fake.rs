//! A backend that counts, fails and hangs as told.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending, ready};
use tfs_api::wire::{FailureBody, FailureKind, SearchAnswer};
use tfs_web::model::{
    AddRequest, FilePlace, History, MountQuery, Overview, PieceMap, TorrentDetail, WebAction,
    WebAdded, WebTorrents,
};
use tfs_web::{AccessToken, WebBackend, WebClient, WebFile, WebOptions, WebServer, WebSettings};
use tokio::sync::Notify;

use super::backend::FakeBackend;
use super::client::{PageAnswer, exchange, request};
use super::library::hash_of;

pub(crate) const TOKEN: &str = "correct horse";

/// Files with faults, by their index in the first torrent.
pub(crate) mod faulty {
    pub(crate) const FAILS_TO_OPEN: u32 = 900;
    pub(crate) const TIMES_OUT: u32 = 901;
    pub(crate) const MISSING: u32 = 902;
    pub(crate) const GONE: u32 = 903;
    pub(crate) const SOURCE_FAILS: u32 = 904;
    pub(crate) const FAILS_LATER: u32 = 905;
    pub(crate) const HANGS_LATER: u32 = 906;
    pub(crate) const ODD_NAME: u32 = 907;
    pub(crate) const EMPTY: u32 = 908;
    pub(crate) const TOO_SHORT: u32 = 909;
    pub(crate) const LARGE: u32 = 910;
    pub(crate) const SMALL: u32 = 911;
}

/// Length of most faulty files: more than the first read.
pub(crate) const FAULTY_BYTES: u64 = 1 << 20;

/// What the tests see of the backend.
#[derive(Debug, Default)]
pub(crate) struct BackendLog {
    pub(crate) overviews: AtomicUsize,
    /// Told when an overview begins.
    pub(crate) overview_begins: Notify,
    pub(crate) acts: Mutex<Vec<String>>,
    /// Files that are open.
    pub(crate) open_files: AtomicUsize,
    /// Told when a file is released.
    pub(crate) released: Notify,
    /// Bytes of the longest read.
    pub(crate) longest_read: AtomicUsize,
}

/// Switches of the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OverviewFault {
    #[default]
    None,
    Hangs,
    PanicsOnce,
}

pub(crate) struct TestBackend {
    inner: FakeBackend,
    fault: OverviewFault,
    seen: Arc<BackendLog>,
}

impl fmt::Debug for TestBackend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TestBackend")
    }
}

/// A page that is served.
pub(crate) struct TestPage {
    pub(crate) server: WebServer,
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<BackendLog>,
}

/// Settings of a test's page.
pub(crate) struct PageSetup {
    pub(crate) token: Option<&'static str>,
    pub(crate) control: bool,
    pub(crate) hosts: &'static [&'static str],
    pub(crate) mounts: usize,
    pub(crate) fault: OverviewFault,
}

impl Default for PageSetup {
    fn default() -> Self {
        let fault = OverviewFault::None;
        Self { token: Some(TOKEN), control: true, hosts: &[], mounts: 1, fault }
    }
}

impl PageSetup {
    /// A page without a token.
    pub(crate) fn open() -> Self {
        Self { token: None, control: false, ..Self::default() }
    }

    pub(crate) async fn start(self) -> TestPage {
        let options = WebOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            token: self.token.map(|token| AccessToken::new(token).unwrap()),
            control: self.control,
            hosts: self.hosts.iter().map(|&host| host.to_owned()).collect(),
        };
        let seen = Arc::<BackendLog>::default();
        let inner = FakeBackend::new(self.mounts);
        let backend = TestBackend { inner, fault: self.fault, seen: Arc::clone(&seen) };
        let settings = WebSettings::new(options).unwrap();
        let server = WebServer::start(settings, Arc::new(backend)).await.unwrap();
        TestPage { address: server.address(), server, seen }
    }
}

impl TestPage {
    /// Sends a request with header lines, without a right unless they give one.
    pub(crate) async fn send(&self, method: &str, path: &str, lines: &[&str]) -> PageAnswer {
        exchange(self.address, &request(self.address, method, path, lines, b"")).await
    }

    /// Reads a path with the token.
    pub(crate) async fn get(&self, path: &str) -> PageAnswer {
        self.send("GET", path, &[&bearer()]).await
    }

    /// Posts a body with header lines.
    pub(crate) async fn post(&self, path: &str, lines: &[&str], body: &[u8]) -> PageAnswer {
        exchange(self.address, &request(self.address, "POST", path, lines, body)).await
    }

    /// Logs in, and returns the header line with the cookie.
    pub(crate) async fn log_in(&self) -> String {
        let body = format!("token={}", TOKEN.replace(' ', "+"));
        let answer = self.post("/login", &[], body.as_bytes()).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("set-cookie").split(';').next().unwrap();
        format!("cookie: {cookie}")
    }
}

/// Returns the header line with the token.
pub(crate) fn bearer() -> String {
    format!("authorization: Bearer {TOKEN}")
}

/// Returns the path of a faulty file.
pub(crate) fn faulty_path(index: u32) -> String {
    format!("/file/{}/{index}/x", hash_of(0))
}

/// A file with a fault.
struct FaultyFile {
    index: u32,
    len: u64,
    seen: Arc<BackendLog>,
}

impl Drop for FaultyFile {
    fn drop(&mut self) {
        self.seen.open_files.fetch_sub(1, Ordering::SeqCst);
        self.seen.released.notify_one();
    }
}

impl WebFile for FaultyFile {
    fn name(&self) -> &str {
        match self.index {
            faulty::ODD_NAME => "<b>\r\nSet-Cookie: x=1\r\n\r\n\"\u{1f3ac}.html",
            _ => "film.mkv",
        }
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, offset: u64, len: u32) -> BoxFuture<'_, Result<Bytes, FailureBody>> {
        self.seen.longest_read.fetch_max(len as usize, Ordering::SeqCst);
        let failed = |kind| ready(Err(FailureBody::new(kind, "as told"))).boxed();
        match self.index {
            faulty::TIMES_OUT => return failed(FailureKind::TimedOut),
            faulty::MISSING => return failed(FailureKind::Unavailable),
            faulty::GONE => return failed(FailureKind::Gone),
            faulty::SOURCE_FAILS => return failed(FailureKind::ServerFailed),
            faulty::TOO_SHORT => return ready(Ok(Bytes::new())).boxed(),
            faulty::FAILS_LATER if offset > 0 => return failed(FailureKind::TimedOut),
            faulty::HANGS_LATER if offset > 0 => return pending().boxed(),
            _ => {}
        }
        let end = (offset + u64::from(len)).min(self.len);
        ready(Ok((offset..end).map(|at| at as u8).collect())).boxed()
    }
}

impl WebBackend for TestBackend {
    fn overview(&self) -> BoxFuture<'_, Overview> {
        let count = self.seen.overviews.fetch_add(1, Ordering::SeqCst);
        self.seen.overview_begins.notify_one();
        match self.fault {
            OverviewFault::Hangs => pending().boxed(),
            OverviewFault::PanicsOnce if count == 0 => async { panic!("as told") }.boxed(),
            OverviewFault::PanicsOnce | OverviewFault::None => self.inner.overview(),
        }
    }

    fn history(&self) -> History {
        self.inner.history()
    }

    fn torrents(&self, mount: MountQuery) -> BoxFuture<'_, Result<WebTorrents, FailureBody>> {
        self.inner.torrents(mount)
    }

    fn torrent(
        &self,
        mount: MountQuery,
        info_hash: String,
    ) -> BoxFuture<'_, Result<TorrentDetail, FailureBody>> {
        self.inner.torrent(mount, info_hash)
    }

    fn pieces(
        &self,
        place: FilePlace,
        buckets: usize,
    ) -> BoxFuture<'_, Result<PieceMap, FailureBody>> {
        self.inner.pieces(place, buckets)
    }

    fn search(
        &self,
        mount: MountQuery,
        words: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<SearchAnswer, FailureBody>> {
        self.inner.search(mount, words, limit)
    }

    fn open(
        &self,
        place: FilePlace,
        client: WebClient,
    ) -> BoxFuture<'_, Result<Box<dyn WebFile>, FailureBody>> {
        let index = place.file_index;
        let len = match index {
            faulty::FAILS_TO_OPEN => {
                let failure = FailureBody::new(FailureKind::ServerUnreachable, "as told");
                return ready(Err(failure)).boxed();
            }
            faulty::EMPTY => 0,
            faulty::LARGE => 100 << 30,
            faulty::SMALL => 1000,
            0..900 => return self.inner.open(place, client),
            _ => FAULTY_BYTES,
        };
        self.seen.open_files.fetch_add(1, Ordering::SeqCst);
        let seen = Arc::clone(&self.seen);
        ready(Ok(Box::new(FaultyFile { index, len, seen }) as _)).boxed()
    }

    fn act(
        &self,
        mount: MountQuery,
        info_hash: String,
        action: WebAction,
    ) -> BoxFuture<'_, Result<(), FailureBody>> {
        self.seen.acts.lock().unwrap().push(format!("{action:?}"));
        self.inner.act(mount, info_hash, action)
    }

    fn add(&self, request: AddRequest) -> BoxFuture<'_, Result<WebAdded, FailureBody>> {
        let AddRequest { server, paused, content, .. } = &request;
        let act = format!("add {} bytes, server {server:?}, paused {paused}", content.len());
        self.seen.acts.lock().unwrap().push(act);
        self.inner.add(request)
    }
}
