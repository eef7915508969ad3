//! The recipes of `docs/guide/hooks.md`: their requests, as the other programs expect them.

use std::fs;
use std::path::Path;

use rqbit_client::{RequestUrl, UrlMethod};
use tfs_api::wire::EventKind;
use tfs_hooks::{HookBody, HookTarget, RequestTarget, run_once};

use crate::server::{HookServer, Recorded};
use crate::support::{PATIENT, batch, event, hook};

/// A request of a recipe.
struct Recipe {
    path: &'static str,
    method: UrlMethod,
    headers: &'static [(&'static str, &'static str)],
    body: HookBody,
}

/// Calls a recipe with two events, and returns its request. `answer` is that of the real program.
async fn replay(recipe: &Recipe, answer: &'static str) -> Recorded {
    let server = HookServer::start(Vec::leak(vec![answer])).await;
    let url: RequestUrl = format!("{}{}", server.url, recipe.path).parse().unwrap();
    let headers = recipe.headers.iter();
    let headers = headers.map(|(name, value)| rqbit_client::ExtraHeader::new(name, value).unwrap());
    let target =
        RequestTarget { url, method: recipe.method, headers: headers.collect(), body: recipe.body };
    let events = [event(EventKind::TorrentFinished, "film"), event(EventKind::TorrentAdded, "x")];
    run_once(&hook(HookTarget::Request(target), PATIENT), &batch(events)).await.unwrap();
    let [request] = server.requests().try_into().unwrap();
    request
}

/// `LibraryController.RefreshLibrary` of Jellyfin: POST without a body, for administrators, which
/// an API key is. It answers 204.
#[tokio::test]
async fn jellyfin_refreshes_its_library() {
    let recipe = Recipe {
        path: "/Library/Refresh",
        method: UrlMethod::Post,
        headers: &[("Authorization", "MediaBrowser Token=\"0123\"")],
        body: HookBody::Empty,
    };
    let request = replay(&recipe, "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!((&*request.line, &*request.body), ("POST /Library/Refresh", ""));
    assert!(request.has("authorization: MediaBrowser Token=\"0123\""), "{request:?}");
    assert!(request.has("content-length: 0") && !request.has_name("content-type"), "{request:?}");
}

/// Plex: GET of a section's `refresh`, with the token as a header. It answers 200 without a body.
#[tokio::test]
async fn plex_scans_its_sections() {
    let recipe = Recipe {
        path: "/library/sections/all/refresh",
        method: UrlMethod::Get,
        headers: &[("X-Plex-Token", "0123")],
        body: HookBody::Empty,
    };
    let request = replay(&recipe, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(request.line, "GET /library/sections/all/refresh");
    assert!(request.has("x-plex-token: 0123") && request.body.is_empty(), "{request:?}");
    assert!(!request.has_name("content-type"), "{request:?}");
}

/// ntfy: POST of a message as plain text, which it shows below the title. It answers 200 with JSON.
#[tokio::test]
async fn ntfy_gets_a_message() {
    let recipe = Recipe {
        path: "/my-topic",
        method: UrlMethod::Post,
        headers: &[("Title", "tfs"), ("Authorization", "Bearer tk_0123")],
        body: HookBody::Text,
    };
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let request = replay(&recipe, answer).await;
    assert_eq!(request.line, "POST /my-topic");
    assert!(request.has("title: tfs") && request.has("authorization: Bearer tk_0123"));
    // It treats other types as an attachment.
    assert!(request.has("content-type: text/plain; charset=utf-8"), "{request:?}");
    assert_eq!(request.body, "Finished: film\nAdded: x");
}

#[test]
fn the_guide_has_these_requests() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/hooks.md");
    let text = fs::read_to_string(path).unwrap();
    for part in [
        "/Library/Refresh\"",
        "Authorization: file:/etc/tfs/jellyfin",
        "MediaBrowser Token=\"",
        "/library/sections/all/refresh\"",
        "X-Plex-Token: file:/etc/tfs/plex",
        "Title: tfs",
        "body = \"text\"",
        "body = \"none\"",
        "command = [\"sh\", \"-c\"",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
