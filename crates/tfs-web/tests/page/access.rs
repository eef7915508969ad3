//! Tokens, sessions, host names.

use std::time::Duration;

use super::client::{exchange, request};
use super::fake::{PageSetup, TOKEN, TestPage, bearer};

/// Returns the status of each path.
async fn statuses(page: &TestPage, lines: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in
        ["/", "/api/overview", "/api/torrents", "/events?", "/m3u/x", "/app.css", "/healthz"]
    {
        let method = if path.starts_with("/events") { "HEAD" } else { "GET" };
        statuses.push(page.send(method, path, lines).await.status);
    }
    statuses
}

#[tokio::test]
async fn without_a_token_there_is_a_form_and_nothing_else() {
    let page = PageSetup::default().start().await;
    assert_eq!(statuses(&page, &[]).await, [401, 401, 401, 401, 404, 200, 200]);
    let answer = page.send("GET", "/", &[]).await;
    assert!(answer.text().contains("<form method=\"post\" action=\"/login\">"), "{answer:?}");
    assert!(!answer.text().contains("mnt"), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"tfs\"");
    let answer = page.send("GET", "/api/overview", &[]).await;
    assert_eq!(answer.json()["kind"], "not_permitted");
    assert_eq!(statuses(&page, &[&bearer()]).await, [200, 200, 200, 200, 404, 200, 200]);
    let cookie = page.log_in().await;
    assert_eq!(statuses(&page, &[&cookie]).await, [200, 200, 200, 200, 404, 200, 200]);
}

#[tokio::test]
async fn an_open_page_needs_no_token() {
    let page = PageSetup::open().start().await;
    assert_eq!(statuses(&page, &[]).await, [200, 200, 200, 200, 404, 200, 200]);
    assert_eq!(page.send("GET", "/login", &[]).await.header("location"), "/");
    let answer = page.post("/login", &[], b"token=x").await;
    assert_eq!((answer.status, answer.header("set-cookie")), (303, ""));
}

#[tokio::test]
async fn the_cookie_is_for_this_page_only() {
    let page = PageSetup::default().start().await;
    let body = format!("token={}", TOKEN.replace(' ', "%20"));
    let answer = page.post("/login", &[], body.as_bytes()).await;
    let cookie = answer.header("set-cookie");
    let port = page.address.port();
    assert!(cookie.starts_with(&format!("tfs_session_{port}=")), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict"), "{cookie}");
    let answer = page.post("/login", &["x-forwarded-proto: https"], body.as_bytes()).await;
    assert!(answer.header("set-cookie").ends_with("; SameSite=Strict; Secure"), "{answer:?}");
}

#[tokio::test]
async fn a_session_ends_with_a_logout() {
    let page = PageSetup::default().start().await;
    let (cookie, other) = (page.log_in().await, page.log_in().await);
    assert_eq!(page.send("GET", "/logout", &[&cookie]).await.status, 405);
    let origin = format!("origin: http://{}", page.address);
    let foreign = page.post("/logout", &[&cookie, "origin: http://evil.example"], b"").await;
    assert_eq!(foreign.status, 403);
    assert_eq!(page.send("GET", "/api/overview", &[&cookie]).await.status, 200);
    let answer = page.post("/logout", &[&cookie, &origin], b"").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/login"));
    assert!(answer.header("set-cookie").contains("=; Path=/; Max-Age=0;"), "{answer:?}");
    assert_eq!(page.send("GET", "/api/overview", &[&cookie]).await.status, 401);
    assert_eq!(page.send("GET", "/api/overview", &[&other]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn guesses_are_few_and_do_not_end_sessions() {
    let page = PageSetup::default().start().await;
    let cookie = page.log_in().await;
    for count in 0..12 {
        let expected = if count < 10 { 401 } else { 429 };
        let answer = match count % 2 {
            0 => page.post("/login", &[], b"token=wrong+horse").await,
            _ => page.send("GET", "/api/overview", &["authorization: Bearer wrong"]).await,
        };
        assert_eq!(answer.status, expected, "{count}: {answer:?}");
        assert!(!answer.text().contains("correct"), "{answer:?}");
    }
    let answer = page.get("/api/overview").await;
    assert_eq!(answer.status, 429, "the right one is not compared: {answer:?}");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(page.send("GET", "/api/overview", &[&cookie]).await.status, 200);
    assert_eq!(page.send("GET", "/", &[]).await.status, 401, "no guess");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_refused_after_a_pause() {
    let page = PageSetup::default().start().await;
    for (method, path, lines, body) in [
        ("GET", "/api/overview", &["authorization: Bearer wrong"][..], ""),
        ("GET", "/", &["authorization: Basic eDp3cm9uZw=="], ""),
        ("POST", "/login", &[], "token=wrong"),
        ("POST", "/login", &[], ""),
        ("POST", "/login", &[], "nothing"),
    ] {
        let begun_at = tokio::time::Instant::now();
        let bytes = request(page.address, method, path, lines, body.as_bytes());
        let answer = exchange(page.address, &bytes).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(begun_at.elapsed() >= Duration::from_millis(500), "{path} {body}");
    }
}

#[tokio::test]
async fn scripts_send_the_token_as_a_password() {
    let page = PageSetup::default().start().await;
    // user:correct horse
    let basic = "authorization: Basic dXNlcjpjb3JyZWN0IGhvcnNl";
    assert_eq!(page.send("GET", "/api/overview", &[basic]).await.status, 200);
}

#[tokio::test]
async fn foreign_host_names_are_refused() {
    let page = PageSetup { hosts: &["tfs.example.org"], ..PageSetup::open() }.start().await;
    for (host, expected) in [
        ("host: evil.example", 403),
        ("host: evil.example:9132", 403),
        ("host: ", 403),
        ("host: tfs.example.org", 200),
        ("host: TFS.example.org:8443", 200),
        ("host: localhost", 200),
        ("host: [::1]:9132", 200),
    ] {
        for path in ["/", "/api/overview", "/app.js", "/login", "/file/x"] {
            let answer = page.send("GET", path, &[host]).await;
            let is_refused = answer.status == 403;
            // A page without a route is no page under any name.
            assert_eq!(is_refused, expected == 403 && path != "/file/x", "{host} {path}");
        }
        assert_eq!(page.send("GET", "/healthz", &[host]).await.status, 200, "{host}");
    }
    let answer = page.send("GET", "/", &["host: evil.example"]).await;
    assert!(answer.text().contains("web.hosts"), "{answer:?}");
}

#[tokio::test]
async fn requests_of_pages_of_other_sites_are_refused() {
    let page = PageSetup::open().start().await;
    for site in ["sec-fetch-site: cross-site", "sec-fetch-site: same-site"] {
        for path in ["/api/overview", "/events", "/api/torrents", "/"] {
            let answer = page.send("GET", path, &[site, "sec-fetch-mode: no-cors"]).await;
            assert_eq!(answer.status, 403, "{path}");
        }
        let link = [site, "sec-fetch-mode: navigate"];
        assert_eq!(page.send("GET", "/", &link).await.status, 200, "a link");
        assert_eq!(page.send("GET", "/api/overview", &link).await.status, 403);
    }
}

#[tokio::test]
async fn a_link_of_another_site_loads_the_page_again_with_its_cookie() {
    let page = PageSetup::default().start().await;
    let link = ["sec-fetch-site: cross-site", "sec-fetch-mode: navigate"];
    let answer = page.send("GET", "/", &link).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("http-equiv=\"refresh\" content=\"0\""), "{answer:?}");
    // The second time it is a request of this site; without a cookie it gets the form.
    let again = ["sec-fetch-site: same-origin", "sec-fetch-mode: navigate"];
    let answer = page.send("GET", "/", &again).await;
    assert!(answer.text().contains("<form"), "{answer:?}");
}
