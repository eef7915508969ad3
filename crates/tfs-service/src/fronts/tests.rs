//! Front ends over a source of the tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tfs_api::status::FrontStatus;
use tfs_testkit::fake::{FakeSource, directory, file_id};
use tfs_testkit::until::until_async;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use vfs_core::{Export, ServerId, Vfs, VfsConfig};

use super::*;

struct ServedFiles {
    vfs: Arc<Vfs<FakeSource>>,
    dir: tempfile::TempDir,
}

impl ServedFiles {
    fn new() -> Self {
        let source = FakeSource::new(4);
        source.add(directory(1, "t", &[("a", 5_000)]));
        let vfs = Arc::new(Vfs::new(Arc::new(source), VfsConfig::default()));
        let source = vfs.source(ServerId::FIRST).unwrap();
        vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 0);
        Self { vfs, dir: tempfile::tempdir().unwrap() }
    }

    async fn start(&self, settings: &[FrontSettings]) -> Fronts {
        let mut fronts = Vec::new();
        for settings in settings {
            fronts.push(BoundFront::bind(settings.clone(), Some(self.dir.path())).await);
        }
        let parts = FrontParts {
            export: Export::new(Arc::clone(&self.vfs)),
            owner: FileOwner { uid: 1, gid: 2, umask: 0o022 },
            state_dir: Some(self.dir.path().to_owned()),
        };
        Fronts::start(fronts, parts)
    }
}

fn settings(kind: FrontKind, listen: SocketAddr) -> FrontSettings {
    FrontSettings {
        kind,
        name: Some("one".to_owned()),
        listen,
        auth: None,
        allows_anyone: false,
        tls: None,
        hosts: Vec::new(),
        first_byte_max: Duration::from_secs(20),
    }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn address_of(status: &FrontStatus) -> SocketAddr {
    let url = status.url.as_deref().unwrap();
    url.split("//").nth(1).unwrap().trim_end_matches('/').parse().unwrap()
}

/// Returns the answer to a request, with its head.
async fn get(address: SocketAddr, path: &str) -> Vec<u8> {
    let mut peer = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    peer.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    peer.read_to_end(&mut answer).await.unwrap();
    answer
}

fn is_ok(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 200 OK\r\n")
}

#[tokio::test]
async fn a_library_is_served_in_several_ways_at_once() {
    let library = ServedFiles::new();
    let fronts = library
        .start(&[settings(FrontKind::Webdav, any_port()), settings(FrontKind::Nfs, any_port())])
        .await;
    assert_eq!(fronts.first_trouble(), None);
    let [webdav, nfs] = <[_; 2]>::try_from(fronts.statuses()).unwrap();
    assert!(webdav.url.as_deref().unwrap().starts_with("http://127.0.0.1:"), "{webdav:?}");
    assert!(nfs.url.as_deref().unwrap().starts_with("nfs://127.0.0.1:"), "{nfs:?}");
    let answer = get(address_of(&webdav), "/t/a").await;
    assert!(is_ok(&answer), "{}", String::from_utf8_lossy(&answer));
    let (_head, body) = answer.split_at(answer.len() - 5_000);
    FakeSource::content(file_id(1, 0), 5_000).check(0, body).unwrap();
    let [webdav, _] = <[_; 2]>::try_from(fronts.statuses()).unwrap();
    assert_eq!((webdav.requests, webdav.sent_bytes, webdav.refused), (1, 5_000, 0));
    assert_eq!((webdav.kind.as_str(), webdav.name.as_deref()), ("webdav", Some("one")));
    let watch = FrontWatch::default();
    assert_eq!(watch.statuses(), []);
    watch.set(&fronts);
    assert_eq!(watch.statuses().len(), 2);
    fronts.end().await;
    assert_eq!(watch.statuses(), []);
    TcpStream::connect(address_of(&webdav)).await.unwrap_err();
    // Nothing keeps the files of the library alive.
    assert_eq!(library.vfs.open_count(), 0);
}

#[tokio::test]
async fn a_token_of_a_device_works_until_it_is_revoked() {
    let library = ServedFiles::new();
    let fronts = library.start(&[settings(FrontKind::Webdav, any_port())]).await;
    let address = address_of(&fronts.statuses()[0]);
    let store = DeviceTokenStore::in_state_dir(library.dir.path());
    let token = store.create("tv").unwrap();
    let path = format!("/k/{token}/t/a");
    let until = async |want: bool| {
        let look = async || (is_ok(&get(address, &path).await) == want).then_some(());
        until_async("the change is seen", look).await;
    };
    until(true).await;
    store.revoke("tv").unwrap();
    until(false).await;
    fronts.end().await;
}

#[tokio::test]
async fn one_that_fails_takes_no_other_with_it_and_is_tried_again() {
    let library = ServedFiles::new();
    let taken = TcpListener::bind(any_port()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let fronts = library
        .start(&[settings(FrontKind::Webdav, address), settings(FrontKind::Nfs, any_port())])
        .await;
    let [webdav, nfs] = <[_; 2]>::try_from(fronts.statuses()).unwrap();
    let trouble = format!("failed to serve webdav at {address}: Address already in use");
    assert!(webdav.trouble.as_deref().unwrap().starts_with(&trouble), "{webdav:?}");
    assert_eq!((webdav.url, nfs.trouble), (None, None));
    assert!(fronts.first_trouble().is_some());
    drop(taken);
    tokio::time::pause();
    for _ in 0..600 {
        tokio::time::advance(Duration::from_secs(1)).await;
        if fronts.first_trouble().is_none() {
            break;
        }
        // Another thread takes the address.
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
    tokio::time::resume();
    assert_eq!(fronts.first_trouble(), None);
    assert!(is_ok(&get(address, "/t/a").await));
    fronts.end().await;
}
