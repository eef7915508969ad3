//! MOUNT, exported paths and file handles.

use std::sync::Arc;

use nfs_adapter::{NfsError, NfsServer};
use nfs3_types::mount::{self, exports, mountstat3};
use nfs3_types::nfs3::{nfs_fh3, nfsstat3};
use nfs3_types::xdr_codec::Opaque;
use vfs_core::{Export, ServerId, Vfs, VfsConfig};

use crate::client::{NfsTestCall, RawNfsClient, results};
use crate::support::{FILM_LEN, serve, settings, source, vfs_of};

#[tokio::test]
async fn only_directories_of_the_exported_path_can_be_mounted() {
    let mut settings = settings();
    settings.export_path = "/k/0123456789abcdef".to_owned();
    let fixture = serve(settings).await;
    let mut client = fixture.client().await;
    let root = client.mnt("/k/0123456789abcdef").await.unwrap();
    assert_eq!(client.mnt("/k/0123456789abcdef/").await.unwrap(), root);
    let film = client.lookup(&root, "film").await.unwrap();
    assert_eq!(client.mnt("/k/0123456789abcdef/film//").await.unwrap(), film);
    for (path, want) in [
        ("/", mountstat3::MNT3ERR_NOENT),
        ("", mountstat3::MNT3ERR_NOENT),
        ("/k", mountstat3::MNT3ERR_NOENT),
        ("/k/0123456789abcdee", mountstat3::MNT3ERR_NOENT),
        ("/k/0123456789abcdef0", mountstat3::MNT3ERR_NOENT),
        ("/k/0123456789abcdef/none", mountstat3::MNT3ERR_NOENT),
        ("/k/0123456789abcdef/.tfs", mountstat3::MNT3ERR_NOENT),
        ("/k/0123456789abcdef/film/..", mountstat3::MNT3ERR_NOENT),
        ("/k/0123456789abcdef/film/film.mkv", mountstat3::MNT3ERR_NOTDIR),
        (&"/k".repeat(600), mountstat3::MNT3ERR_NAMETOOLONG),
    ] {
        let got = client.mnt(path).await.map(|_| ()).map_err(|status| status as u32);
        assert_eq!(got, Err(want as u32), "{path:.40}");
    }
    assert_eq!(fixture.server.counts().refused, 10);
}

#[tokio::test]
async fn only_paths_that_are_no_secrets_are_listed() {
    for (path, listed) in [("/", Some("/")), ("/t", Some("/t")), ("/k/secret", None)] {
        let mut settings = settings();
        settings.export_path = path.to_owned();
        assert!(
            !format!("{settings:?}").contains("secret") && !format!("{settings:?}").contains("key")
        );
        let fixture = serve(settings).await;
        assert!(!format!("{:?}", fixture.server).contains("secret"));
        let mut client = fixture.client().await;
        let program = (mount::PROGRAM, mount::VERSION);
        let reply = client.call_raw(&NfsTestCall { program, procedure: 5, args: &[] }).await;
        let list: exports<'_, '_> = results(&reply);
        let list: Vec<_> = list.0.iter().map(|it| it.ex_dir.0.to_vec()).collect();
        assert_eq!(list.first().map(Vec::as_slice), listed.map(str::as_bytes));
        let reply = client.call_raw(&NfsTestCall { program, procedure: 2, args: &[] }).await;
        assert_eq!(results::<u32>(&reply), 0, "no list of clients");
    }
}

#[tokio::test]
async fn paths_that_cannot_be_mounted_are_refused_at_the_start() {
    for path in ["", "t", "/t/", "//", "/..", "/k/./a", "/a\0", &"/a".repeat(513)] {
        let mut settings = settings();
        settings.export_path = path.to_owned();
        let server = NfsServer::start(Export::new(vfs_of(&source())), settings).await;
        assert!(matches!(server, Err(NfsError::Path)), "{path:?}");
    }
    let mut taken = settings();
    let holder = std::net::TcpListener::bind(taken.listen).unwrap();
    taken.listen = holder.local_addr().unwrap();
    let server = NfsServer::start(Export::new(vfs_of(&source())), taken).await;
    assert!(matches!(server, Err(NfsError::Listen { .. })));
    drop(holder);
}

#[tokio::test]
async fn handles_outlive_a_restart_with_the_same_key_and_path() {
    let before = serve(settings()).await;
    let film = before.client().await.find("film/film.mkv").await;
    before.server.end().await;
    let after = serve(settings()).await;
    let mut client = after.client().await;
    assert_eq!(client.attr(&film).await.unwrap().size, FILM_LEN);
    assert_eq!(client.read(&film, 0, 10).await.unwrap().0.len(), 10);
    let mut other_path = settings();
    other_path.export_path = "/t".to_owned();
    let mut other_key = settings();
    other_key.key = [8; 32];
    for other in [other_path, other_key] {
        let fixture = serve(other).await;
        let status = fixture.client().await.attr(&film).await.map(|_| ());
        assert_eq!(status, Err(nfsstat3::NFS3ERR_BADHANDLE));
        assert_eq!(fixture.server.counts().refused, 1);
    }
}

#[tokio::test]
async fn foreign_handles_are_bad_and_too_long_ones_malformed() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await.data.to_vec();
    let mut flipped = film.clone();
    flipped[11] ^= 1;
    let root = client.mnt("/").await.unwrap().data.to_vec();
    // The number of one file with the MAC of another.
    let swapped = [&film[..12], &root[12..]].concat();
    for handle in [Vec::new(), vec![0; 64], film[..27].to_vec(), flipped, swapped] {
        let handle = nfs_fh3 { data: Opaque::owned(handle) };
        let status = client.attr(&handle).await.map(|_| ());
        assert_eq!(status, Err(nfsstat3::NFS3ERR_BADHANDLE), "{handle:?}");
        assert_eq!(client.read(&handle, 0, 1).await, Err(nfsstat3::NFS3ERR_BADHANDLE));
    }
}

#[tokio::test]
async fn calls_wait_a_moment_for_the_list_of_torrents() {
    let before = serve(settings()).await;
    let film = before.client().await.find("film/film.mkv").await;
    before.server.end().await;
    let source = source();
    let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), VfsConfig::default()));
    let server = NfsServer::start(Export::new(Arc::clone(&vfs)), settings()).await.unwrap();
    let mut client = RawNfsClient::connect(server.address()).await;
    let read = client.send_read(&film, 0, 10).await;
    let root = client.mnt("/").await;
    assert!(root.is_ok(), "other calls go on");
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1_700_000_000);
    let (xid, reply) = client.next_reply().await.unwrap();
    assert_eq!(xid, read);
    assert_eq!(crate::client::read_results(&reply).unwrap().0.len(), 10);
}

#[tokio::test]
async fn without_a_list_a_call_fails_after_a_moment() {
    let vfs = Arc::new(Vfs::new(Arc::new(source()), VfsConfig::default()));
    let server = NfsServer::start(Export::new(vfs), settings()).await.unwrap();
    let mut client = RawNfsClient::connect(server.address()).await;
    let root = client.mnt("/").await.unwrap();
    // Never JUKEBOX: Finder would ask for a minute.
    assert_eq!(client.lookup(&root, "film").await, Err(nfsstat3::NFS3ERR_IO));
}
