//! READ of missing data.

use std::time::Duration;

use nfs_adapter::NfsWaits;
use nfs3_types::nfs3::nfsstat3;
use tfs_testkit::fake::file_id;
use vfs_core::SourceErrorKind;

use crate::client::read_results;
use crate::support::{Fixture, serve, settings, update};

/// Waits until no stream of the source is open. The test runner kills a test that hangs here.
async fn all_closed(fixture: &Fixture) {
    while fixture.source.open_now() > 0 || fixture.vfs.readers().iter().any(|it| it.wait.is_some())
    {
        tokio::task::yield_now().await;
    }
}

/// Waits until a reader waits.
async fn one_waits(fixture: &Fixture) {
    while !fixture.vfs.readers().iter().any(|it| it.wait.is_some()) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn other_calls_are_answered_while_a_read_waits() {
    let fixture = serve(settings()).await;
    fixture.source.hold(file_id(1, 0));
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    let subtitles = client.find("film/sub/de.srt").await;
    let waiting = client.send_read(&film, 1000, 10).await;
    for _ in 0..3 {
        assert!(client.attr(&film).await.is_ok());
        assert_eq!(client.read(&subtitles, 0, 100).await.unwrap().0.len(), 100);
    }
    fixture.source.let_go(file_id(1, 0));
    let (xid, reply) = client.next_reply().await.unwrap();
    assert_eq!((xid, read_results(&reply).unwrap().0.len()), (waiting, 10));
}

#[tokio::test]
async fn reads_end_with_their_connection() {
    let fixture = serve(settings()).await;
    fixture.source.hold(file_id(1, 0));
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    for offset in 0..1000 {
        client.send_read(&film, offset * 3000, 3000).await;
    }
    assert!(client.attr(&film).await.is_ok(), "a thousand reads do not stop the metadata");
    one_waits(&fixture).await;
    drop(client);
    all_closed(&fixture).await;
    while fixture.server.counts().connections > 0 {
        tokio::task::yield_now().await;
    }
    let mut client = fixture.client().await;
    fixture.source.let_go(file_id(1, 0));
    assert_eq!(client.read(&film, 0, 10).await.unwrap().0.len(), 10);
}

#[tokio::test]
async fn more_reads_than_are_allowed_wait_in_the_connection() {
    let fixture = serve(settings()).await;
    fixture.source.hold(file_id(1, 0));
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    for offset in 0..1500 {
        client.send_read(&film, offset * 1000, 1000).await;
    }
    one_waits(&fixture).await;
    fixture.source.let_go(file_id(1, 0));
    for _ in 0..1500 {
        let (_, reply) = client.next_reply().await.unwrap();
        assert_eq!(read_results(&reply).unwrap().0.len(), 1000);
    }
}

#[tokio::test]
async fn a_kernel_asks_again_until_the_data_is_there() {
    let mut settings = settings();
    settings.waits = NfsWaits::Jukebox { after: Duration::from_millis(20) };
    let fixture = serve(settings).await;
    fixture.source.hold(file_id(1, 0));
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    for _ in 0..3 {
        assert_eq!(client.read(&film, 0, 10).await, Err(nfsstat3::NFS3ERR_JUKEBOX));
    }
    assert_eq!(fixture.source.opened().len(), 1, "it is one read");
    fixture.source.let_go(file_id(1, 0));
    while client.read(&film, 0, 10).await == Err(nfsstat3::NFS3ERR_JUKEBOX) {}
    assert_eq!(client.read(&film, 0, 10).await.unwrap().0.len(), 10);
    // The reads that go on end with the connection too.
    fixture.source.hold_from(file_id(1, 0), 1 << 20);
    let late = client.read(&film, 2 << 20, 10).await;
    assert_eq!(late, Err(nfsstat3::NFS3ERR_JUKEBOX));
    one_waits(&fixture).await;
    drop(client);
    all_closed(&fixture).await;
}

#[tokio::test]
async fn a_kernel_gets_the_error_in_the_end() {
    let mut settings = settings();
    settings.waits = NfsWaits::Jukebox { after: Duration::from_millis(20) };
    let fixture = serve(settings).await;
    fixture.source.fail_opens(file_id(1, 0), Some(SourceErrorKind::Denied));
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    let status = loop {
        match client.read(&film, 0, 10).await {
            Err(nfsstat3::NFS3ERR_JUKEBOX) => {}
            end => break end,
        }
    };
    assert_eq!(status, Err(nfsstat3::NFS3ERR_ACCES));
}

#[tokio::test]
async fn a_read_of_a_removed_torrent_ends() {
    let fixture = serve(settings()).await;
    fixture.source.hold(file_id(1, 0));
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    client.send_read(&film, 0, 10).await;
    one_waits(&fixture).await;
    fixture.source.remove(file_id(1, 0).torrent);
    update(&fixture.source, &fixture.vfs);
    fixture.source.let_go(file_id(1, 0));
    // The data of an open file, or no file.
    let (_, reply) = client.next_reply().await.unwrap();
    let end = read_results(&reply).map(|(bytes, _)| bytes.len());
    assert!(matches!(end, Ok(10) | Err(nfsstat3::NFS3ERR_STALE)), "{end:?}");
    assert_eq!(client.attr(&film).await.map(|_| ()), Err(nfsstat3::NFS3ERR_STALE));
}

#[tokio::test]
async fn the_end_of_the_server_ends_its_reads() {
    let fixture = serve(settings()).await;
    fixture.source.hold(file_id(1, 0));
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    client.send_read(&film, 0, 10).await;
    one_waits(&fixture).await;
    let Fixture { source, vfs, server } = fixture;
    server.end().await;
    assert!(client.next_reply().await.is_none());
    assert_eq!((source.open_now(), vfs.open_count()), (0, 0));
}

#[tokio::test]
async fn a_read_that_nothing_asks_for_again_ends_before_its_deadline() {
    let mut settings = settings();
    settings.waits = NfsWaits::Jukebox { after: Duration::from_millis(20) };
    let fixture = serve(settings).await;
    fixture.source.hold(file_id(1, 0));
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    assert_eq!(client.read(&film, 0, 10).await, Err(nfsstat3::NFS3ERR_JUKEBOX));
    one_waits(&fixture).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(50)).await;
    tokio::time::resume();
    while fixture.vfs.readers().iter().any(|reader| reader.wait.is_some()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(fixture.vfs.counters().total.failures, 0, "its deadline was not reached");
}
