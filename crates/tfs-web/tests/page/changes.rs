//! Changes of torrents, and who may make them.

use super::client::{exchange, request};
use super::fake::{PageSetup, TestPage, bearer};
use super::library::hash_of;

const JSON: &str = "content-type: application/json";
const TORRENT: &str = "content-type: application/x-bittorrent";
const PAUSE: &[u8] = b"{\"action\":\"pause\"}";

fn acts(page: &TestPage) -> Vec<String> {
    std::mem::take(&mut *page.seen.acts.lock().unwrap())
}

#[tokio::test]
async fn torrents_are_changed_with_the_token() {
    let page = PageSetup::default().start().await;
    let path = format!("/api/torrents/{}", hash_of(0));
    for (body, act) in [
        ("{\"action\":\"pause\"}", "Pause"),
        ("{\"action\":\"start\"}", "Start"),
        ("{\"action\":\"select\",\"files\":[0]}", "Select { files: [0] }"),
        ("{\"action\":\"preload\",\"file_index\":0}", "Preload { file_index: 0 }"),
        ("{\"action\":\"delete\",\"name\":\"film.mkv\"}", "Delete { name: \"film.mkv\" }"),
    ] {
        let answer = page.post(&path, &[&bearer(), JSON], body.as_bytes()).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{body}");
        assert_eq!(acts(&page), [act]);
    }
    let answer = page.post(&path, &[&bearer(), JSON], PAUSE).await;
    assert_eq!(answer.status, 404, "it is deleted");
}

#[tokio::test]
async fn wrong_actions_are_refused() {
    let page = PageSetup::default().start().await;
    let path = format!("/api/torrents/{}", hash_of(0));
    let bearer = bearer();
    for (lines, body, status) in [
        (&[bearer.as_str(), JSON][..], "{}", 400),
        (&[&bearer, JSON], "", 400),
        (&[&bearer, JSON], "{\"action\":\"explode\"}", 400),
        (&[&bearer, JSON], "{\"action\":\"delete\",\"name\":\"x\",\"more\":1}", 400),
        (&[&bearer, JSON], "{\"action\":\"delete\"}", 400),
        (&[&bearer, JSON], "{\"action\":\"select\",\"files\":[-1]}", 400),
        (&[&bearer, JSON], "not json", 400),
        (&[&bearer, "content-type: text/plain"], "{\"action\":\"pause\"}", 415),
        (&[&bearer], "{\"action\":\"pause\"}", 415),
        (&[&bearer, "content-type: multipart/form-data"], "{\"action\":\"pause\"}", 415),
    ] {
        let answer = page.post(&path, lines, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{lines:?} {body}: {answer:?}");
        assert_eq!(acts(&page), [""; 0], "{lines:?} {body}");
    }
    let answer = page.post(&path, &[&bearer, JSON], b"{\"action\":\"delete\",\"name\":\"\"}").await;
    assert_eq!(answer.status, 400, "the backend compares the name");
    let large = format!("{{\"action\":\"select\",\"files\":[{}1]}}", "1,".repeat(1 << 20));
    let answer = page.post(&path, &[&bearer, JSON], large.as_bytes()).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn only_this_page_and_programs_with_the_token_may_change() {
    let page = PageSetup { hosts: &["tfs.example.org"], ..PageSetup::default() }.start().await;
    let path = format!("/api/torrents/{}", hash_of(0));
    let (cookie, bearer) = (page.log_in().await, bearer());
    let own = format!("origin: http://{}", page.address);
    for (lines, status) in [
        (&[JSON][..], 401),
        (&[JSON, own.as_str()], 401),
        (&[JSON, "cookie: tfs_session=x"], 401),
        (&[JSON, "authorization: Bearer wrong"], 401),
        (&[JSON, &cookie], 403),
        (&[JSON, &cookie, "origin: null"], 403),
        (&[JSON, &cookie, "origin: http://evil.example"], 403),
        (&[JSON, &cookie, "origin: http://127.0.0.1:1"], 403),
        (&[JSON, &bearer, "origin: http://evil.example"], 403),
        (&[JSON, &cookie, &own, "sec-fetch-site: cross-site"], 403),
        (&[JSON, &cookie, "sec-fetch-site: same-site"], 403),
        (&[JSON, &cookie, &own], 200),
        (&[JSON, &cookie, "sec-fetch-site: same-origin"], 200),
        (&[JSON, &cookie, "host: tfs.example.org", "origin: https://tfs.example.org"], 200),
        (&[JSON, &bearer], 200),
    ] {
        let answer = page.post(&path, lines, PAUSE).await;
        assert_eq!(answer.status, status, "{lines:?}: {answer:?}");
        assert_eq!(acts(&page).len(), usize::from(status == 200), "{lines:?}");
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let lines = [JSON, bearer.as_str(), "content-length: 0"];
        let status = page.send(method, &path, &lines).await.status;
        assert_eq!(status, if method == "GET" { 200 } else { 405 }, "{method}");
    }
    assert_eq!(acts(&page), [""; 0]);
}

#[tokio::test]
async fn nothing_is_changed_unless_controls_are_on() {
    let path = format!("/api/torrents/{}", hash_of(0));
    let page = PageSetup { control: false, ..PageSetup::default() }.start().await;
    assert_eq!(page.get("/api/overview").await.json()["control"], false);
    let answer = page.post(&path, &[&bearer(), JSON], PAUSE).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("web.control"), "{answer:?}");
    let answer = page.post("/api/add", &[&bearer(), TORRENT], b"d1:a0:e").await;
    assert_eq!(answer.status, 403);
    let open = PageSetup::open().start().await;
    assert_eq!(open.post(&path, &[JSON], PAUSE).await.status, 403);
    assert_eq!(acts(&page).len() + acts(&open).len(), 0);
}

#[tokio::test]
async fn torrents_are_added() {
    let page = PageSetup::default().start().await;
    let bearer = bearer();
    let text = "content-type: text/plain;charset=utf-8";
    let answer = page.post("/api/add", &[&bearer, text], b"magnet:?xt=urn:btih:1").await;
    assert_eq!((answer.status, &answer.json()["added"]), (200, &true.into()));
    let path = "/api/add?server=nas&paused=true";
    assert_eq!(page.post(path, &[&bearer, TORRENT], b"d1:a0:e").await.status, 200);
    let most = [&b"d"[..], &vec![b'x'; (10 << 20) - 1]].concat();
    assert_eq!(page.post("/api/add", &[&bearer, TORRENT], &most).await.status, 200);
    assert_eq!(
        acts(&page),
        [
            "add 21 bytes, server None, paused false",
            "add 7 bytes, server Some(\"nas\"), paused true",
            "add 10485760 bytes, server None, paused false",
        ]
    );
    let large = [&most[..], b"x"].concat();
    assert_eq!(page.post("/api/add", &[&bearer, TORRENT], &large).await.status, 413);
    for (lines, path, status) in [
        (&[bearer.as_str()][..], "/api/add", 415),
        (&[&bearer, "content-type: application/x-www-form-urlencoded"], "/api/add", 415),
        (&[&bearer, "content-type: multipart/form-data; boundary=x"], "/api/add", 415),
        (&[&bearer, TORRENT], "/api/add?paused=yes", 400),
        (&[&bearer, TORRENT], "/api/add?mountpoint=/x", 404),
        (&[TORRENT], "/api/add", 401),
        (&[&bearer, TORRENT, "origin: http://evil.example"], "/api/add", 403),
    ] {
        let answer = page.post(path, lines, b"d1:a0:e").await;
        assert_eq!(answer.status, status, "{lines:?}: {answer:?}");
    }
    let answer = page.post("/api/add", &[&bearer, text], b"http://evil.example/x.torrent").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let page = PageSetup::default().start().await;
    for path in ["/api/add", "/login"] {
        let mut bytes = request(page.address, "POST", path, &[&bearer(), TORRENT], b"d1:a0:e");
        bytes.truncate(bytes.len() - 2);
        assert_eq!(exchange(page.address, &bytes).await.status, 408, "{path}");
    }
}
