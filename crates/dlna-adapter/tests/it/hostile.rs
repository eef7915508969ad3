//! Requests that are not for this server, and malformed ones. The server goes on.

use tfs_testkit::fake::single_file;

use crate::support::{CONTENT_DIRECTORY, CONTROL, TOKEN, TestServer, browse_arguments, films};

/// Returns the status of an answer.
fn status_of(answer: &str) -> &str {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or("")
}

#[tokio::test]
async fn descriptions_are_there_for_addresses_only() {
    let server = TestServer::start(Vec::new());
    for path in ["/description.xml", "/content-directory.xml", "/connection-manager.xml"] {
        let answer = server.request("GET", path, "").await;
        assert_eq!(status_of(&answer), "200", "{path}");
        assert!(answer.contains("content-type: text/xml; charset=\"utf-8\"\r\n"), "{answer}");
        assert_eq!(status_of(&server.request("POST", path, "").await), "405");
        let foreign =
            format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        assert_eq!(status_of(&server.send(foreign.as_bytes()).await), "403");
    }
    let description = server.request("GET", "/description.xml", "").await;
    assert!(description.contains("<friendlyName>tfs &lt;test&gt;</friendlyName>"));
    for path in ["/", "/k/", "/k/other/film.mkv", "/control", "/%2e%2e/", "//", "/description.xml/"]
    {
        assert_eq!(status_of(&server.request("GET", path, "").await), "404", "{path}");
    }
    assert_eq!(status_of(&server.request("GET", CONTROL, "").await), "405");
    let counts = server.server.counts();
    assert_eq!((counts.requests, counts.refused), (18, 12));
}

#[tokio::test]
async fn malformed_calls_are_refused() {
    let server = TestServer::start(vec![films()]);
    let browse = browse_arguments("0", "BrowseDirectChildren", 0, 0);
    let deep = format!("<s><s>{}", "<a>".repeat(5000));
    let bomb = "<!DOCTYPE a [<!ENTITY b \"&c;&c;\"><!ENTITY c \"x\">]><s><s><Browse><ObjectID>&b;\
                </ObjectID></Browse></s></s>";
    for (action, body, status) in [
        ("Browse", String::new(), "500"),
        ("Browse", "no xml".to_owned(), "500"),
        ("Browse", deep, "500"),
        ("Browse", bomb.to_owned(), "500"),
        ("Browse", "x".repeat(17 << 10), "413"),
        ("Browse", format!("<s><s><Search>{browse}</Search></s></s>"), "500"),
        ("Search", format!("<s><s><Search>{browse}</Search></s></s>"), "500"),
        ("", format!("<s><s><Browse>{browse}</Browse></s></s>"), "500"),
        ("Browse", format!("<s><s><Browse>{browse}</Browse></s></s>"), "200"),
    ] {
        let answer = server.post(action, &body).await;
        assert_eq!(status_of(&answer), status, "{action} {body:.100}: {answer}");
    }
    // Without the header, or with that of another service, as a page of a browser could send it.
    for header in ["", "SOAPACTION: Browse\r\n", "SOAPACTION: \"urn:x#Browse\"\r\n"] {
        assert_eq!(status_of(&server.request("POST", CONTROL, header).await), "400", "{header}");
    }
    for request in
        [&b"\r\n\r\n"[..], b"GET", b"\xff\xfe\x00\r\n\r\n", b"M-SEARCH * HTTP/1.1\r\n\r\n"]
    {
        let _answer = server.send(request).await;
    }
    let long = "x".repeat(20 << 10);
    let answer = server.request("GET", "/description.xml", &format!("A: {long}\r\n")).await;
    assert_eq!(status_of(&answer), "431");
    assert_eq!(server.browse("0", "BrowseDirectChildren", 0, 0).await.total, 1);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_awaited_for_long() {
    let server = TestServer::start(Vec::new());
    let head = format!(
        "POST {CONTROL} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         SOAPACTION: \"{CONTENT_DIRECTORY}#Browse\"\r\nContent-Length: 100\r\n\r\n<s>"
    );
    assert_eq!(status_of(&server.send(head.as_bytes()).await), "408");
}

#[tokio::test]
async fn files_get_the_headers_of_dlna() {
    let server = TestServer::start(vec![single_file(1, "a.mkv", 9), single_file(2, "b.jpg", 9)]);
    for (name, flags) in [("a.mkv", "017"), ("b.jpg", "00f")] {
        let range = "transferMode.dlna.org: Background\r\nRange: bytes=2-3\r\n";
        let answer = server.request("GET", &format!("/k/{TOKEN}/{name}"), range).await;
        assert_eq!(status_of(&answer), "206", "{answer}");
        let features = "contentfeatures.dlna.org: DLNA.ORG_OP=01;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=";
        assert!(answer.contains(&format!("{features}{flags}")), "{answer}");
        assert!(answer.contains("transfermode.dlna.org: Background\r\n"), "{answer}");
        assert!(answer.contains("content-range: bytes 2-3/9\r\n"), "{answer}");
    }
    let head = server.request("HEAD", &format!("/k/{TOKEN}/a.mkv"), "").await;
    assert_eq!(status_of(&head), "200");
    assert!(head.contains("content-length: 9\r\n"), "{head}");
    assert!(head.contains("accept-ranges: bytes\r\n"), "{head}");
    let unknown = server.request("GET", &format!("/k/{TOKEN}/c.mkv"), "").await;
    assert_eq!(status_of(&unknown), "404");
    assert!(!unknown.contains("dlna.org"), "{unknown}");
    let other = "ffeeddccbbaa99887766554433221100";
    let stranger = server.request("GET", &format!("/k/{other}/a.mkv"), "").await;
    assert_eq!(status_of(&stranger), "404");
    assert_eq!(server.server.counts().sent_bytes, 4);
}
