//! READ of present data.

use nfs3_types::nfs3::nfsstat3;
use tfs_testkit::fake::{FakeSource, file_id, single_file};
use vfs_core::ReadWay;

use crate::support::{FILM_LEN, serve, settings, update};

#[tokio::test]
async fn every_range_has_its_bytes() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    let content = FakeSource::content(file_id(1, 0), FILM_LEN);
    for (offset, count, want, is_end) in [
        (0, 1, 1, false),
        (0, 0, 0, false),
        (7, 4097, 4097, false),
        (0, 1 << 20, 1 << 20, false),
        // 4 GiB are as much as the server gives at a time.
        (5, u32::MAX, 1 << 20, false),
        (FILM_LEN - 3, 3, 3, true),
        (FILM_LEN - 3, 4096, 3, true),
        (FILM_LEN, 4096, 0, true),
        (u64::MAX, u32::MAX, 0, true),
    ] {
        let (bytes, eof) = client.read(&film, offset, count).await.unwrap();
        assert_eq!((bytes.len(), eof), (want, is_end), "{offset} {count}");
        content.check(offset, &bytes).unwrap();
    }
    assert_eq!(fixture.source.violations(), [] as [String; 0]);
}

#[tokio::test]
async fn a_file_in_sequence_takes_few_streams() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    let content = FakeSource::content(file_id(1, 0), FILM_LEN);
    let mut offset = 0;
    while offset < FILM_LEN {
        let (bytes, _) = client.read(&film, offset, 32 << 10).await.unwrap();
        content.check(offset, &bytes).unwrap();
        offset += bytes.len() as u64;
    }
    assert!(fixture.source.opened().len() <= 3, "{:?}", fixture.source.opened());
    assert_eq!(fixture.server.counts().sent_bytes, FILM_LEN);
}

#[tokio::test]
async fn a_reader_has_the_name_of_its_machine() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    client.read(&film, 0, 10).await.unwrap();
    client.read(&film, 10, 10).await.unwrap();
    let readers = fixture.vfs.readers();
    let [reader] = &readers[..] else { panic!("one reader: {readers:?}") };
    let origin = reader.origin.as_ref().unwrap();
    assert_eq!((origin.front, origin.peer.as_str()), ("nfs", "127.0.0.1"));
    assert_eq!(origin.agent.as_deref(), Some("laptop"));
    assert_ne!(reader.way, ReadWay::Local);
    assert_eq!(fixture.server.counts().connections, 1);
    fixture.server.end().await;
    assert!(client.next_reply().await.is_none(), "the connection has ended");
}

#[tokio::test]
async fn only_files_have_bytes() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let dir = client.find("film").await;
    assert_eq!(client.read(&dir, 0, 10).await, Err(nfsstat3::NFS3ERR_INVAL));
}

#[tokio::test]
async fn offsets_have_64_bits() {
    let fixture = serve(settings()).await;
    let len = 6 << 30;
    fixture.source.add(single_file(4, "large", len));
    update(&fixture.source, &fixture.vfs);
    let mut client = fixture.client().await;
    let large = client.find("large").await;
    assert_eq!(client.attr(&large).await.unwrap().size, len);
    let content = FakeSource::content(file_id(4, 0), len);
    for offset in [(4 << 30) - 5, (5 << 30) + 7, len - 10] {
        let (bytes, _) = client.read(&large, offset, 10).await.unwrap();
        assert_eq!(bytes.len(), 10);
        content.check(offset, &bytes).unwrap();
    }
}
