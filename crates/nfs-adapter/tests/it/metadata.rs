//! Attributes, names, and what is refused.

use nfs3_types::nfs3::{
    self, ACCESS3args, ACCESS3res, FSINFO3args, FSINFO3res, FSSTAT3args, FSSTAT3res, NFS_PROGRAM,
    PATHCONF3args, PATHCONF3res, READLINK3args, READLINK3res, ftype3, nfsstat3,
};

use tfs_testkit::fake::directory;
use vfs_core::FileKind;

use crate::client::{NfsTestCall, packed};
use crate::support::{FILM_LEN, serve, settings, update};

#[tokio::test]
async fn attributes_are_those_of_the_tree() {
    let mut settings = settings();
    (settings.uid, settings.gid, settings.file_mode) = (1000, 100, 0o440);
    let fixture = serve(settings).await;
    let mut client = fixture.client().await;
    let root = client.mnt("/").await.unwrap();
    let dir = client.attr(&root).await.unwrap();
    assert_eq!((dir.type_, dir.mode, dir.fileid), (ftype3::NF3DIR, 0o555, 1));
    let film = client.find("film/film.mkv").await;
    let attr = client.attr(&film).await.unwrap();
    assert_eq!((attr.type_, attr.mode, attr.nlink), (ftype3::NF3REG, 0o440, 1));
    assert_eq!((attr.uid, attr.gid), (1000, 100));
    assert_eq!((attr.size, attr.used), (FILM_LEN, FILM_LEN));
    assert_eq!((attr.fsid, attr.mtime.seconds), (dir.fsid, 1_000_000_001));
    assert_ne!(attr.fsid, 0);
}

#[tokio::test]
async fn names_have_nodes_or_statuses() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let root = client.mnt("/").await.unwrap();
    let film = client.lookup(&root, "film").await.unwrap();
    let file = client.lookup(&film, "film.mkv").await.unwrap();
    for (dir, name, want) in [(&root, "..", &root), (&root, ".", &root), (&film, "..", &root)] {
        assert_eq!(client.lookup(dir, name).await.as_ref(), Ok(want), "{name}");
    }
    let long = "n".repeat(256);
    for (dir, name, want) in [
        (&root, "none", nfsstat3::NFS3ERR_NOENT),
        (&root, ".tfs", nfsstat3::NFS3ERR_NOENT),
        (&root, "film/film.mkv", nfsstat3::NFS3ERR_NOENT),
        (&root, "", nfsstat3::NFS3ERR_INVAL),
        (&root, long.as_str(), nfsstat3::NFS3ERR_NAMETOOLONG),
        (&root, &"n".repeat(60_000), nfsstat3::NFS3ERR_NAMETOOLONG),
        (&file, "film", nfsstat3::NFS3ERR_NOTDIR),
    ] {
        assert_eq!(client.lookup(dir, name).await, Err(want), "{name:.20}");
    }
}

#[tokio::test]
async fn a_removed_torrent_is_stale_and_its_name_unknown() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let root = client.mnt("/").await.unwrap();
    let before = client.attr(&root).await.unwrap();
    let film = client.find("film/film.mkv").await;
    fixture.source.remove(vfs_core::InfoHash::from_bytes([1; 20]));
    update(&fixture.source, &fixture.vfs);
    assert_eq!(client.attr(&film).await.map(|_| ()), Err(nfsstat3::NFS3ERR_STALE));
    assert_eq!(client.read(&film, 0, 10).await, Err(nfsstat3::NFS3ERR_STALE));
    assert_eq!(client.lookup(&root, "film").await, Err(nfsstat3::NFS3ERR_NOENT));
    // Both changes can be in one second: the names change the time all the same.
    let after = client.attr(&root).await.unwrap();
    assert_ne!(before.mtime, after.mtime);
}

#[tokio::test]
async fn access_is_for_reading() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    for (path, want) in [("", 0b10_0011), ("film/film.mkv", 0b1)] {
        let args = ACCESS3args { object: client.find(path).await, access: 0b11_1111 };
        match client.nfs(NFS_PROGRAM::NFSPROC3_ACCESS, &args).await {
            ACCESS3res::Ok(ok) => assert_eq!(ok.access, want, "{path}"),
            ACCESS3res::Err((status, _)) => panic!("{status}"),
        }
    }
}

#[tokio::test]
async fn limits_and_sizes_are_told() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let root = client.mnt("/").await.unwrap();
    let args = FSINFO3args { fsroot: root.clone() };
    let FSINFO3res::Ok(info) = client.nfs(NFS_PROGRAM::NFSPROC3_FSINFO, &args).await else {
        panic!("no FSINFO")
    };
    assert_eq!((info.rtmax, info.wtmax, info.dtpref), (1 << 20, 32 << 10, 64 << 10));
    let args = FSSTAT3args { fsroot: root.clone() };
    let FSSTAT3res::Ok(stats) = client.nfs(NFS_PROGRAM::NFSPROC3_FSSTAT, &args).await else {
        panic!("no FSSTAT")
    };
    assert_eq!((stats.tbytes, stats.fbytes, stats.tfiles), (FILM_LEN + 110, 0, 6));
    let args = PATHCONF3args { object: root };
    let PATHCONF3res::Ok(conf) = client.nfs(NFS_PROGRAM::NFSPROC3_PATHCONF, &args).await else {
        panic!("no PATHCONF")
    };
    assert!(conf.name_max == 255 && conf.no_trunc && !conf.case_insensitive);
}

#[tokio::test]
async fn every_change_is_refused_as_read_only() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let program = (nfs3::PROGRAM, nfs3::VERSION);
    for (procedure, words) in [
        (2, 2),
        (7, 2),
        (8, 2),
        (9, 2),
        (10, 2),
        (11, 2),
        (12, 2),
        (13, 2),
        (14, 4),
        (15, 3),
        (21, 2),
    ] {
        let reply = client.call_raw(&NfsTestCall { program, procedure, args: &[] }).await;
        let results = reply.strip_prefix(&crate::client::ACCEPTED).expect("an accepted call");
        let want = [packed(&nfsstat3::NFS3ERR_ROFS), vec![0; words * 4]].concat();
        assert_eq!(results, want, "{procedure}");
    }
}

#[tokio::test]
async fn links_have_targets() {
    let fixture = serve(settings()).await;
    let mut linked = directory(3, "linked", &[("sub/film.mkv", 10), ("film.mkv", 0)]);
    let target = vec!["sub".to_owned(), "film.mkv".to_owned()];
    linked.files[1].kind = FileKind::Symlink { target };
    fixture.source.add(linked);
    update(&fixture.source, &fixture.vfs);
    let mut client = fixture.client().await;
    let link = client.find("linked/film.mkv").await;
    assert_eq!(client.attr(&link).await.unwrap().type_, ftype3::NF3LNK);
    let args = READLINK3args { symlink: link.clone() };
    let READLINK3res::Ok(read) = client.nfs(NFS_PROGRAM::NFSPROC3_READLINK, &args).await else {
        panic!("no READLINK")
    };
    assert_eq!(read.data.as_ref(), b"sub/film.mkv");
    assert_eq!(client.read(&link, 0, 10).await, Err(nfsstat3::NFS3ERR_INVAL));
    let args = READLINK3args { symlink: client.find("linked").await };
    match client.nfs(NFS_PROGRAM::NFSPROC3_READLINK, &args).await {
        READLINK3res::Err((status, _)) => assert_eq!(status, nfsstat3::NFS3ERR_INVAL),
        READLINK3res::Ok(_) => panic!("a directory has no target"),
    }
}
