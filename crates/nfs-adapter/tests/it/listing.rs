//! READDIR and READDIRPLUS.

use std::collections::BTreeSet;

use nfs3_types::nfs3::{
    NFS_PROGRAM, Nfs3Option, READDIR3args, READDIR3res, READDIRPLUS3args, READDIRPLUS3res,
    cookieverf3, nfs_fh3, nfsstat3,
};
use nfs3_types::xdr_codec::Pack as _;
use tfs_testkit::fake::{directory, single_file};

use crate::client::RawNfsClient;
use crate::support::{serve, settings, update};

/// Where a listing continues.
#[derive(Clone, Copy, Default)]
struct ListPosition {
    cookie: u64,
    verifier: cookieverf3,
}

/// A page: names, whether it is the last one, and where the next one begins.
type Page = (Vec<String>, bool, ListPosition);

async fn names(
    client: &mut RawNfsClient,
    dir: &nfs_fh3,
    from: ListPosition,
    count: u32,
) -> Result<Page, nfsstat3> {
    let ListPosition { cookie, verifier: cookieverf } = from;
    let args = READDIR3args { dir: dir.clone(), cookie, cookieverf, count };
    match client.nfs(NFS_PROGRAM::NFSPROC3_READDIR, &args).await {
        READDIR3res::Ok(ok) => {
            assert!(ok.packed_size() <= count as usize);
            let entries = ok.reply.entries.0;
            let cookie = entries.last().map_or(from.cookie, |entry| entry.cookie);
            let names = entries.iter().map(|entry| text(entry.name.as_ref())).collect();
            Ok((names, ok.reply.eof, ListPosition { cookie, verifier: ok.cookieverf }))
        }
        READDIR3res::Err((status, _)) => Err(status),
    }
}

async fn nodes(
    client: &mut RawNfsClient,
    dir: &nfs_fh3,
    from: ListPosition,
    counts: (u32, u32),
) -> Result<Page, nfsstat3> {
    let ListPosition { cookie, verifier: cookieverf } = from;
    let (dircount, maxcount) = counts;
    let args = READDIRPLUS3args { dir: dir.clone(), cookie, cookieverf, dircount, maxcount };
    match client.nfs(NFS_PROGRAM::NFSPROC3_READDIRPLUS, &args).await {
        READDIRPLUS3res::Ok(ok) => {
            assert!(ok.packed_size() <= maxcount as usize);
            let entries = ok.reply.entries.0;
            let cookie = entries.last().map_or(from.cookie, |entry| entry.cookie);
            let mut names = Vec::new();
            for entry in entries {
                let Nfs3Option::Some(attr) = &entry.name_attributes else {
                    panic!("no attributes")
                };
                assert_eq!(attr.fileid, entry.fileid);
                let Nfs3Option::Some(handle) = &entry.name_handle else { panic!("no handle") };
                let name = text(entry.name.as_ref());
                assert_eq!(client.lookup(dir, &name).await.as_ref(), Ok(handle), "{name}");
                names.push(name);
            }
            Ok((names, ok.reply.eof, ListPosition { cookie, verifier: ok.cookieverf }))
        }
        READDIRPLUS3res::Err((status, _)) => Err(status),
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8(name.to_vec()).unwrap()
}

#[tokio::test]
async fn every_name_is_listed_once_in_pages_of_any_size() {
    let fixture = serve(settings()).await;
    let paths: Vec<String> = (0..700).map(|it| format!("{}{it}", "n".repeat(it % 200))).collect();
    let files: Vec<_> = paths.iter().map(|path| (path.as_str(), 1)).collect();
    fixture.source.add(directory(3, "many", &files));
    update(&fixture.source, &fixture.vfs);
    let mut client = fixture.client().await;
    let dir = client.find("many").await;
    let mut want: BTreeSet<String> = paths.into_iter().collect();
    want.extend([".".to_owned(), "..".to_owned()]);
    for count in [600, 4096, 1 << 20, u32::MAX] {
        for is_plus in [false, true] {
            let (mut from, mut got, mut pages) = (ListPosition::default(), Vec::new(), 0);
            loop {
                let page = if is_plus {
                    nodes(&mut client, &dir, from, (count, count)).await
                } else {
                    names(&mut client, &dir, from, count).await
                };
                let (names, is_end, next) = page.unwrap();
                assert!(is_end || !names.is_empty(), "the listing goes on");
                got.extend(names);
                (from, pages) = (next, pages + 1);
                if is_end {
                    break;
                }
            }
            assert_eq!(got[..2], [".", ".."]);
            assert_eq!((got.len(), pages > 1), (want.len(), count < 1 << 20), "{count} {is_plus}");
            assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), want);
        }
    }
}

#[tokio::test]
async fn a_page_without_room_for_an_entry_is_too_small() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let root = client.mnt("/").await.unwrap();
    let from = ListPosition::default();
    for count in [0, 1, 100, 127] {
        let page = names(&mut client, &root, from, count).await;
        assert_eq!(page.map(|_| ()), Err(nfsstat3::NFS3ERR_TOOSMALL), "{count}");
    }
    for counts in [(0, 4096), (23, 4096), (4096, 0), (4096, 200)] {
        let page = nodes(&mut client, &root, from, counts).await;
        assert_eq!(page.map(|_| ()), Err(nfsstat3::NFS3ERR_TOOSMALL), "{counts:?}");
    }
    // Number, cookie and length of the name, and four bytes of it.
    let (names, is_end, _) = nodes(&mut client, &root, from, (24 + 24, 4096)).await.unwrap();
    assert_eq!((names, is_end), (vec![".".to_owned(), "..".to_owned()], false));
}

#[tokio::test]
async fn a_listing_continues_after_changes_and_not_after_a_restart() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let root = client.mnt("/").await.unwrap();
    let (first, is_end, next) =
        names(&mut client, &root, ListPosition::default(), 200).await.unwrap();
    assert!(!is_end);
    fixture.source.add(single_file(9, "a new one", 1));
    update(&fixture.source, &fixture.vfs);
    let (rest, is_end, _) = names(&mut client, &root, next, 4096).await.unwrap();
    assert!(is_end);
    let all: BTreeSet<_> = first.into_iter().chain(rest).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [".", "..", "a new one", "film", "single"]);

    let after = serve(settings()).await;
    let mut client = after.client().await;
    let page = names(&mut client, &root, next, 4096).await;
    assert_eq!(page.map(|_| ()), Err(nfsstat3::NFS3ERR_BAD_COOKIE));
    // A client that ignores verifiers, and any cookie.
    let from = ListPosition { cookie: u64::MAX, ..ListPosition::default() };
    let (names, is_end, _) = names(&mut client, &root, from, 4096).await.unwrap();
    assert!(names.is_empty() && is_end);
}

#[tokio::test]
async fn files_have_no_listing() {
    let fixture = serve(settings()).await;
    let mut client = fixture.client().await;
    let film = client.find("film/film.mkv").await;
    let page = names(&mut client, &film, ListPosition::default(), 4096).await;
    assert_eq!(page.map(|_| ()), Err(nfsstat3::NFS3ERR_NOTDIR));
}
