//! The page, its files, and its data.

use std::sync::atomic::Ordering;

use super::fake::{OverviewFault, PageSetup, bearer};
use super::library::hash_of;

#[tokio::test]
async fn all_answers_have_the_headers_that_protect_them() {
    let page = PageSetup::default().start().await;
    for path in [
        "/",
        "/app.js",
        "/login",
        "/healthz",
        "/nothing",
        "/api/overview",
        "/api/nothing",
        "/api/torrents/x",
        "/events/x",
        "/m3u/x",
        "/file/x",
    ] {
        for lines in [&[][..], &[bearer().as_str()]] {
            let answer = page.send("GET", path, lines).await;
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
            assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
            assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; "), "{path}: {policy}");
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
            let cache = if path == "/app.js" { "no-cache" } else { "no-store" };
            assert_eq!(answer.header("cache-control"), cache, "{path}");
        }
    }
}

#[tokio::test]
async fn data_is_json_by_its_model() {
    let page = PageSetup::default().start().await;
    let overview = page.get("/api/overview").await;
    assert_eq!(overview.header("content-type"), "application/json");
    let overview = overview.json();
    assert_eq!(overview["mounts"][0]["readers"].as_array().unwrap().len(), 4);
    assert_eq!(overview["control"], true);
    assert_eq!(page.get("/api/history").await.json()["given_bps"].as_array().unwrap().len(), 600);
    let torrents = page.get("/api/torrents?mountpoint=/mnt/torrents").await.json();
    assert_eq!(torrents["torrents"].as_array().unwrap().len(), super::backend::TORRENTS);
    let hash = hash_of(1);
    let torrent = page.get(&format!("/api/torrents/{}", hash.to_uppercase())).await.json();
    assert_eq!(torrent["info_hash"], hash);
    assert_eq!(torrent["files"].as_array().unwrap().len(), 12);
    let pieces = page.get(&format!("/api/pieces?info_hash={hash}&file_index=3")).await.json();
    assert!(pieces["have"].as_str().unwrap().len() > 50);
    let few = format!("/api/pieces?info_hash={hash}&buckets=8&mountpoint=%2Fmnt%2Ftorrents");
    assert_eq!(page.get(&few).await.json()["have"].as_str().unwrap().len(), 8);
    let hits = page.get("/api/search?q=film+MKV&limit=1").await.json();
    assert_eq!(hits["hits"].as_array().unwrap().len(), 1);
    assert_eq!(hits["is_cut"], true);
}

#[tokio::test]
async fn wrong_requests_say_what_is_wrong() {
    let page = PageSetup { mounts: 2, ..PageSetup::default() }.start().await;
    let hash = hash_of(1);
    for (path, status, kind) in [
        ("/api/torrents".to_owned(), 409, "ambiguous"),
        ("/api/torrents?mountpoint=/x".to_owned(), 404, "unknown_mount"),
        ("/api/torrents?mountpoint=%00".to_owned(), 404, "unknown_mount"),
        ("/api/torrents?mountpoint=%zz".to_owned(), 400, "bad_request"),
        ("/api/torrents?mountpoint=%ff".to_owned(), 400, "bad_request"),
        ("/api/torrents?a=1&a=2".to_owned(), 400, "bad_request"),
        ("/api/search".to_owned(), 400, "bad_request"),
        ("/api/search?q=a&limit=-1".to_owned(), 400, "bad_request"),
        (format!("/api/search?q={}", "a".repeat(1001)), 400, "bad_request"),
        (format!("/api/pieces?info_hash={hash}"), 409, "ambiguous"),
        ("/api/pieces?info_hash=xyz".to_owned(), 400, "bad_request"),
        ("/api/pieces".to_owned(), 400, "bad_request"),
        (format!("/api/pieces?info_hash={hash}&file_index=4294967296"), 400, "bad_request"),
        (format!("/api/torrents/{}", "0".repeat(39)), 404, "unknown_path"),
        ("/api/nothing".to_owned(), 404, "unknown_path"),
        ("/api/add".to_owned(), 405, "wrong_method"),
    ] {
        let answer = page.get(&path).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.json()["kind"], kind, "{path}");
    }
}

#[tokio::test]
async fn files_of_the_page_are_sent_once() {
    let page = PageSetup::default().start().await;
    let plain = page.send("GET", "/app.js", &[]).await;
    assert_eq!(plain.header("content-type"), "text/javascript; charset=utf-8");
    let etag = plain.header("etag").to_owned();
    let zipped = page.send("GET", "/app.js", &["accept-encoding: br, gzip;q=0.5"]).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert_eq!(zipped.header("vary"), "accept-encoding");
    assert_eq!(zipped.header("etag"), etag);
    assert!(zipped.body.len() < plain.body.len());
    assert!(zipped.body.starts_with(&[0x1f, 0x8b]));
    for (line, status) in [
        (format!("if-none-match: {etag}"), 304),
        (format!("if-none-match: \"x\", {etag}"), 304),
        ("if-none-match: \"x\"".to_owned(), 200),
        ("accept-encoding: gzip;q=0".to_owned(), 200),
    ] {
        let answer = page.send("GET", "/app.js", &[&line]).await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("content-encoding"), "");
        assert_eq!(answer.body.is_empty(), status == 304, "{line}");
    }
    let head = page.send("HEAD", "/app.js", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), plain.body.len().to_string());
    for path in ["/index.html", "/app.js.map", "/nothing.js", "/.js", "/..%2fapp.js", "/App.js"] {
        assert_eq!(page.send("GET", path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_first_view_needs_no_script_and_shows_names_as_text() {
    let page = PageSetup::default().start().await;
    let answer = page.get("/").await;
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let html = answer.text();
    assert!(!html.contains("<img"), "{html}");
    assert!(!html.contains("<b>mpv"), "{html}");
    assert!(html.contains("<bdi>&lt;img src=x onerror=alert(1)&gt;.mkv</bdi>"), "{html}");
    assert!(html.contains("&lt;img src=x onerror=alert(4)&gt;"), "left out");
    assert!(html.contains("s for piece 812, 3 peers connected"), "{html}");
    assert!(html.contains("connection refused (os error 111)"), "{html}");
    assert!(html.contains("<noscript><meta http-equiv=\"refresh\""), "{html}");
    assert!(html.contains("<script type=\"module\" src=\"/app.js\">"), "the page itself");
    assert_eq!(html.matches("<script").count(), 2);
    let page = PageSetup { mounts: 2, ..PageSetup::default() }.start().await;
    let html = page.get("/").await.text();
    assert!(html.contains("<bdi>/srv/media/&lt;b&gt;second&lt;/b&gt;</bdi>"), "{html}");
    let page = PageSetup { mounts: 0, ..PageSetup::default() }.start().await;
    assert!(page.get("/").await.text().contains("Nothing is mounted."));
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_hangs_is_not_waited_for() {
    let setup = PageSetup { fault: OverviewFault::Hangs, ..PageSetup::default() };
    let page = setup.start().await;
    let answer = page.get("/api/overview").await;
    assert_eq!((answer.status, answer.json()["kind"].as_str()), (503, Some("unavailable")));
    assert_eq!(page.get("/").await.status, 503);
    assert_eq!(page.get("/api/history").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_backend_costs_one_overview() {
    let setup = PageSetup { fault: OverviewFault::PanicsOnce, ..PageSetup::default() };
    let page = setup.start().await;
    assert_eq!(page.get("/api/overview").await.status, 200);
    assert_eq!(page.seen.overviews.load(Ordering::SeqCst), 2);
}
