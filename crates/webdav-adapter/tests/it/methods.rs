//! Methods besides GET.

use crate::client::send;
use crate::stage::WebdavStage;

const FINITE: &str = "propfind-finite-depth";

#[tokio::test]
async fn options_say_what_is_answered() {
    let stage = WebdavStage::new().await;
    for path in ["/", "/film.mkv", "/no such", "*"] {
        let path = path.replace(' ', "%20");
        let reply = stage.check(&format!("OPTIONS {path}"), 200).await;
        assert_eq!(reply.header("dav"), Some("1, 2"));
        assert_eq!(reply.header("ms-author-via"), Some("DAV"));
        assert_eq!(reply.header("allow"), Some("OPTIONS, GET, HEAD, PROPFIND, LOCK, UNLOCK"));
    }
}

#[tokio::test]
async fn nothing_can_be_written_and_the_client_gets_to_know() {
    let stage = WebdavStage::new().await;
    // Larger than all buffers between the two: the answer comes before the body is read.
    let body = vec![7; 20 << 20];
    let reply = send(stage.address(), "PUT /new.mkv", &body).await;
    assert_eq!((reply.status, reply.header("connection")), (405, Some("close")));
    for method in ["MKCOL", "DELETE", "COPY", "MOVE", "PROPPATCH", "POST", "PATCH", "TRACE", "FOO"]
    {
        let reply = stage.check(&format!("{method} /film.mkv"), 405).await;
        assert!(reply.header("allow").unwrap().contains("PROPFIND"), "{reply:?}");
        assert!(reply.text().starts_with("the files are read-only"), "{reply:?}");
    }
    stage.check("HEAD /film.mkv", 200).await;
}

#[tokio::test]
async fn properties_of_one_node() {
    let stage = WebdavStage::new().await;
    let reply = stage.check("PROPFIND /film.mkv\nDepth: 0", 207).await;
    assert_eq!(reply.header("content-type"), Some("application/xml; charset=utf-8"));
    let etag = format!("&quot;{}-0&quot;", "01".repeat(20));
    for expected in [
        "<D:href>/film.mkv</D:href>",
        "<D:resourcetype/>",
        "<D:getcontentlength>3000000</D:getcontentlength>",
        "<D:getlastmodified>Sun, 09 Sep 2001 01:46:41 GMT</D:getlastmodified>",
        "<D:creationdate>2001-09-09T01:46:41Z</D:creationdate>",
        &format!("<D:getetag>{etag}</D:getetag>"),
        "<D:getcontenttype>video/x-matroska</D:getcontenttype>",
        "<D:displayname>film.mkv</D:displayname>",
        "<D:status>HTTP/1.1 200 OK</D:status>",
    ] {
        assert!(reply.text().contains(expected), "{expected}: {}", reply.text());
    }
    assert!(!reply.text().contains("quota") && !reply.text().contains("404"));
    let root = stage.check("PROPFIND /\nDepth: 0", 207).await;
    assert!(root.text().contains("<D:href>/</D:href>"), "{}", root.text());
    assert!(root.text().contains("<D:displayname>tfs</D:displayname>"));
    assert!(root.text().contains("<D:resourcetype><D:collection/></D:resourcetype>"));
    assert_eq!(root.text().matches("<D:response>").count(), 1);
    // A slash too many is forgiven here: clients add it.
    stage.check("PROPFIND /film.mkv/\nDepth: 0", 207).await;
}

#[tokio::test]
async fn depths() {
    let stage = WebdavStage::new().await;
    let listed = stage.check("PROPFIND /Series%20%26%20more\nDepth: 1", 207).await;
    let hrefs: Vec<_> = listed.text().split("<D:href>").skip(1).collect();
    let mut hrefs: Vec<_> = hrefs.iter().map(|it| it.split('<').next().unwrap()).collect();
    assert_eq!(hrefs.remove(0), "/Series%20%26%20more/");
    hrefs.sort_unstable();
    let names =
        ["100%25%20%3Creal%3E%3F%23.mp3", "Season%201/", "empty.bin", "link.mkv", "notes.txt"];
    assert_eq!(hrefs, names.map(|name| format!("/Series%20%26%20more/{name}")));
    let without = stage.check("PROPFIND /Series%20%26%20more/\nDepth: 1,noroot", 207).await;
    assert_eq!(without.text().matches("<D:response>").count(), names.len());
    for depth in ["", "\nDepth: infinity", "\nDepth: Infinity"] {
        let reply = stage.check(&format!("PROPFIND /{depth}"), 403).await;
        assert!(reply.text().contains(FINITE), "{}", reply.text());
        stage.check(&format!("PROPFIND /film.mkv{depth}"), 207).await;
    }
    stage.check("PROPFIND /\nDepth: 2", 400).await;
    stage.check("PROPFIND /none\nDepth: 0", 404).await;
}

#[tokio::test]
async fn named_properties_and_names() {
    let stage = WebdavStage::new().await;
    let body = b"<propfind xmlns='DAV:'><prop><getcontentlength/><getetag/><quota-used-bytes/>\
                 <x:y xmlns:x='urn:a&amp;\"b'/></prop></propfind>";
    let reply = send(stage.address(), "PROPFIND /\nDepth: 0", body).await;
    let missing = "<D:propstat><D:prop><D:getcontentlength/><D:getetag/><D:quota-used-bytes/>\
                   <x:y xmlns:x=\"urn:a&amp;&quot;b\"/></D:prop>\
                   <D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>";
    assert!(reply.text().contains(missing), "{}", reply.text());
    let film = send(stage.address(), "PROPFIND /film.mkv\nDepth: 0", body).await;
    assert!(film.text().contains("<D:getcontentlength>3000000<"), "{}", film.text());
    assert!(!film.text().contains("displayname"), "only what was asked for");
    let body = b"<propfind xmlns='DAV:'><propname/></propfind>";
    let names = send(stage.address(), "PROPFIND /film.mkv\nDepth: 0", body).await;
    assert!(names.text().contains("<D:getetag/>"), "{}", names.text());
    let names = send(stage.address(), "PROPFIND /\nDepth: 0", body).await;
    assert!(!names.text().contains("<D:getetag/>"), "{}", names.text());
}

#[tokio::test]
async fn locks_are_given_and_lock_nothing() {
    let stage = WebdavStage::new().await;
    let body = b"<D:lockinfo xmlns:D='DAV:'><D:lockscope><D:exclusive/></D:lockscope>\
                 <D:locktype><D:write/></D:locktype><D:owner>me</D:owner></D:lockinfo>";
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let reply = send(stage.address(), "LOCK /film.mkv\nDepth: 0", body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.text().contains("<D:exclusive/>") && reply.text().contains("Second-600"));
        tokens.push(reply.header("lock-token").unwrap().to_owned());
    }
    let token = tokens.pop().unwrap();
    assert!(token.starts_with("<urn:uuid:7f5a0000-"), "{token}");
    stage.check(&format!("LOCK /film.mkv\nIf: ({token})"), 200).await;
    stage.check(&format!("UNLOCK /film.mkv\nLock-Token: {token}"), 204).await;
    stage.check("UNLOCK /film.mkv", 400).await;
    stage.check("LOCK /film.mkv", 400).await;
    assert_eq!(send(stage.address(), "LOCK /new", body).await.status, 405);
    assert_eq!(send(stage.address(), "LOCK /film.mkv\nDepth: 1", body).await.status, 400);
    assert_eq!(send(stage.address(), "LOCK /film.mkv", b"<x/>").await.status, 400);
}
