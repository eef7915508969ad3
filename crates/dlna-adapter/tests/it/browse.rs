//! Folders and files as objects.

use expect_test::expect;
use tfs_testkit::fake::{directory, single_file};
use vfs_core::ServerId;

use crate::support::{Browsed, TestServer, browse_arguments, films};

const CHILDREN: &str = "BrowseDirectChildren";
const METADATA: &str = "BrowseMetadata";

#[tokio::test]
async fn folders_and_media_files_are_objects() {
    let server = TestServer::start(vec![films(), single_file(2, "b.mkv", 1)]);
    let root = server.browse("0", CHILDREN, 0, 0).await;
    assert_eq!(root.titles(), ["Films &amp; &lt;more&gt;", "b.mkv"]);
    let folder = root.attribute(0, "id");
    let inside = server.browse(&folder, CHILDREN, 0, 30).await;
    let ids: Vec<_> = (0..inside.returned).map(|object| inside.attribute(object, "id")).collect();
    let mut shown = inside.objects.join("\n").replace(&folder, "FOLDER");
    for (position, id) in ids.iter().enumerate() {
        shown = shown.replace(id, &format!("ID{position}"));
    }
    let shown = shown.replace("DLNA.ORG_OP=01;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=", "");
    let shown = shown.replace("FILES/Films%20%26%20%3Cmore%3E/", "BASE/");
    let shown = shown.replace("><", ">\n<").replace("00000000000000000000000000000", "0..");
    expect![[r#"
        <container id="ID0" parentID="FOLDER" restricted="1">
        <dc:title>music</dc:title>
        <upnp:class>object.container.storageFolder</upnp:class>
        </container>
        <item id="ID1" parentID="FOLDER" restricted="1">
        <dc:title>cover.JPG</dc:title>
        <upnp:class>object.item.imageItem.photo</upnp:class>
        <res protocolInfo="http-get:*:image/jpeg:00f0.." size="9">BASE/cover.JPG</res>
        </item>
        <item id="ID2" parentID="FOLDER" restricted="1">
        <dc:title>film 2.mp4</dc:title>
        <upnp:class>object.item.videoItem</upnp:class>
        <res protocolInfo="http-get:*:video/mp4:0170.." size="7">BASE/film%202.mp4</res>
        <res protocolInfo="http-get:*:text/srt:*">BASE/film%202.en.srt</res>
        <sec:CaptionInfoEx sec:type="srt">BASE/film%202.en.srt</sec:CaptionInfoEx>
        <res protocolInfo="http-get:*:text/srt:*">BASE/film%202.srt</res>
        </item>
        <item id="ID3" parentID="FOLDER" restricted="1">
        <dc:title>film 10.mkv</dc:title>
        <upnp:class>object.item.videoItem</upnp:class>
        <res protocolInfo="http-get:*:video/x-matroska:0170.." size="5000000000">BASE/film%2010.mkv</res>
        </item>"#]].assert_eq(&shown);
}

#[tokio::test]
async fn each_object_has_metadata_with_its_parent() {
    let server = TestServer::start(vec![films()]);
    let root = server.browse("0", METADATA, 0, 0).await;
    assert_eq!((root.returned, root.total), (1, 1));
    assert_eq!(root.attribute(0, "parentID"), "-1");
    assert_eq!(root.attribute(0, "childCount"), "1");
    assert_eq!(root.titles(), ["tfs &lt;test&gt;"]);
    let folder = server.browse("0", CHILDREN, 0, 0).await;
    let folder_id = folder.attribute(0, "id");
    let same = server.browse(&folder_id, METADATA, 0, 0).await;
    assert_eq!((&same.objects, same.total), (&folder.objects, 1));
    let files = server.browse(&folder_id, CHILDREN, 0, 0).await;
    for object in 0..files.returned {
        let id = files.attribute(object, "id");
        let same = server.browse(&id, METADATA, 0, 0).await;
        assert_eq!(same.objects, files.objects[object..=object]);
        assert_eq!(files.attribute(object, "parentID"), folder_id);
    }
    assert_eq!(folder.attribute(0, "parentID"), "0");
}

#[tokio::test]
async fn ten_thousand_files_are_paged_in_their_order() {
    let names: Vec<_> = (0..10_000).rev().map(|n| format!("film {n}.mkv")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let server = TestServer::start(vec![directory(1, "many", &files)]);
    let folder = server.browse("0", CHILDREN, 0, 0).await.attribute(0, "id");
    let first = server.browse(&folder, CHILDREN, 0, 30).await;
    assert_eq!((first.returned, first.total), (30, 10_000));
    let mut titles = Vec::new();
    while titles.len() < 10_000 {
        // All that are left; a reply has at most 1,000.
        let page = server.browse(&folder, CHILDREN, titles.len(), 0).await;
        assert!(page.returned > 0 && page.total == 10_000);
        titles.extend(page.titles());
    }
    let expected: Vec<_> = (0..10_000).map(|n| format!("film {n}.mkv")).collect();
    assert!(titles == expected);
    let none = server.browse(&folder, CHILDREN, 10_000, 30).await;
    assert_eq!(none, Browsed { objects: Vec::new(), returned: 0, total: 10_000 });
}

#[tokio::test]
async fn replies_of_long_names_are_limited() {
    let names: Vec<_> = (0..1000).map(|n| format!("{n}{}.mkv", "\u{e9}&\"".repeat(60))).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let server = TestServer::start(vec![directory(1, "long", &files)]);
    let folder = server.browse("0", CHILDREN, 0, 0).await.attribute(0, "id");
    let page = server.browse(&folder, CHILDREN, 0, 0).await;
    assert!(page.returned < 1000, "{}", page.returned);
    assert_eq!(page.objects.len(), page.returned);
    assert_eq!(page.total, 1000);
}

#[tokio::test]
async fn unknown_objects_are_faults() {
    let server = TestServer::start(vec![films()]);
    let folder = server.browse("0", CHILDREN, 0, 0).await.attribute(0, "id");
    let film = server.browse(&folder, CHILDREN, 1, 1).await.attribute(0, "id");
    for (id, flag, code) in [
        ("12345678", CHILDREN, 701),
        ("12345678", METADATA, 701),
        // The control directory, whose numbers are small.
        ("1", METADATA, 701),
        ("2", METADATA, 701),
        ("3", CHILDREN, 701),
        ("-1", METADATA, 701),
        ("", METADATA, 701),
        ("00", METADATA, 701),
        ("99999999999999999999999", METADATA, 701),
        ("../x", METADATA, 701),
        (&film, CHILDREN, 710),
        (&folder, "Browse", 402),
        (&folder, "", 402),
    ] {
        let answer = server.call("Browse", &browse_arguments(id, flag, 0, 0)).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        let expected = format!("<errorCode>{code}</errorCode>");
        assert!(answer.contains(&expected), "{id} {flag}: {answer}");
    }
}

#[tokio::test]
async fn listings_follow_the_tree() {
    let server = TestServer::start(vec![films()]);
    let first = server.call("GetSystemUpdateID", "").await;
    let folder = server.browse("0", CHILDREN, 0, 0).await.attribute(0, "id");
    server.source.add(single_file(2, "a.mkv", 1));
    server.vfs.apply(
        ServerId::FIRST,
        server.source.listing(),
        server.source.all_details(),
        1_700_000_001,
    );
    assert_eq!(server.browse("0", CHILDREN, 0, 0).await.total, 2);
    assert_ne!(server.call("GetSystemUpdateID", "").await, first);
    server.source.remove(films().info_hash);
    server.vfs.apply(ServerId::FIRST, server.source.listing(), Vec::new(), 1_700_000_002);
    assert_eq!(server.browse("0", CHILDREN, 0, 0).await.titles(), ["a.mkv"]);
    let answer = server.call("Browse", &browse_arguments(&folder, CHILDREN, 0, 0)).await;
    assert!(answer.contains("<errorCode>701</errorCode>"), "{answer}");
}
