//! Requests of the API, and refused ones.

use expect_test::{Expect, expect};
use tfs_api::wire::*;
use tfs_api::{ControlClient, ControlError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::fake::{FakeMount, Served};

#[tokio::test]
async fn each_request_reaches_the_mount_and_its_answer_comes_back() {
    let served = Served::start(vec![FakeMount::at("/m")]).await;
    let client = served.client();

    let process = client.mounts().await.unwrap();
    assert_eq!(process.pid, std::process::id());
    assert_eq!(process.mounts[0].mountpoint, "/m");
    let status = client.status().await.unwrap();
    assert_eq!(status.pid, std::process::id());
    let [mount] = &status.mounts[..] else { panic!("{status:?}") };
    assert_eq!((mount.device.as_str(), mount.status.tree.files), ("0:45", 2));
    let embedded = client.embedded().await.unwrap();
    assert_eq!(embedded.servers[0].mountpoint, "/m");
    assert_eq!(embedded.servers[0].access.password, "5ecr3t");
    let shown = format!("{embedded:?}");
    assert!(shown.contains("127.0.0.1") && !shown.contains("5ecr3t"), "{shown}");
    assert_eq!(client.refresh("/m").await.unwrap().added, ["a"]);
    assert_eq!(client.cache_stats("/m").await.unwrap().cached_bytes, 7);
    let clear = ClearRequest { mountpoint: None, parts: CacheParts::Data };
    assert_eq!(client.clear_cache(&clear).await.unwrap().memory_bytes, 7);
    let query = QueryText::Glob("*.mkv".to_owned());
    let search = SearchRequest { mountpoint: None, query, limit: 5 };
    assert_eq!(client.search(&search).await.unwrap(), SearchAnswer::default());
    let tagged = TagRequest {
        torrents: vec!["07".repeat(20)],
        add: vec!["Kids".to_owned()],
        ..TagRequest::default()
    };
    client.tag(&tagged).await.unwrap();
    let force = UnmountRequest { mode: UnmountMode::Force, ..UnmountRequest::default() };
    client.unmount(&force).await.unwrap();
    let tag = "tag 1 [Tag(\"kids\")] [] false";
    let want = ["refresh", "clear Data", "search Glob(\"*.mkv\") 5", tag, "unmount Force"];
    assert_eq!(served.mounts[0].asked(), want);
}

#[tokio::test]
async fn who_is_in_the_way_of_an_unmount_is_told() {
    let served = Served::start(vec![FakeMount::at("/m")]).await;
    let refused = served.client().unmount(&UnmountRequest::default()).await.unwrap_err();
    let ControlError::Refused(failure) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.kind, FailureKind::Busy);
    assert_eq!((failure.holders[0].pid, failure.holders[0].command.as_str()), (7, "mpv"));
}

#[tokio::test]
async fn of_several_mounts_one_has_to_be_named() {
    let served = Served::start(vec![FakeMount::at("/m"), FakeMount::at("/n")]).await;
    let client = served.client();
    client.refresh("/n").await.unwrap();
    assert_eq!(served.mounts[0].asked(), [""; 0]);
    assert_eq!(served.mounts[1].asked(), ["refresh"]);
    let kind = |error| {
        let ControlError::Refused(failure) = error else { panic!("{error:?}") };
        failure.kind
    };
    let unknown = client.refresh("/elsewhere").await.unwrap_err();
    assert_eq!(kind(unknown), FailureKind::UnknownMount);
    let ambiguous = client.unmount(&UnmountRequest::default()).await.unwrap_err();
    assert_eq!(kind(ambiguous), FailureKind::Ambiguous);
}

#[tokio::test]
async fn tags_reach_all_mounts_and_wrong_ones_none() {
    let served = Served::start(vec![FakeMount::at("/m"), FakeMount::at("/n")]).await;
    let client = served.client();
    let request = |torrent: &str, add: &str| TagRequest {
        torrents: vec![torrent.to_owned()],
        add: vec![add.to_owned()],
        ..TagRequest::default()
    };
    let hash = "07".repeat(20);
    let many = TagRequest { torrents: vec![hash.clone(); 1001], ..TagRequest::default() };
    for wrong in [request("film", "kids"), request(&hash, "a,b"), request(&hash, ""), many] {
        let ControlError::Refused(failure) = client.tag(&wrong).await.unwrap_err() else {
            panic!("{wrong:?}")
        };
        assert_eq!(failure.kind, FailureKind::BadRequest, "{failure}");
    }
    client.tag(&request(&hash, "kids")).await.unwrap();
    // A failure of the first does not keep the second from it.
    let remove = TagRequest { add: Vec::new(), remove_all: true, ..request(&hash, "") };
    client.tag(&remove).await.unwrap_err();
    for mount in &served.mounts {
        assert_eq!(mount.asked(), ["tag 1 [Tag(\"kids\")] [] false", "tag 1 [] [] true"]);
    }
}

/// Sends bytes unchanged; returns the first line of the response and its body.
async fn exchange(served: &Served, request: &str) -> String {
    let mut connection = UnixStream::connect(served.socket()).await.unwrap();
    // The server may have closed the connection before everything was written.
    drop(connection.write_all(request.as_bytes()).await);
    let mut answer = Vec::new();
    drop(connection.read_to_end(&mut answer).await);
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.lines().next().unwrap_or_default().to_owned();
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    format!("{status}\n{body}")
}

#[track_caller]
fn check(request: &str, want: &Expect) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let served = Served::start(vec![FakeMount::at("/m")]).await;
        let answer = exchange(&served, request).await;
        assert_eq!(served.mounts[0].asked(), [""; 0], "nothing was done");
        answer
    });
    want.assert_eq(&answer);
}

fn post(path: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: \
         {len}\r\n\r\n{body}"
    )
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

#[test]
fn what_cannot_be_asked_is_refused_with_a_reason() {
    check(
        &get("/"),
        &expect![[r#"
        HTTP/1.1 404 Not Found
        {"kind":"unknown_path","message":"version 1 of the API has no /"}"#]],
    );
    check(
        &get("/v2/mounts"),
        &expect![[r#"
        HTTP/1.1 404 Not Found
        {"kind":"unknown_path","message":"version 1 of the API has no /v2/mounts"}"#]],
    );
    check(
        &get("/v1/nothing"),
        &expect![[r#"
        HTTP/1.1 404 Not Found
        {"kind":"unknown_path","message":"version 1 of the API has no /v1/nothing"}"#]],
    );
    check(
        &post("/v1/reload", ""),
        &expect![[r#"
        HTTP/1.1 409 Conflict
        {"kind":"not_daemon","message":"the process is not a daemon and has no configuration to reload"}"#]],
    );
    check(
        &get("/v1/unmount"),
        &expect![[r#"
        HTTP/1.1 405 Method Not Allowed
        {"kind":"wrong_method","message":"the path requires POST"}"#]],
    );
    check(
        &post("/v1/status", ""),
        &expect![[r#"
        HTTP/1.1 405 Method Not Allowed
        {"kind":"wrong_method","message":"the path requires GET"}"#]],
    );
}

#[test]
fn a_body_that_is_no_request_is_refused_with_a_reason() {
    check(
        &post("/v1/unmount", "{"),
        &expect![[r#"
        HTTP/1.1 400 Bad Request
        {"kind":"bad_request","message":"EOF while parsing an object at line 1 column 1"}"#]],
    );
    check(
        &post("/v1/unmount", r#"{"mod":"force"}"#),
        &expect![[r#"
        HTTP/1.1 400 Bad Request
        {"kind":"bad_request","message":"unknown field `mod`, expected `mountpoint` or `mode` at line 1 column 6"}"#]],
    );
    check(
        &post("/v1/unmount", r#"{"mode":"hard"}"#),
        &expect![[r#"
        HTTP/1.1 400 Bad Request
        {"kind":"bad_request","message":"unknown variant `hard`, expected one of `clean`, `lazy`, `force` at line 1 column 14"}"#]],
    );
    check(
        &post("/v1/cache/clear", ""),
        &expect![[r#"
        HTTP/1.1 400 Bad Request
        {"kind":"bad_request","message":"missing field `parts` at line 1 column 2"}"#]],
    );
    check(
        &post("/v1/refresh", &" ".repeat(70_000)),
        &expect![[r#"
        HTTP/1.1 413 Payload Too Large
        {"kind":"too_large","message":"a request body may have at most 65536 bytes"}"#]],
    );
}

#[test]
fn what_is_no_http_gets_no_answer_of_ours() {
    check(
        "\u{1}\u{2}\r\n\r\n",
        &expect![[r#"
        HTTP/1.1 400 Bad Request
    "#]],
    );
    check(
        &format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(200_000)),
        &expect![[r#"
        HTTP/1.1 431 Request Header Fields Too Large
    "#]],
    );
}

/// Runs a fake process that answers with bytes unchanged.
async fn check_client(answer: &str, want: &Expect) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let client = ControlClient::new(path.clone());
    let play = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        assert_ne!(connection.read(&mut head).await.unwrap(), 0);
        connection.write_all(answer.as_bytes()).await.unwrap();
    };
    let (error, ()) = tokio::join!(client.mounts(), play);
    let error = error.unwrap_err();
    let text = error.to_string().replace(&path.display().to_string(), "SOCKET");
    want.assert_eq(&format!(
        "{text}: {:?}",
        std::error::Error::source(&error).map(|e| e.to_string())
    ));
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    check_client(
        "",
        &expect![[
            r#"parse the answer of SOCKET: Some("connection closed before message completed")"#
        ]],
    )
    .await;
    check_client(
        "garbage\r\n\r\n",
        &expect![[r#"parse the answer of SOCKET: Some("invalid HTTP version parsed")"#]],
    )
    .await;
    check_client(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        &expect![[r#"parse the answer of SOCKET: Some("missing field `pid` at line 1 column 2")"#]],
    )
    .await;
    check_client(
        "HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\noh",
        &expect!["the process answered with status 500 Internal Server Error: None"],
    )
    .await;
    // A failure kind that only a later version defines.
    check_client(
        "HTTP/1.1 418 x\r\ncontent-length: 31\r\n\r\n{\"kind\":\"teapot\",\"message\":\"x\"}",
        &expect!["x: None"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_gone_or_does_not_answer_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let silent = ControlClient::new(path.clone()).mounts().await.unwrap_err();
    assert!(matches!(silent, ControlError::TimedOut { .. }), "{silent:?}");
    drop(listener);
    let gone = ControlClient::new(path).mounts().await.unwrap_err();
    assert!(matches!(gone, ControlError::Gone { .. }), "{gone:?}");
}

#[tokio::test]
async fn a_preload_is_told_of_line_by_line_and_given_up_with_its_connection() {
    let served = Served::start(vec![FakeMount::at("/m")]).await;
    let request = |path: &str| PreloadRequest {
        paths: vec![path.to_owned()],
        head_bytes: Some(8),
        ..PreloadRequest::default()
    };
    let mut events = Vec::new();
    served.client().preload(&request("t"), |event| events.push(event)).await.unwrap();
    assert_eq!(events.len(), 5);
    assert_eq!(events[0], PreloadEvent::Began { files: 1, total_bytes: 9 });
    assert_eq!(events[4], PreloadEvent::Ended { done: 1, failed: 0 });
    assert_eq!(served.mounts[0].asked(), ["preload [\"t\"] Some(8)"]);
    let refused = served.client().preload(&request("nothing"), |_| ()).await.unwrap_err();
    let ControlError::Refused(failure) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.kind, FailureKind::UnknownFile);

    let stuck = FakeMount { is_stuck: true, ..FakeMount::at("/m") };
    let served = Served::start(vec![stuck]).await;
    let client = served.client();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        client.preload(&request("t"), |event| told.send(event).unwrap()).await
    });
    for _ in 0..4 {
        heard.recv().await.unwrap();
    }
    task.abort();
    served.mounts[0].refresh_given_up.notified().await;
}
