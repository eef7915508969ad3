//! Requests: what is sent, what is repeated, what is final.

use std::time::Duration;

use rqbit_client::{ExtraHeader, UrlMethod};
use tfs_api::wire::{EventKind, ServiceEvent};
use tfs_hooks::{HookBody, HookSettings, HookTarget, RequestTarget, run_once};
use tokio::net::TcpListener;

use crate::server::HookServer;
use crate::support::{PATIENT, batch, call, event, hook};

const DONE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

pub(crate) fn request(url: &str, headers: &[(&str, &str)], body: HookBody) -> HookSettings {
    let headers = headers.iter().map(|(name, value)| ExtraHeader::new(name, value).unwrap());
    let method = if body == HookBody::Empty { UrlMethod::Get } else { UrlMethod::Post };
    let target =
        RequestTarget { url: url.parse().unwrap(), method, headers: headers.collect(), body };
    hook(HookTarget::Request(target), PATIENT)
}

#[tokio::test]
async fn a_request_has_the_events_and_is_sent_once() {
    let server = HookServer::start(&[DONE]).await;
    let settings = request(&format!("{}/a?b=c", server.url), &[], HookBody::Json);
    let events = [event(EventKind::TorrentAdded, "a\n\"b\""), event(EventKind::ServerUp, "x")];
    run_once(&settings, &batch(events.clone())).await.unwrap();
    let [request] = server.requests().try_into().unwrap();
    assert_eq!(request.line, "POST /a?b=c");
    assert!(request.has("content-type: application/json") && request.has("tfs-events: 2"));
    assert!(request.has(concat!("user-agent: tfs/", env!("CARGO_PKG_VERSION"))), "{request:?}");
    let read: Vec<ServiceEvent> = serde_json::from_str(&request.body).unwrap();
    assert_eq!(read, events);
}

/// Lets the pauses between attempts pass without waiting, while connections are real.
async fn call_without_pauses(settings: &HookSettings) -> Result<(), String> {
    tokio::time::pause();
    let result = call(settings).await;
    tokio::time::resume();
    result
}

#[tokio::test]
async fn what_fails_for_the_moment_is_repeated() {
    const LATE: &str = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n";
    let server = HookServer::start(&[BROKEN, "", LATE, DONE]).await;
    let settings = request(&server.url, &[], HookBody::Json);
    call_without_pauses(&settings).await.unwrap();
    assert_eq!(server.requests().len(), 4);
    let server = HookServer::start(&[BROKEN]).await;
    let settings = request(&server.url, &[], HookBody::Json);
    let error = call_without_pauses(&settings).await.unwrap_err();
    assert!(error.starts_with(&server.url) && error.contains("503"), "{error}");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_server_that_is_down_for_twenty_seconds_gets_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let settings = request(&format!("http://{address}"), &[], HookBody::Json);
    tokio::time::pause();
    let calling = tokio::spawn(async move { call(&settings).await });
    // The virtual clock runs while all tasks wait.
    let down = tokio::time::interval(Duration::from_secs(20)).tick().await;
    tokio::time::sleep_until(down + Duration::from_secs(20)).await;
    let server = HookServer::serve(TcpListener::bind(address).await.unwrap(), &[DONE]);
    calling.await.unwrap().unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_cannot_succeed_is_final_and_names_no_secret() {
    let cases = [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "404"),
        ("HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n", "409"),
        ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", "status 401"),
        (
            "HTTP/1.1 301 Moved\r\nlocation: http://elsewhere/secret\r\ncontent-length: 0\r\n\r\n",
            "it redirects, which is not followed; use the final address",
        ),
    ];
    for (answer, want) in cases {
        let server = HookServer::start(Vec::leak(vec![answer])).await;
        let url = format!("{}/secret?token=secret", server.url);
        let settings = request(&url, &[("X-Token", "secret")], HookBody::Json);
        let error = call(&settings).await.unwrap_err();
        assert!(error.contains(want) && !error.contains("secret"), "{error}");
        assert!(!format!("{settings:?}").contains("secret"));
        assert_eq!(server.requests().len(), 1, "{want}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let endless = "x".repeat(10 << 20);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{endless}");
    let server = HookServer::start(Vec::leak(vec![&*answer.leak()])).await;
    call(&request(&server.url, &[], HookBody::Json)).await.unwrap();
}
