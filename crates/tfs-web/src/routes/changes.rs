//! Changes of torrents. They need `web.control`, a token, and a request that no page of another
//! site can make a browser send.

use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use tfs_api::wire::{Acknowledged, FailureBody, FailureKind};
use tfs_http::{json, read_bytes};

use super::{Answered, PageCall};
use crate::access::{OriginClaim, Visitor, check_change};
use crate::model::{AddRequest, WebAction};
use crate::refusal::Refusal;

/// Maximum size of an action: a selection of a hundred thousand files.
const ACTION_BYTES_MAX: usize = 1 << 20;

/// Maximum size of a `.torrent` file.
const TORRENT_BYTES_MAX: usize = 10 << 20;

/// Maximum time for a body to arrive: 10 MiB over a slow line.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);

/// Content types of a torrent to add. A form of another page has other ones, except for text; that
/// one has an origin as well.
const TORRENT_TYPES: [&str; 3] =
    ["application/x-bittorrent", "application/octet-stream", "text/plain"];

/// `POST /api/torrents/HASH`
pub(super) async fn act(call: &PageCall, info_hash: String, body: Incoming) -> Answered {
    check_right(call).await?;
    if content_type(call) != "application/json" {
        return Err(Refusal::unsupported("the content type must be application/json"));
    }
    let body = read_body(call, body, ACTION_BYTES_MAX).await?;
    let action: WebAction = serde_json::from_slice(&body)
        .map_err(|error| FailureBody::new(FailureKind::BadRequest, error.to_string()))?;
    tracing::info!(info_hash, ?action, "a torrent is changed by the page");
    call.site.backend.act(call.query.mount(), info_hash, action).await?;
    Ok(json(&Ok(Acknowledged {})))
}

/// `POST /api/add`
pub(super) async fn add(call: &PageCall, body: Incoming) -> Answered {
    check_right(call).await?;
    if !TORRENT_TYPES.contains(&content_type(call).as_str()) {
        return Err(Refusal::unsupported(
            "the content type must be application/x-bittorrent, or text/plain for a magnet link",
        ));
    }
    let paused = call.query.value("paused", false)?;
    let overwrite = call.query.value("overwrite", false)?;
    let content = read_body(call, body, TORRENT_BYTES_MAX).await?;
    let server = call.query.get("server").map(str::to_owned);
    let request = AddRequest { mount: call.query.mount(), server, paused, overwrite, content };
    let added = call.site.backend.add(request).await?;
    tracing::info!(info_hash = added.info_hash, is_new = added.added, "added by the page");
    Ok(json(&Ok(added)))
}

/// Checks that the request may change torrents.
async fn check_right(call: &PageCall) -> Result<(), Refusal> {
    let PageCall { site, head, host, .. } = call;
    let claim = check_change(&head.headers, host.as_ref(), &site.hosts)?;
    let visitor = call.visitor().await.map_err(Refusal::denied)?;
    if !site.control {
        return Err(Refusal::forbidden(
            "controls are switched off; set web.control = true in the configuration of tfs",
        ));
    }
    match (visitor, claim) {
        (Visitor::Token, _) | (Visitor::Session(_), OriginClaim::SameSite) => Ok(()),
        (Visitor::Session(_), OriginClaim::Nothing) => Err(Refusal::forbidden(
            "a browser that says where the request comes from is needed; programs send the token \
             as \"Authorization: Bearer TOKEN\"",
        )),
        (Visitor::Anyone, _) => Err(Refusal::forbidden("controls need a token")),
    }
}

async fn read_body(call: &PageCall, body: Incoming, bytes_max: usize) -> Result<Bytes, Refusal> {
    let place = call.site.body_places.try_acquire();
    let _place = place.map_err(|_full| Refusal::too_many("too many uploads at once"))?;
    Ok(read_bytes(body, bytes_max, BODY_TIME_MAX).await?)
}

/// Returns the content type without parameters, in lower case.
fn content_type(call: &PageCall) -> String {
    let value = call.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}
